//! Plays a history on a backend and holds each answer against the model.

use std::collections::BTreeMap;

use proptest::test_runner::TestCaseError;
use registry_host::{Applied, Entry, Error, ErrorKind, Outcome, Registry, SessionId, SettingsBuilder};
use registry_suite::open;

use crate::{
    history::{Check, CheckKind, Operation, OperationKind, Step, TOP},
    model::{Answer, Kept, Model, Owner, Refusal},
};

/// Two clients of a backend.
pub(crate) struct Player {
    backend: &'static str,
    settings: SettingsBuilder,
    clients: [Registry; 2],
    sessions: [usize; 2],
}

/// How the model's numbers and the backend's go together, in one history.
#[derive(Default)]
struct Numbers {
    /// By the model's: all that one Txn wrote shares its version.
    versions: BTreeMap<u64, u64>,
    /// By the model's: creations have the same order in both.
    creations: BTreeMap<u64, u64>,
    /// The newest version of each key, in the model and on the backend.
    newest: BTreeMap<String, (u64, u64)>,
}

type Played = Result<(), TestCaseError>;

macro_rules! differs {
    ($($what:tt)+) => { return Err(TestCaseError::fail(format!($($what)+))) };
}

impl Player {
    pub(crate) async fn open(backend: &'static str, settings: SettingsBuilder) -> Self {
        let client = async || open(settings.clone()).await.expect("a client opens");
        let clients = [client().await, client().await];
        Player { backend, settings, clients, sessions: [0; 2] }
    }

    /// Plays a history from an empty registry, and leaves one.
    pub(crate) async fn play(&mut self, history: &[Step]) -> Played {
        self.clients[0].delete_recursive(TOP).await.map_err(|error| self.unexpected(0, &error))?;
        let (mut model, mut numbers) = (Model::default(), Numbers::default());
        for (number, step) in history.iter().enumerate() {
            self.take(number, step, &mut model, &mut numbers).await?;
            let reader = &self.clients[number % 2];
            let listed = reader.list(TOP).await.map_err(|error| self.unexpected(number, &error))?;
            self.compare(number, model.list(TOP), &listed, &mut numbers)?;
        }
        Ok(())
    }

    async fn take(&mut self, number: usize, step: &Step, model: &mut Model, numbers: &mut Numbers) -> Played {
        match step {
            Step::Commit { client, checks, operations } => {
                self.commit(number, *client, checks, operations, model, numbers).await
            }
            Step::Read { client, key } => self.read(number, *client, key, model, numbers).await,
            Step::Reopen { client } => {
                self.clients[*client].close().await.map_err(|error| self.unexpected(number, &error))?;
                model.end(self.owner(*client));
                self.clients[*client] =
                    open(self.settings.clone()).await.map_err(|error| self.unexpected(number, &error))?;
                self.sessions[*client] += 1;
                Ok(())
            }
        }
    }

    async fn commit(
        &self,
        number: usize,
        client: usize,
        checks: &[Check],
        operations: &[Operation],
        model: &mut Model,
        numbers: &mut Numbers,
    ) -> Played {
        let mut txn = self.clients[client].txn();
        for Check { key, kind } in checks {
            txn = match *kind {
                CheckKind::Absent => txn.check_absent(key),
                CheckKind::Present => txn.check_present(key),
                CheckKind::Version(back) => {
                    let former = model.former(key, back).and_then(|(version, _)| numbers.versions.get(&version));
                    txn.check_version(key, former.copied().unwrap_or(0))
                }
                CheckKind::Held(back) => {
                    let former = model.former(key, back).and_then(|(_, created)| numbers.creations.get(&created));
                    txn.check_held_entry(key, former.copied().unwrap_or(0))
                }
            };
        }
        for Operation { key, kind } in operations {
            txn = match kind {
                OperationKind::Put(value) => txn.put(key, value),
                OperationKind::PutEphemeral(value) => txn.put_ephemeral(key, value),
                OperationKind::Delete => txn.delete(key),
                OperationKind::DeleteRecursive => txn.delete_recursive(key),
            };
        }
        let came = txn.commit().await;
        let expected = model.commit(self.owner(client), checks, operations);
        match (&expected, &came) {
            (Ok(answers), Ok(committed)) if answers.len() == committed.applied.len() => {
                for (operation, (expected, came)) in operations.iter().zip(answers.iter().zip(&committed.applied)) {
                    match (*expected, *came) {
                        (Answer::Put { version: expected }, Applied::Put { version }) => {
                            self.relate(number, &operation.key, expected, version, numbers)?;
                        }
                        (Answer::Deleted { count: expected }, Applied::Deleted { count }) if expected == count => {}
                        _ => differs!("{} in step {number}: expected {expected:?}, came {came:?}", self.backend),
                    }
                }
                Ok(())
            }
            (Err(refusal), Err(error)) if is_of(refusal, error) => Ok(()),
            _ => differs!("{} in step {number}: expected {expected:?}, came {came:?}", self.backend),
        }
    }

    async fn read(&self, number: usize, client: usize, key: &str, model: &Model, numbers: &mut Numbers) -> Played {
        let client = &self.clients[client];
        let found = client.get(key).await.map_err(|error| self.unexpected(number, &error))?;
        let kept = model.list(key).into_iter().filter(|(other, _)| *other == key).collect();
        self.compare(number, kept, found.as_slice(), numbers)?;
        let listed = client.list(key).await.map_err(|error| self.unexpected(number, &error))?;
        self.compare(number, model.list(key), &listed, numbers)?;
        let (expected, came) = (model.children(key), client.children(key).await.map_err(|error| error.kind()));
        if expected != came {
            differs!("{} in step {number}: expected the children {expected:?}, came {came:?}", self.backend);
        }
        Ok(())
    }

    fn compare(&self, number: usize, kept: Vec<(&String, &Kept)>, listed: &[Entry], numbers: &mut Numbers) -> Played {
        let same = |((key, kept), entry): (&(&String, &Kept), &Entry)| {
            **key == entry.key
                && kept.value == entry.value
                && kept.owner.map(|owner| self.id(owner)) == entry.ephemeral.map(Some)
        };
        if kept.len() != listed.len() || !kept.iter().zip(listed).all(same) {
            differs!("{} in step {number}: expected {kept:?}, came {listed:?}", self.backend);
        }
        for ((key, kept), entry) in kept.into_iter().zip(listed) {
            self.relate(number, key, kept.version, entry.version, numbers)?;
            let came = *numbers.creations.entry(kept.created).or_insert(entry.created);
            let creations: Vec<_> = numbers.creations.values().collect();
            if came != entry.created || !creations.is_sorted_by(|earlier, later| earlier < later) {
                differs!(
                    "{} in step {number}: {key} is created at {}, of {:?}",
                    self.backend,
                    entry.created,
                    numbers.creations
                );
            }
        }
        Ok(())
    }

    /// A version stands for the same moment wherever it is met, and those of one key grow.
    fn relate(&self, number: usize, key: &str, expected: u64, came: u64, numbers: &mut Numbers) -> Played {
        let known = *numbers.versions.entry(expected).or_insert(came);
        let newest = numbers.newest.insert(key.to_owned(), (expected, came));
        let grows = newest.is_none_or(|(before, was)| expected.cmp(&before) == came.cmp(&was));
        if known != came || !grows {
            differs!(
                "{} in step {number}: {key} has version {came}, expected {known}, before {newest:?}",
                self.backend
            );
        }
        Ok(())
    }

    fn owner(&self, client: usize) -> Owner {
        (client, self.sessions[client])
    }

    /// The id of an owner's session; nothing if it is over, as then it owns nothing.
    fn id(&self, (client, session): Owner) -> Option<SessionId> {
        (self.sessions[client] == session).then(|| self.clients[client].session().id())
    }

    fn unexpected(&self, number: usize, error: &Error) -> TestCaseError {
        TestCaseError::fail(format!("{} in step {number}: {error:?}", self.backend))
    }
}

/// Whether the error says what the model does; of the checks that failed it may name some only.
fn is_of(refusal: &Refusal, error: &Error) -> bool {
    let (kind, fits) = match refusal {
        Refusal::InvalidTxn => (ErrorKind::InvalidTxn, true),
        Refusal::Checks(failed) => {
            let named = error.failed_checks();
            (ErrorKind::ConditionFailed, !named.is_empty() && named.iter().all(|check| failed.contains(check)))
        }
        Refusal::Met(kind, key) => (*kind, error.key() == Some(key)),
    };
    error.kind() == kind && error.outcome() == Outcome::NotApplied && fits
}
