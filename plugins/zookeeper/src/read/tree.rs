//! Reading all that a watch or a listing covers, level by level (contract 2.3, 5.1).

use std::{sync::Arc, time::Duration};

use registry_plugin::{Entry, Key, Result, Scope};

use super::{
    denied::{Denied, Warned, denied},
    sweep::{Answer, Ask, Sweep},
};
use crate::{paths::Paths, session::Link};

/// What becomes of one key of many.
pub(crate) enum Now {
    /// It is there.
    Entry(Entry),
    /// It is gone.
    Gone(String),
    /// It may not be read any more, and nothing below it either.
    Hidden(String),
}

/// Reads many entries over one link.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'c> {
    pub(crate) link: &'c Link,
    pub(crate) paths: &'c Paths,
    pub(crate) warned: &'c Warned,
    /// How long one request may take.
    pub(crate) patience: Duration,
}

impl Reader<'_> {
    /// Reads an entry and all below it, sorted by the bytes of the whole keys.
    ///
    /// # Errors
    ///
    /// As [`state`](Self::state).
    pub(crate) async fn list(self, key: Key<'_>) -> Result<Vec<Entry>> {
        let mut all = Vec::new();
        self.state(key, Scope::Subtree, &mut Denied::default(), |entries| all.extend(entries)).await?;
        all.sort_unstable_by(|one: &Entry, other| one.key.cmp(&other.key));
        Ok(all)
    }

    /// Reads all entries that a scope covers, part by part, each key after those above it.
    ///
    /// # Behavior
    ///
    /// Each entry is as it was at some moment between call and return. One that was there all along is among them: so
    /// were those above it, and each was asked for its children after it was seen to have any. Foreign keys are passed
    /// over with all that is below them, and so are entries that may not be read, which `hidden` names afterwards.
    ///
    /// # Errors
    ///
    /// Those of the server, for one path as for all; `PermissionDenied` if the key itself may not be read.
    pub(crate) async fn state(
        self,
        key: Key<'_>,
        scope: Scope,
        hidden: &mut Denied,
        mut part: impl FnMut(Vec<Entry>),
    ) -> Result<()> {
        hidden.clear();
        let mut sweep = Sweep::new(self.link, self.paths, self.patience);
        // The root is not an entry.
        if scope != Scope::Children && !key.is_root() {
            sweep.ask(Ask::Entry(key.as_str().to_owned()));
        }
        // Together with its entry, not after it: many are asked for that have few children.
        if scope != Scope::Node {
            sweep.ask(Ask::Names(key.as_str().to_owned(), 0));
        }
        while let Some(answers) = sweep.next().await? {
            let mut entries = Vec::with_capacity(answers.len());
            for answer in answers {
                match answer {
                    Answer::Entry(entry, children) => {
                        if scope == Scope::Subtree && children > 0 && entry.key() != key {
                            sweep.ask(Ask::Names(entry.key.clone(), children));
                        }
                        entries.push(entry);
                    }
                    Answer::Nothing(_) => {}
                    Answer::Denied(met) if met == key.as_str() => return Err(denied(key)),
                    Answer::Denied(met) => {
                        self.warned.of(&met);
                        hidden.add(&met);
                    }
                    Answer::Names(parent, mut names) => {
                        names.sort_unstable();
                        let parent = Key::from_checked(&parent);
                        let children = names.iter().map(|name| parent.child(name));
                        children.filter(|child| Key::new(child).is_ok()).for_each(|child| sweep.ask(Ask::Entry(child)));
                    }
                }
            }
            part(entries);
        }
        Ok(())
    }

    /// Reads some keys, in their order; whether there may be more to tell below them, so that all is to be read again.
    ///
    /// # Behavior
    ///
    /// What may not be read, and what lies below it, is passed over as [`state`](Self::state) does; `hidden` is kept up
    /// to date. Below an entry that may be read again there may be others, of which nothing was told.
    ///
    /// # Errors
    ///
    /// Those of the server, for one path as for all; `PermissionDenied` if the watched key itself, `top`, may not be
    /// read.
    pub(crate) async fn each(
        self,
        top: Key<'_>,
        keys: impl IntoIterator<Item = Arc<str>>,
        hidden: &mut Denied,
        mut tell: impl FnMut(Now),
    ) -> Result<bool> {
        let mut sweep = Sweep::new(self.link, self.paths, self.patience);
        keys.into_iter().for_each(|key| sweep.ask(Ask::Entry(key.as_ref().to_owned())));
        let mut opened = false;
        while let Some(answers) = sweep.next().await? {
            for answer in answers {
                match answer {
                    Answer::Entry(entry, children) => {
                        if !hidden.hides(entry.key()) {
                            opened |= hidden.take(&entry.key) && children > 0;
                            tell(Now::Entry(entry));
                        }
                    }
                    Answer::Nothing(key) => {
                        hidden.take(&key);
                        tell(Now::Gone(key));
                    }
                    Answer::Denied(key) if key == top.as_str() => return Err(denied(top)),
                    Answer::Denied(key) => {
                        if !hidden.hides(Key::from_checked(&key)) && hidden.add(&key) {
                            self.warned.of(&key);
                            tell(Now::Hidden(key));
                        }
                    }
                    Answer::Names(..) => {}
                }
            }
        }
        Ok(opened)
    }
}
