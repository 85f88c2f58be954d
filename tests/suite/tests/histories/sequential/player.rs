//! Plays a history on a backend and holds each answer against the model.

use proptest::test_runner::TestCaseError;
use registry_host::{Applied, Capability, Committed, Entry, Error, ErrorKind, Outcome, Registry, Result, SessionId};

use super::{
    history::{CLIENTS, Check, History, Step},
    locks::Locks,
    numbers::{MOMENTS, Numbers},
    past::{Past, lock_name},
    watches::Watches,
};
use crate::{
    backend::Backend,
    model::{Answer, Holder, Kept, Model, Owner, Refusal},
    operation::{Operation, TOP, write},
};

/// The clients of a backend, which last from one history to the next.
pub(crate) struct Player {
    backend: Backend,
    clients: Vec<Registry>,
    sessions: [usize; CLIENTS],
}

/// A history that is being played.
struct Play<'a> {
    player: &'a mut Player,
    model: Model,
    past: Past,
    numbers: Numbers,
    locks: Locks,
    watches: Watches,
}

/// Nothing, or how the backend differs from the model.
type Played<T = ()> = std::result::Result<T, String>;

macro_rules! differs {
    ($($what:tt)+) => { return Err(format!($($what)+)) };
}

impl Player {
    /// Opens clients.
    pub(crate) async fn open(backend: Backend) -> Self {
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            clients.push(backend.client().await.expect("a client opens"));
        }
        Player { backend, clients, sessions: [0; CLIENTS] }
    }

    /// Plays a history from an empty registry.
    pub(crate) async fn play(&mut self, history: &History) -> std::result::Result<(), TestCaseError> {
        let name = self.backend.name();
        let fail = |step: usize, why: String| TestCaseError::fail(format!("{name} in step {step}: {why}"));
        self.clients[0].delete_recursive(TOP).await.map_err(|error| fail(0, unexpected(error)))?;
        let model = Model::new(self.clients[0].capabilities().has(Capability::StableCreated));
        let (past, numbers) = (Past::default(), Numbers::default());
        let (locks, watches) = (Locks::new(), Watches::default());
        let mut play = Play { player: self, model, past, numbers, locks, watches };
        for (number, step) in history.steps.iter().enumerate() {
            let took = play.take(number, step, history.clients).await;
            took.map_err(|why| fail(number, why))?;
        }
        play.end().await.map_err(|why| fail(history.steps.len(), why))
    }
}

impl Play<'_> {
    async fn take(&mut self, number: usize, step: &Step, clients: usize) -> Played {
        let at = (number as u64 + 1) * MOMENTS;
        match step {
            Step::Commit { client, checks, operations } => {
                self.commit(at, *client % clients, checks, operations).await?;
            }
            Step::Read { client, key } => self.read(*client % clients, key).await?,
            Step::Reopen { client } => self.reopen(*client % clients).await?,
            Step::Lock { client, lock, wait } => self.lock(*client % clients, *lock, *wait).await?,
            Step::Unlock { lock, release } => {
                self.locks.leave(*lock, *release).await.map_err(unexpected)?;
                self.model.holders.remove(&lock_name(*lock));
                // A guard that is dropped is released in the background.
                match release {
                    true => self.locks.look(&self.player.clients[0]).await?,
                    false => self.locks.settle(&self.player.clients[0]).await?,
                }
            }
            Step::LockEntry { client, key } => self.lock_entry(at, *client % clients, key).await?,
            Step::Watch { client, key, scope } => {
                let client = *client % clients;
                self.watches.open(client, &self.player.clients[client], key, *scope).await;
            }
            Step::Settle => self.settle().await?,
        }
        self.past.remember(&self.model, at);
        let reader = &self.player.clients[number % clients];
        let listed = reader.list(TOP).await.map_err(unexpected)?;
        self.compare(None, &listed)
    }

    async fn commit(&mut self, at: u64, client: usize, checks: &[Check], operations: &[Operation]) -> Played {
        let conditions: Vec<_> = checks.iter().map(|check| self.past.condition(check)).collect();
        let came = self.send(client, checks, operations).await;
        let expected = self.model.commit(at, self.owner(client), &conditions, operations);
        match (&expected, &came) {
            (Ok(answers), Ok(committed)) if answers.len() == committed.applied().len() => {
                for (operation, (expected, came)) in operations.iter().zip(answers.iter().zip(committed.applied())) {
                    match (*expected, *came) {
                        (Answer::Put { version: expected }, Applied::Put { version }) => {
                            self.numbers.relate_version(&operation.key, expected, version.get())?;
                        }
                        (Answer::Deleted { count: expected }, Applied::Deleted { count }) if expected == count => {}
                        _ => differs!("expected {expected:?}, came {came:?}"),
                    }
                }
                Ok(())
            }
            (Err(refusal), Err(error)) if is_of(refusal, error) => Ok(()),
            _ => differs!("expected {expected:?}, came {came:?}"),
        }
    }

    async fn send(&self, client: usize, checks: &[Check], operations: &[Operation]) -> Result<Committed> {
        let held = |check: &Check| match check {
            Check::Holds(lock, back) => Some(self.locks.held(*lock, self.past.holder(*lock, *back))),
            _ => None,
        };
        let held: Vec<_> = checks.iter().map(held).collect();
        let mut txn = self.player.clients[client].txn();
        for (check, held) in checks.iter().zip(&held) {
            match (check, held) {
                (Check::Absent(key), _) => txn.check_absent(key),
                (Check::Present(key), _) => txn.check_present(key),
                (Check::Version(key, back), _) => {
                    let former = self.past.former(key, *back).map(|(version, _)| version);
                    txn.check_version(key, self.numbers.version(former).unwrap_or(0).into())
                }
                (Check::Lives(key, back), _) => {
                    let former = self.past.former(key, *back).map(|(_, created)| created);
                    txn.check_held_entry(key, self.numbers.creation(former).unwrap_or(0).into())
                }
                (Check::Holds(..), Some(held)) => txn.check_held_entry(&held.entry, held.token),
                (Check::Holds(..), None) => &mut txn,
            };
        }
        write(&mut txn, operations);
        txn.commit().await
    }

    async fn read(&mut self, client: usize, key: &str) -> Played {
        let client = self.player.clients[client].clone();
        let found = client.get(key).await.map_err(unexpected)?;
        let kept = self.model.entries.get(key).map(|kept| kept.version);
        if kept.is_some() != found.is_some() {
            differs!("expected {:?} at {key}, came {found:?}", self.model.entries.get(key));
        }
        if let Some(found) = &found {
            self.same(key, found)?;
        }
        let listed = client.list(key).await.map_err(unexpected)?;
        self.compare(Some(key), &listed)?;
        let (expected, came) = (self.model.children(key), client.children(key).await.map_err(|error| error.kind()));
        if expected != came {
            differs!("expected the children {expected:?}, came {came:?}");
        }
        Ok(())
    }

    async fn reopen(&mut self, client: usize) -> Played {
        self.watches.end(client);
        self.player.clients[client].close().await.map_err(unexpected)?;
        self.model.end(self.owner(client));
        self.locks.end(client).await;
        self.player.clients[client] = self.player.backend.client().await.map_err(unexpected)?;
        self.player.sessions[client] += 1;
        self.locks.look(&self.player.clients[client]).await
    }

    async fn lock(&mut self, client: usize, lock: usize, wait: bool) -> Played {
        let had = self.locks.ask(client, &self.player.clients[client], lock, wait).await?;
        let holder = Holder { owner: self.owner(client), token: self.past.next_holder(lock) };
        if had != self.model.lock(&lock_name(lock), holder) {
            differs!("{} was acquired: {had}, expected of {:?}", lock_name(lock), self.model.holders);
        }
        if had {
            self.past.held(lock);
        }
        self.locks.settle(&self.player.clients[client]).await
    }

    async fn lock_entry(&mut self, at: u64, client: usize, key: &str) -> Played {
        let had = self.player.clients[client].try_lock(key).await;
        let expected = self.model.lock_entry(at, key);
        match (&expected, had) {
            (Ok(()), Ok(guard)) => guard.release().await.map_err(unexpected),
            (Err(Refusal::Met(kind, _)), Err(error))
                if error.kind() == *kind && error.outcome() == Outcome::NotApplied =>
            {
                Ok(())
            }
            (_, had) => differs!("expected {expected:?} of a lock on {key}, came {had:?}"),
        }
    }

    async fn settle(&mut self) -> Played {
        let listed = self.player.clients[0].list(TOP).await.map_err(unexpected)?;
        self.compare(None, &listed)?;
        self.watches.settle(&listed).await;
        Ok(())
    }

    async fn end(mut self) -> Played {
        self.settle().await?;
        let Play { player, locks, .. } = self;
        let top = locks.top().to_owned();
        drop(locks);
        player.clients[0].delete_recursive(&top).await.map(drop).map_err(unexpected)
    }

    /// Holds a listing against the model: of the whole tree, or of a key and all below it.
    fn compare(&mut self, key: Option<&str>, listed: &[Entry]) -> Played {
        let expected: Vec<_> = self.model.list(key.unwrap_or(TOP)).into_iter().map(|(key, _)| key.to_owned()).collect();
        if !expected.iter().eq(listed.iter().map(|entry| &entry.key)) {
            differs!("expected {expected:?}, came {listed:?}");
        }
        listed.iter().try_for_each(|entry| self.same(&entry.key, entry))
    }

    /// Holds an entry against the one that the model has.
    fn same(&mut self, key: &str, entry: &Entry) -> Played {
        let Some(kept) = self.model.entries.get(key) else { differs!("expected nothing at {key}, came {entry:?}") };
        let owned = kept.owner.map(|owner| self.id(owner)) == entry.ephemeral.map(Some);
        if entry.key != key || kept.value != entry.value || !owned {
            differs!("expected {kept:?} at {key}, came {entry:?}");
        }
        let Kept { version, created, .. } = *kept;
        self.numbers.relate_version(key, version, entry.version.get())?;
        self.numbers.relate_creation(key, created, entry.created.get())
    }

    fn owner(&self, client: usize) -> Owner {
        (client, self.player.sessions[client])
    }

    /// The id of an owner's session; `None` if it has ended, as then it owns nothing.
    fn id(&self, (client, session): Owner) -> Option<SessionId> {
        (self.player.sessions[client] == session).then(|| self.player.clients[client].session().id())
    }
}

fn unexpected(error: Error) -> String {
    format!("{error:?}")
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
