//! What is remembered of each.

use std::collections::HashMap;

/// A number for each key: what it is owed.
#[derive(Clone, Debug, Default)]
pub struct Credits(HashMap<String, f64>);

impl Credits {
    /// Keeps those of these keys alone; a new one begins with none.
    pub fn keep<'a>(&mut self, keys: impl Iterator<Item = &'a str> + Clone) {
        let mut count = 0;
        let all_there = keys.clone().inspect(|_| count += 1).all(|key| self.0.contains_key(key));
        if !all_there || self.0.len() != count {
            self.0 = keys.map(|key| (key.to_owned(), self.0.get(key).copied().unwrap_or_default())).collect();
        }
    }

    /// What one is owed.
    pub fn of(&mut self, key: &str) -> &mut f64 {
        // Looked up first: a key is copied only when it is new.
        if !self.0.contains_key(key) {
            self.0.insert(key.to_owned(), 0.0);
        }
        self.0.get_mut(key).expect("it has just been put there")
    }
}
