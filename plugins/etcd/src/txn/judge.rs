//! Whether a Txn may be applied: its operations one after another, each seeing the former ones (contract 3.1 to 3.5).

use std::collections::HashMap;

use registry_plugin::{
    Error, ErrorKind, Key, Mode, Operation, Result, Txn, Version,
    txn::{condition_failed, failed_checks},
};

use super::seen::{Facts, Seen};

/// What a Txn rests on, beside its checks, and what it creates by the way.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan<'a> {
    /// Ancestors that must be persistent entries, and the version they were seen at.
    pub(super) present: Vec<(Key<'a>, Option<Version>)>,
    /// Ancestors that must be missing.
    pub(super) missing: Vec<Key<'a>>,
    /// Those of them that no operation puts: they are created.
    pub(super) created: Vec<Key<'a>>,
    /// Keys with nothing below them but what this Txn deletes.
    pub(super) childless: Vec<Key<'a>>,
}

impl<'a> Plan<'a> {
    /// The plan for a tree in which all ancestors are there and what must have no children has none.
    ///
    /// It is nothing where such a guess can't be right or can't be told to the server: then the tree is looked at
    /// first.
    pub(super) fn guess(txn: &Txn<'a>) -> Option<Self> {
        Walk::new(txn, None).run().ok()
    }

    /// The plan for the tree as it was seen.
    ///
    /// # Errors
    ///
    /// `ConditionFailed` before all others, then the error of the first operation that breaks a rule.
    pub(super) fn judge(txn: &Txn<'a>, seen: &Seen<'a>) -> Result<Self> {
        let failed = failed_checks(txn.checks, |key| seen.entries.get(&key).map(Facts::found));
        if !failed.is_empty() {
            return Err(condition_failed(txn, failed));
        }
        Walk::new(txn, Some(seen)).run()
    }
}

/// A walk through the operations, with what they have changed so far.
struct Walk<'a, 'b> {
    txn: &'b Txn<'a>,
    seen: Option<&'b Seen<'a>>,
    /// What operations and created ancestors have made of a key; `None` for deleted.
    changed: HashMap<Key<'a>, Option<Mode>>,
    plan: Plan<'a>,
}

impl<'a, 'b> Walk<'a, 'b> {
    fn new(txn: &'b Txn<'a>, seen: Option<&'b Seen<'a>>) -> Self {
        Walk { txn, seen, changed: HashMap::new(), plan: Plan::default() }
    }

    fn run(mut self) -> Result<Plan<'a>> {
        for operation in self.txn.operations {
            match operation {
                Operation::Put { key, mode, .. } => {
                    for ancestor in key.ancestors() {
                        self.above(ancestor, *key)?;
                    }
                    if *mode == Mode::Ephemeral {
                        self.childless(*key, "can't become ephemeral")?;
                    }
                    self.changed.insert(*key, Some(*mode));
                }
                Operation::Delete(key) => {
                    self.childless(*key, "can't be deleted alone")?;
                    self.changed.insert(*key, None);
                }
                // It has no rule to break, and stands alone.
                _ => {}
            }
        }
        Ok(self.plan)
    }

    /// An ancestor of a key that is put must be a persistent entry, or becomes one.
    fn above(&mut self, ancestor: Key<'a>, key: Key<'a>) -> Result<()> {
        match self.changed.get(&ancestor) {
            Some(Some(Mode::Persistent)) => return Ok(()),
            Some(Some(Mode::Ephemeral)) => return Err(ephemeral_parent(ancestor, key)),
            // A put below a key deleted in the same Txn is refused before; it would create it again.
            Some(None) | None => {}
        }
        match self.seen.map(|seen| seen.entries.get(&ancestor)) {
            Some(Some(facts)) if facts.ephemeral.is_some() => return Err(ephemeral_parent(ancestor, key)),
            Some(Some(facts)) => self.plan.present.push((ancestor, Some(facts.version))),
            None => self.plan.present.push((ancestor, None)),
            Some(None) => {
                self.plan.missing.push(ancestor);
                let put =
                    |operation: &Operation<'_>| matches!(operation, Operation::Put { key, .. } if *key == ancestor);
                if !self.txn.operations.iter().any(put) {
                    self.plan.created.push(ancestor);
                }
            }
        }
        self.changed.insert(ancestor, Some(Mode::Persistent));
        Ok(())
    }

    /// A key that must have no children by now.
    fn childless(&mut self, key: Key<'a>, what: &str) -> Result<()> {
        let mut deleted = 0;
        for (below, now) in &self.changed {
            if key.contains(*below) {
                match now {
                    Some(_) => return Err(has_children(key, below.as_str(), what)),
                    None => deleted += 1,
                }
            }
        }
        match self.seen {
            // That all below is deleted by then can only be said of what was seen.
            None if deleted > 0 => return Err(has_children(key, "", what)),
            None => {}
            Some(seen) => {
                let left = seen.below.get(&key).into_iter().flatten().find(|below| {
                    let below = std::str::from_utf8(below).map(Key::from_checked);
                    !below.is_ok_and(|below| self.changed.get(&below) == Some(&None))
                });
                if let Some(left) = left {
                    return Err(has_children(key, &String::from_utf8_lossy(left), what));
                }
            }
        }
        self.plan.childless.push(key);
        Ok(())
    }
}

fn ephemeral_parent(ancestor: Key<'_>, key: Key<'_>) -> Error {
    Error::new(
        ErrorKind::EphemeralParent,
        format!("{ancestor} is ephemeral and can't have children, put it persistent first or choose another key"),
    )
    .or_key(key)
}

fn has_children(key: Key<'_>, child: &str, what: &str) -> Error {
    Error::new(ErrorKind::HasChildren, format!("it has {child:?} below it and {what}, delete that first")).or_key(key)
}
