//! A registry in a few lines, with the faults that locks have to outlast.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use registry_api::{
    Applied, Capabilities, Committed, Entry, Error, ErrorKind, Key, Listing, Mode, Operation, Page, Result, Scope,
    SessionId, Txn,
};
use tokio::{runtime::Handle, sync::watch, task::yield_now, time::sleep};

use crate::{
    Backend, Contact, Context, Options, SessionReporter, WatchSink,
    tasks::Tasks,
    txn::{Found, failed_checks},
};

/// What the server keeps.
#[derive(Default)]
pub(super) struct Server {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    pub(super) lists: AtomicUsize,
    /// Whether a watch that is told of a change finds its connection closed.
    pub(super) closes: AtomicBool,
    pub(super) watches: AtomicUsize,
    pub(super) late: AtomicUsize,
}

#[derive(Default)]
struct State {
    revision: u64,
    entries: BTreeMap<String, Entry>,
    log: Vec<(String, Option<Entry>)>,
}

/// What happens to the next commits of a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    None,
    /// It is applied, and the answer is lost.
    LostAnswer,
    /// It does not arrive, and nobody knows.
    LostRequest,
    /// It is applied a moment later, whether or not its future still exists; the client hears that contact broke.
    Late,
    /// It is applied at once, but the client waits for ever.
    Silent,
    Panic,
}

/// One client with a session of its own.
pub(super) struct Tree {
    server: Arc<Server>,
    context: Context,
    fault: Mutex<(Fault, usize)>,
}

impl Server {
    pub(super) fn keys(&self) -> Vec<String> {
        self.state().entries.keys().cloned().collect()
    }

    pub(super) fn revision(&self) -> u64 {
        self.state().revision
    }

    pub(super) fn entry(&self, key: &str) -> Option<Entry> {
        self.state().entries.get(key).cloned()
    }

    pub(super) fn put(&self, key: &str, owner: Option<SessionId>) {
        let key = Key::from_checked(key);
        let mode = if owner.is_some() { Mode::Ephemeral } else { Mode::Persistent };
        let txn = [Operation::Put { key, value: b"", mode }];
        self.apply(Txn::new(&[], &txn), owner).expect("the put is allowed");
    }

    pub(super) fn delete(&self, key: &str) {
        let txn = [Operation::Delete(Key::from_checked(key))];
        self.apply(Txn::new(&[], &txn), None).expect("the delete is allowed");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics under the lock")
    }

    fn apply(&self, txn: Txn<'_>, owner: Option<SessionId>) -> Result<Committed> {
        let mut state = self.state();
        let failed = failed_checks(txn.checks, |key| state.entries.get(key.as_str()).map(Found::from));
        if !failed.is_empty() {
            return Err(Error::condition_failed(failed));
        }
        state.revision += 1;
        let mut applied = Vec::new();
        for operation in txn.operations {
            applied.push(state.operate(operation, owner)?);
        }
        let revision = state.revision;
        drop(state);
        self.changed.send_replace(revision);
        Ok(Committed::new(applied))
    }
}

impl State {
    fn operate(&mut self, operation: &Operation<'_>, owner: Option<SessionId>) -> Result<Applied> {
        match *operation {
            Operation::Put { key, value, mode } => {
                if let Some(above) = key.parent().filter(|above| !above.is_root()) {
                    match self.entries.get(above.as_str()) {
                        None => {
                            _ =
                                self.operate(&Operation::Put { key: above, value: b"", mode: Mode::Persistent }, None)?
                        }
                        Some(entry) if entry.is_ephemeral() => {
                            return Err(Error::new(ErrorKind::EphemeralParent, "ephemeral"));
                        }
                        Some(_) => {}
                    }
                }
                let created = self.entries.get(key.as_str()).map_or(self.revision.into(), |entry| entry.created);
                let owner = owner.filter(|_| mode == Mode::Ephemeral);
                let entry = Entry::new(key.as_str(), value.to_vec(), self.revision.into(), created, owner);
                self.entries.insert(entry.key.clone(), entry.clone());
                self.log.push((entry.key.clone(), Some(entry)));
                Ok(Applied::Put { version: self.revision.into() })
            }
            Operation::Delete(key) => {
                let count = self.entries.remove(key.as_str()).map_or(0, |_| 1);
                if count > 0 {
                    self.log.push((key.as_str().to_owned(), None));
                }
                Ok(Applied::Deleted { count })
            }
            _ => Err(Error::new(ErrorKind::Unsupported, "unknown operation")),
        }
    }
}

impl Tree {
    /// A client of the server with a session of that id.
    pub(super) fn connect(server: &Arc<Server>, session: u64) -> Arc<Tree> {
        Tree::connect_with(server, session, Duration::from_secs(2))
    }

    /// The same, with requests that may take that long.
    pub(super) fn connect_with(server: &Arc<Server>, session: u64, operation_timeout: Duration) -> Arc<Tree> {
        let reporter = SessionReporter::new(Box::new(|_, _| ()), 10);
        reporter.connected(SessionId(session), Duration::from_secs(30), Contact::Always);
        let options = Options { operation_timeout, ..Options::new("registry.tree") };
        let context = Context::new(options, reporter, crate::Opening::unheard(), Tasks::new(Handle::current()));
        Arc::new(Tree { server: server.clone(), context, fault: Mutex::new((Fault::None, 0)) })
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// The next `times` commits meet the fault.
    pub(super) fn fail(&self, fault: Fault, times: usize) {
        *self.fault.lock().expect("nothing panics under the lock") = (fault, times);
    }

    /// Ends the session on the server, as its timeout would.
    pub(super) fn expire(&self) {
        let session = self.session();
        let owned = |key: &String| self.server.entry(key).is_some_and(|entry| entry.ephemeral == Some(session));
        self.server.keys().iter().filter(|key| owned(key)).for_each(|key| self.server.delete(key));
    }

    fn session(&self) -> SessionId {
        self.context.session().current().expect("it is connected from the start").0
    }

    fn next_fault(&self) -> Fault {
        let mut fault = self.fault.lock().expect("nothing panics under the lock");
        if fault.1 == 0 {
            return Fault::None;
        }
        fault.1 -= 1;
        fault.0
    }
}

impl Backend for Tree {
    const NAME: &'static str = "tree";
    type Config = ();

    async fn connect(_: (), _: Context) -> Result<Self> {
        Err(Error::new(ErrorKind::Unsupported, "tests connect it themselves"))
    }

    fn claims() -> Capabilities {
        Capabilities::all()
    }

    async fn server(&self) -> Result<String> {
        Ok("tree".to_owned())
    }

    async fn get(&self, key: Key<'_>) -> Result<Option<Entry>> {
        yield_now().await;
        Ok(self.server.entry(key.as_str()))
    }

    async fn children(&self, _: Key<'_>) -> Result<Vec<String>> {
        Err(Error::new(ErrorKind::Unsupported, "locks don't ask for children"))
    }

    async fn list(&self, key: Key<'_>, page: Page) -> Result<Listing> {
        self.server.lists.fetch_add(1, Ordering::SeqCst);
        yield_now().await;
        let after = page.cursor.map(|cursor| cursor.after).unwrap_or_default();
        let state = self.server.state();
        let below = state.entries.values().filter(|entry| Scope::Subtree.covers(key, entry.key()));
        // Small pages, so that listings have several.
        let entries: Vec<Entry> = below.filter(|entry| entry.key > after).take(3).cloned().collect();
        Ok(match entries.last() {
            Some(last) if entries.len() == 3 => {
                let next = registry_api::Cursor::new(&*last.key, 0.into());
                Listing::page(entries, next)
            }
            _ => Listing::last(entries),
        })
    }

    async fn commit(&self, txn: Txn<'_>) -> Result<Committed> {
        let broken = || Err(Error::new(ErrorKind::Unavailable, "contact broke"));
        let session = Some(self.session());
        yield_now().await;
        match self.next_fault() {
            Fault::None => {
                let applied = self.server.apply(txn, session);
                yield_now().await;
                applied
            }
            Fault::LostAnswer => {
                self.server.apply(txn, session)?;
                broken()
            }
            Fault::LostRequest => broken(),
            Fault::Late => {
                let server = self.server.clone();
                let checks: Vec<String> = txn.checks.iter().map(|check| check.key().to_string()).collect();
                let puts: Vec<String> = txn.operations.iter().map(|operation| operation.key().to_string()).collect();
                tokio::spawn(async move {
                    sleep(Duration::from_millis(100)).await;
                    if checks.iter().all(|key| server.entry(key).is_none()) {
                        puts.iter().for_each(|key| server.put(key, session));
                    }
                    server.late.fetch_add(1, Ordering::SeqCst);
                });
                yield_now().await;
                broken()
            }
            Fault::Silent => {
                self.server.apply(txn, session)?;
                std::future::pending().await
            }
            Fault::Panic => panic!("on purpose"),
        }
    }

    async fn watch(&self, key: Key<'_>, scope: Scope, sink: WatchSink) -> Result<()> {
        self.server.watches.fetch_add(1, Ordering::SeqCst);
        let mut changed = self.server.changed.subscribe();
        yield_now().await;
        let mut read = {
            let state = self.server.state();
            sink.resync(state.entries.values().filter(|entry| scope.covers(key, entry.key())).cloned().collect());
            state.log.len()
        };
        loop {
            tokio::select! {
                () = sink.closed() => return Ok(()),
                _ = changed.changed() => {}
            }
            if self.server.closes.load(Ordering::SeqCst) {
                self.context().session().close();
                return Ok(());
            }
            let state = self.server.state();
            for (key, entry) in &state.log[read..] {
                match entry {
                    Some(entry) => sink.put(entry.clone()),
                    None => sink.delete(key),
                }
            }
            read = state.log.len();
        }
    }

    async fn close(&self) -> Result<()> {
        self.expire();
        Ok(())
    }
}
