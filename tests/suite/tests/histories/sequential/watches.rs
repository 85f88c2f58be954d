//! The watches of a history: what they have told is what is there.

use std::collections::BTreeMap;

use registry_host::{Entry, Key, Registry, Scope};
use registry_suite::Mirror;

/// How many watches are open at once.
const MOST: usize = 4;

/// The watches of one history.
#[derive(Default)]
pub(crate) struct Watches(Vec<Open>);

struct Open {
    client: usize,
    key: String,
    scope: Scope,
    mirror: Mirror,
}

impl Watches {
    /// Opens another, in place of the oldest if there are many.
    pub(crate) async fn open(&mut self, client: usize, registry: &Registry, key: &str, scope: Scope) {
        if self.0.len() == MOST {
            self.0.remove(0);
        }
        let mirror = Mirror::covering(registry, key, scope).await;
        self.0.push(Open { client, key: key.to_owned(), scope, mirror });
    }

    /// Drops those of a client that closes.
    pub(crate) fn end(&mut self, client: usize) {
        self.0.retain(|open| open.client != client);
    }

    /// Waits until each has told what a plain read shows.
    pub(crate) async fn settle(&mut self, listed: &[Entry]) {
        for Open { key, scope, mirror, .. } in &mut self.0 {
            let watched = Key::new(key).expect("a key of the history");
            let covered = listed.iter().filter(|entry| scope.covers(watched, entry.key()));
            let covered: BTreeMap<_, _> = covered.map(|entry| (entry.key.clone(), entry.clone())).collect();
            mirror.until(&format!("{scope} of {key} tells {covered:?}"), |mirror| mirror.state == covered).await;
        }
    }
}
