//! Reading all that a watch or a listing covers, level by level (contract 2.3, 5.1).

use std::{sync::Arc, time::Duration};

use registry_plugin::{Entry, Key, Result, Scope};
use zookeeper_client::Client;

use super::sweep::{Answer, Ask, Sweep};
use crate::paths::Paths;

/// What becomes of one key of many.
pub(crate) enum Now {
    /// It is there.
    Entry(Entry),
    /// It is gone.
    Gone(String),
}

/// Reads many entries by way of one client.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'c> {
    pub(crate) client: &'c Client,
    pub(crate) paths: &'c Paths,
    /// How long one request may take.
    pub(crate) patience: Duration,
}

impl Reader<'_> {
    /// Reads an entry and all below it, sorted by the bytes of the whole keys.
    ///
    /// # Errors
    ///
    /// Those of the server, for one path as for all.
    pub(crate) async fn list(self, key: Key<'_>) -> Result<Vec<Entry>> {
        let mut all = Vec::new();
        self.state(key, Scope::Subtree, |entries| all.extend(entries)).await?;
        all.sort_unstable_by(|one: &Entry, other| one.key.cmp(&other.key));
        Ok(all)
    }

    /// Reads all entries that a scope covers, part by part, each key after those above it.
    ///
    /// # Behavior
    ///
    /// Each entry is as it was at some moment between call and return. One that was there all along is among them: so were
    /// those above it, and each was asked for its children after it was seen to have any. Foreign keys are passed over with
    /// all that is below them.
    ///
    /// # Errors
    ///
    /// Those of the server, for one path as for all.
    pub(crate) async fn state(self, key: Key<'_>, scope: Scope, mut part: impl FnMut(Vec<Entry>)) -> Result<()> {
        let mut sweep = Sweep::new(self.client, self.paths, self.patience);
        // The root is no entry.
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

    /// Reads some keys, in their order.
    ///
    /// # Errors
    ///
    /// Those of the server, for one path as for all.
    pub(crate) async fn each(self, keys: impl IntoIterator<Item = Arc<str>>, mut tell: impl FnMut(Now)) -> Result<()> {
        let mut sweep = Sweep::new(self.client, self.paths, self.patience);
        keys.into_iter().for_each(|key| sweep.ask(Ask::Entry(key.as_ref().to_owned())));
        while let Some(answers) = sweep.next().await? {
            for answer in answers {
                match answer {
                    Answer::Entry(entry, _) => tell(Now::Entry(entry)),
                    Answer::Nothing(key) => tell(Now::Gone(key)),
                    Answer::Names(..) => {}
                }
            }
        }
        Ok(())
    }
}
