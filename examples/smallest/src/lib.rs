//! A whole backend in one file: a tree in this process's memory.

#![forbid(unsafe_code)]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use registry_plugin::{
    Applied, Backend, Check, Committed, Contact, Context, Entry, Error, ErrorKind, Key, Listing, Mode, Moment,
    Operation, Page, Result, Revision, Scope, SessionId, Txn, Version, WatchSink, config::config,
};
use tokio::sync::watch;

config! {
    /// What stands under `registry.smallest`; a key that is not here is refused by name.
    pub struct Config {
        /// What `registry status` shows.
        greeting: String,
    }
}

#[derive(Clone, Default)]
struct Tree {
    revision: u64,
    entries: BTreeMap<String, Entry>,
    /// Sessions that were broken off, and when they expire.
    dying: Vec<(SessionId, Moment)>,
}

static TREE: LazyLock<watch::Sender<Tree>> = LazyLock::new(watch::Sender::default);
static SESSIONS: AtomicU64 = AtomicU64::new(1);

pub struct Smallest {
    greeting: String,
    namespace: String,
    session: SessionId,
}

impl Backend for Smallest {
    const NAME: &'static str = "smallest";
    type Config = Config;

    async fn connect(config: Config, context: Context) -> Result<Self> {
        let session = SessionId(SESSIONS.fetch_add(1, Ordering::Relaxed));
        context.session().connected(session, context.session_timeout(), Contact::Always);
        // The task is dropped when the connection ends, however it does: after `close` nothing is left to expire.
        let broken_off = BreakOff { session, timeout: context.session_timeout() };
        context.spawn(async move {
            let _broken_off = broken_off;
            expire().await;
        });
        Ok(Smallest { greeting: config.greeting, namespace: context.namespace().to_owned(), session })
    }

    async fn server(&self) -> Result<String> {
        Ok(format!("smallest {}", self.greeting))
    }

    async fn get(&self, key: Key<'_>) -> Result<Option<Entry>> {
        Ok(TREE.borrow().entries.get(&self.place(key)).map(|entry| self.shown(entry)))
    }

    async fn children(&self, key: Key<'_>) -> Result<Vec<String>> {
        let listed = self.list_of(key);
        if listed.is_empty() && !key.is_root() {
            return Err(Error::new(ErrorKind::NotFound, "there is no such entry"));
        }
        // Also a child that is not an entry itself, but has some below it.
        let above = key.child("");
        let below = listed.iter().filter_map(|entry| entry.key.strip_prefix(&above)?.split('/').next());
        Ok(below.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect())
    }

    async fn list(&self, key: Key<'_>, _: Page) -> Result<Listing> {
        Ok(Listing::last(self.list_of(key)))
    }

    async fn commit(&self, txn: Txn<'_>) -> Result<Committed> {
        let mut result = Ok(Committed::default());
        TREE.send_if_modified(|tree| {
            let mut after = tree.clone();
            result = self.apply(&mut after, txn);
            if result.is_ok() {
                *tree = after;
            }
            result.is_ok()
        });
        result
    }

    async fn watch(&self, key: Key<'_>, scope: Scope, sink: WatchSink) -> Result<()> {
        let mut changes = TREE.subscribe();
        changes.mark_unchanged();
        let covered = || self.list_of(key).into_iter().filter(|entry| scope.covers(key, entry.key()));
        // The whole state at the beginning, and after a break, had this backend any: the SDK finds what is different.
        let mut known: Vec<Entry> = covered().collect();
        sink.resync(known.clone());
        loop {
            tokio::select! {
                () = sink.closed() => return Ok(()),
                _ = changes.changed() => {}
            }
            let now: Vec<Entry> = covered().collect();
            let there: BTreeSet<_> = now.iter().map(|entry| entry.key.as_str()).collect();
            for gone in known.iter().filter(|known| !there.contains(known.key.as_str())) {
                sink.delete(&gone.key);
            }
            // What has not changed is passed over.
            now.iter().cloned().for_each(|entry| sink.put(entry));
            known = now;
            // A tree that never rests must let others have their turn.
            tokio::task::yield_now().await;
        }
    }

    async fn close(&self) -> Result<()> {
        TREE.send_modify(|tree| tree.end(self.session));
        Ok(())
    }
}

impl Smallest {
    fn place(&self, key: Key<'_>) -> String {
        format!("{}{}", self.namespace, key)
    }

    fn shown(&self, entry: &Entry) -> Entry {
        let mut entry = entry.clone();
        entry.key.drain(..self.namespace.len());
        entry
    }

    /// The key's own entry and all below it, sorted by bytes.
    fn list_of(&self, key: Key<'_>) -> Vec<Entry> {
        let (place, below) = (self.place(key), self.place(Key::from_checked(&key.child(""))));
        let tree = TREE.borrow();
        let own = tree.entries.get(&place).filter(|_| !key.is_root());
        let rest = tree.entries.range(below.clone()..).take_while(|(other, _)| other.starts_with(&below));
        own.into_iter().chain(rest.map(|(_, entry)| entry)).map(|entry| self.shown(entry)).collect()
    }

    fn apply(&self, tree: &mut Tree, txn: Txn<'_>) -> Result<Committed> {
        let mut failed = Vec::new();
        for (number, check) in txn.checks.iter().enumerate() {
            let found = tree.entries.get(&self.place(check.key()));
            let holds = match check {
                Check::Absent(_) => found.is_none(),
                Check::Present(_) => found.is_some(),
                Check::Version(_, version) => found.is_some_and(|entry| entry.version == *version),
                Check::Held { token, .. } => {
                    found.is_some_and(|entry| entry.is_ephemeral() && *token == entry.created.into())
                }
                _ => return Err(Error::new(ErrorKind::Unsupported, "an unknown check")),
            };
            if !holds {
                failed.push(number);
            }
        }
        if !failed.is_empty() {
            return Err(Error::condition_failed(failed));
        }
        tree.revision += 1;
        let (version, revision) = (Version::new(tree.revision), Revision::new(tree.revision));
        let mut applied = Vec::new();
        for operation in txn.operations {
            let key = operation.key();
            let place = self.place(key);
            let below = format!("{place}/");
            let has_children = tree.entries.range(below.clone()..).next().is_some_and(|(k, _)| k.starts_with(&below));
            match *operation {
                Operation::Put { value, mode, .. } => {
                    for above in key.ancestors() {
                        let place = self.place(above);
                        let entry = tree.entries.entry(place.clone());
                        if entry.or_insert_with(|| Entry::new(place, "", version, revision, None)).is_ephemeral() {
                            let message = format!("{above} is ephemeral and can't have children");
                            return Err(Error::new(ErrorKind::EphemeralParent, message).or_key(key));
                        }
                    }
                    if mode == Mode::Ephemeral && has_children {
                        return Err(Error::new(ErrorKind::HasChildren, "delete its children first").or_key(key));
                    }
                    let owner = (mode == Mode::Ephemeral).then_some(self.session);
                    let created = tree.entries.get(&place).map_or(revision, |entry| entry.created);
                    let entry = Entry::new(place.clone(), value.to_vec(), version, created, owner);
                    tree.entries.insert(place, entry);
                    applied.push(Applied::Put { version });
                }
                Operation::Delete(_) if has_children => {
                    return Err(Error::new(ErrorKind::HasChildren, "delete its children first").or_key(key));
                }
                Operation::Delete(_) | Operation::DeleteRecursive(_) => {
                    let before = tree.entries.len();
                    tree.entries.retain(|other, _| *other != place && !other.starts_with(&below));
                    applied.push(Applied::Deleted { count: (before - tree.entries.len()) as u64 });
                }
                _ => return Err(Error::new(ErrorKind::Unsupported, "an unknown operation")),
            }
        }
        Ok(Committed::new(applied))
    }
}

impl Tree {
    fn end(&mut self, session: SessionId) {
        self.entries.retain(|_, entry| entry.ephemeral != Some(session));
        self.dying.retain(|(dying, _)| *dying != session);
    }
}

struct BreakOff {
    session: SessionId,
    timeout: std::time::Duration,
}

impl Drop for BreakOff {
    fn drop(&mut self) {
        let over = Moment::now() + self.timeout;
        TREE.send_modify(|tree| tree.dying.push((self.session, over)));
    }
}

/// Ends the sessions that were broken off, each when its time has come.
async fn expire() {
    let mut changes = TREE.subscribe();
    loop {
        let next = changes.borrow_and_update().dying.iter().min_by_key(|(_, over)| *over).copied();
        match next {
            Some((session, over)) if over <= Moment::now() => TREE.send_modify(|tree| tree.end(session)),
            Some((_, over)) => {
                let wait = tokio::time::timeout(over.since(Moment::now()), changes.changed());
                // Either is a reason to look again.
                let _ = wait.await;
            }
            None => {
                // The sender is a static.
                let _ = changes.changed().await;
            }
        }
    }
}

registry_plugin::export_plugin!(Smallest);
