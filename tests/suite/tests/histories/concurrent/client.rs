//! A client of a program: does its part and writes down what comes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use registry_host::{Applied, Capabilities, Capability, Entry, Error, ErrorKind, Guard, Held, Outcome, Registry};
use tokio::time::timeout;

use super::{
    call::{Answer, Claim, What},
    play::Sessions,
    program::{Action, Check, Patience},
    record::{Lane, Record},
};
use crate::{
    backend::Backend,
    model::Owner,
    operation::{Operation, OperationKind, TOP, write},
};

/// The lock that all ask for.
const LOCK: &str = "/lock";

/// How long is waited for the lock.
const MOMENT: Duration = Duration::from_millis(20);

/// Less than a write takes, mostly.
const HASTE: Duration = Duration::from_micros(400);

/// A token that no holder has.
const NEVER: u64 = 0;

/// A client.
pub(crate) struct Client {
    backend: Arc<Backend>,
    record: Arc<Record>,
    registry: Registry,
    owner: Owner,
    lane: Lane,
    /// The version and creation of each key as last seen.
    seen: BTreeMap<String, (u64, u64)>,
    guard: Option<Guard>,
    held: Option<Held>,
    sessions: Sessions,
}

/// What a client reports that is no matter of order.
pub(crate) type Did<T = ()> = Result<T, String>;

impl Client {
    /// Opens one.
    pub(crate) async fn open(number: usize, backend: Arc<Backend>, record: Arc<Record>) -> Did<Self> {
        let registry = backend.client().await.map_err(unexpected)?;
        let owner = (number, 0);
        let sessions = Sessions::from([(owner, registry.session().id())]);
        let (lane, seen) = ((number, 0), BTreeMap::new());
        Ok(Client { backend, record, registry, owner, lane, seen, guard: None, held: None, sessions })
    }

    /// Does one thing.
    pub(crate) async fn act(&mut self, action: &Action) -> Did {
        match action {
            Action::Commit { checks, operations, patience } => self.commit(checks, operations, *patience).await,
            Action::Get(key) => self.get(key).await,
            Action::List => self.list().await.map(drop),
            Action::Reopen => self.reopen().await,
            Action::Lock { wait } => self.lock(*wait).await,
            Action::Unlock { release } => self.unlock(*release).await,
        }
    }

    /// Reads what is there in the end, by a way that counts everywhere: a Txn that checks what was read.
    pub(crate) async fn look(&mut self) -> Did {
        let listed = self.list().await?;
        let checks: Vec<_> = listed.into_iter().map(|entry| Check::Version(entry.key)).collect();
        self.commit(&checks, &[], Patience::Usual).await
    }

    /// Closes, and tells which sessions it had.
    pub(crate) async fn leave(mut self) -> Did<Sessions> {
        self.end().await?;
        Ok(self.sessions)
    }

    /// Removes all that was written, and tells what the backend can do.
    pub(crate) async fn clean_up(self) -> Did<Capabilities> {
        for key in [TOP, LOCK] {
            self.registry.delete_recursive(key).await.map_err(unexpected)?;
        }
        self.registry.close().await.map_err(unexpected)?;
        Ok(self.registry.capabilities().clone())
    }

    async fn commit(&mut self, checks: &[Check], operations: &[Operation], patience: Patience) -> Did {
        let capabilities = self.registry.capabilities();
        let recursive = |operation: &Operation| matches!(operation.kind, OperationKind::DeleteRecursive);
        if operations.iter().any(recursive) && !capabilities.has(Capability::AtomicRecursiveDelete) {
            return Ok(());
        }
        let claims: Vec<_> = checks.iter().map(|check| self.claim(check)).collect();
        let held = self.held.clone().unwrap_or_else(|| Held::new(format!("{LOCK}/1-0"), NEVER.into()));
        let mut txn = self.registry.txn();
        for claim in &claims {
            match claim {
                Claim::Absent(key) => txn.check_absent(key),
                Claim::Present(key) => txn.check_present(key),
                Claim::Version(key, version) => txn.check_version(key, (*version).into()),
                Claim::Lives(key, created) => txn.check_held_entry(key, (*created).into()),
                Claim::Holds(token) => txn.check_held_entry(&held.entry, (*token).into()),
            };
        }
        write(&mut txn, operations);
        let what = What::Commit { owner: self.owner, claims: claims.clone(), operations: operations.to_vec() };
        let id = self.record.ask(self.lane, what);
        let came = match patience {
            Patience::Usual => txn.commit().await,
            Patience::Hasty => txn.timeout(HASTE).commit().await,
            Patience::Fickle => match timeout(HASTE, txn.commit()).await {
                Ok(came) => came,
                Err(_) => {
                    self.go_on();
                    return Ok(());
                }
            },
        };
        match came {
            Ok(committed) => {
                for (operation, applied) in operations.iter().zip(committed.applied()) {
                    if let Applied::Put { version } = *applied {
                        self.seen.entry(operation.key.clone()).or_default().0 = version.get();
                    }
                }
                self.record.answer(id, Answer::Applied(committed.applied().to_vec()));
            }
            Err(error) => match (error.kind(), error.outcome()) {
                (ErrorKind::ConditionFailed, _) => {
                    self.record.answer(id, Answer::Failed(error.failed_checks().to_vec()));
                }
                (kind @ (ErrorKind::HasChildren | ErrorKind::EphemeralParent), _) => {
                    self.record.answer(id, Answer::Met(kind, error.key().unwrap_or_default().to_owned()));
                }
                (ErrorKind::InvalidTxn, _) => self.record.answer(id, Answer::Invalid),
                (ErrorKind::Timeout, Outcome::NotApplied) if patience != Patience::Usual => self.record.void(id),
                // A write that went a wrong way round (3.7) was done, but its answer is missing.
                (ErrorKind::Timeout, _) if patience != Patience::Usual => self.go_on(),
                (ErrorKind::VersionRace, _) => self.go_on(),
                _ => return Err(unexpected(error)),
            },
        }
        Ok(())
    }

    async fn get(&mut self, key: &str) -> Did {
        let id = self.record.ask(self.lane, What::Get(key.to_owned()));
        let found = self.registry.get(key).await.map_err(unexpected)?;
        self.see(key, found.as_ref());
        self.record.answer(id, Answer::Entry(found));
        Ok(())
    }

    async fn list(&mut self) -> Did<Vec<Entry>> {
        let id = self.record.ask(self.lane, What::List(TOP.to_owned()));
        let listed = self.registry.list(TOP).await.map_err(unexpected)?;
        for entry in &listed {
            self.see(&entry.key, Some(entry));
        }
        self.record.answer(id, Answer::Entries(listed.clone()));
        Ok(listed)
    }

    async fn reopen(&mut self) -> Did {
        self.end().await?;
        self.registry = self.backend.client().await.map_err(unexpected)?;
        self.owner.1 += 1;
        self.sessions.insert(self.owner, self.registry.session().id());
        Ok(())
    }

    async fn end(&mut self) -> Did {
        let id = self.record.ask(self.lane, What::Close(self.owner));
        self.registry.close().await.map_err(unexpected)?;
        self.record.answer(id, Answer::Done);
        // The lock has gone with the session.
        self.guard = None;
        Ok(())
    }

    /// Leaves a call without an answer.
    fn go_on(&mut self) {
        self.lane.1 += 1;
    }

    async fn lock(&mut self, wait: bool) -> Did {
        let id = self.record.ask(self.lane, What::Lock(self.owner));
        let asked = self.registry.lock(LOCK).within(MOMENT);
        let asked = if wait { asked.await } else { self.registry.try_lock(LOCK).await };
        match asked {
            Ok(guard) => {
                self.record.answer(id, Answer::Token(guard.token().get()));
                self.held = Some(guard.held().clone());
                // One that it had already will be told of by the judgement.
                self.guard = Some(guard);
            }
            Err(error) if error.kind() == ErrorKind::NotAcquired => {
                self.record.answer(id, if wait { Answer::NotAcquiredNow } else { Answer::NotAcquired });
            }
            Err(error) => return Err(unexpected(error)),
        }
        Ok(())
    }

    async fn unlock(&mut self, release: bool) -> Did {
        let Some(guard) = self.guard.take() else { return Ok(()) };
        let id = self.record.ask(self.lane, What::Unlock(guard.token().get()));
        if release {
            guard.release().await.map_err(unexpected)?;
            self.record.answer(id, Answer::Done);
        } else {
            // Nobody is told when it is done.
            drop(guard);
            self.go_on();
        }
        Ok(())
    }

    fn claim(&self, check: &Check) -> Claim {
        let seen = |key: &String| self.seen.get(key).copied().unwrap_or_default();
        match check {
            Check::Absent(key) => Claim::Absent(key.clone()),
            Check::Present(key) => Claim::Present(key.clone()),
            Check::Version(key) => Claim::Version(key.clone(), seen(key).0),
            Check::Lives(key) => Claim::Lives(key.clone(), seen(key).1),
            Check::Holds => Claim::Holds(self.held.as_ref().map_or(NEVER, |held| held.token.get())),
        }
    }

    fn see(&mut self, key: &str, entry: Option<&Entry>) {
        if let Some(entry) = entry {
            self.seen.insert(key.to_owned(), (entry.version.get(), entry.created.get()));
        }
    }
}

fn unexpected(error: Error) -> String {
    format!("{error:?}")
}
