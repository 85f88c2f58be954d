//! The memory backend with a fault of choice.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use registry_memory::{Memory, TreeName};
use registry_plugin::{
    Applied, Backend, Bytes, Capabilities, Capability, Check, Committed, Context, Entry, Error, Held, Key, Listing,
    LockRequest, Mode, Operation, Outcome, Page, Result, Scope, Txn, Version, WatchSink,
    config::{config, value},
    export,
    lock::recipe,
};
use serde::Deserialize;

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $fault:ident = $name:literal),+ $(,)?) => {
        /// What the backend does wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
        pub(crate) enum Fault {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $fault,)+
        }

        impl Fault {
            /// As the configuration has it.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Fault::$fault => $name,)+
                }
            }
        }
    };
}

faults! {
    /// Nothing.
    None = "none",
    /// `created` is the version.
    RenewsCreated = "renews-created",
    /// No entry has an owner.
    ForgetsOwners = "forgets-owners",
    /// A key is read once, and that is told from then on.
    RepeatsFirstReads = "repeats-first-reads",
    /// What begins alike is listed too.
    CrossesBoundaries = "crosses-boundaries",
    /// A listing ends after a thousand.
    CutsLists = "cuts-lists",
    /// A value ends at the first byte that is not text.
    CutsValues = "cuts-values",
    /// Every descendant is a child.
    NamesEveryone = "names-everyone",
    /// Nothing has no children, too.
    FindsNothing = "finds-nothing",
    /// What lies above is written with what is put.
    TouchesParents = "touches-parents",
    /// A delete counts one more.
    MiscountsDeletes = "miscounts-deletes",
    /// Checks are taken to hold.
    IgnoresChecks = "ignores-checks",
    /// Checks are judged a moment before the Txn is applied.
    JudgesTooEarly = "judges-too-early",
    /// The first check is blamed for all.
    NamesWrongChecks = "names-wrong-checks",
    /// Each operation is applied by itself.
    SplitsTxns = "splits-txns",
    /// Operations are applied in the other order.
    TurnsTxnsRound = "turns-txns-round",
    /// A put takes over by deleting first.
    DeletesBeforePuts = "deletes-before-puts",
    /// No entry is ephemeral.
    PutsAllAsPersistent = "puts-all-as-persistent",
    /// Refused writes may have been applied.
    IsNeverSure = "is-never-sure",
    /// Closing leaves the session.
    NeverCloses = "never-closes",
    /// A watch ends with its first state.
    WatchesNothingLater = "watches-nothing-later",
    /// A watch begins without what is there.
    WatchesNothingFirst = "watches-nothing-first",
    /// A lock is given to every caller.
    LocksForAll = "locks-for-all",
    /// Tokens shrink.
    CountsTokensDown = "counts-tokens-down",
    /// A lock is never left.
    NeverUnlocks = "never-unlocks",
    /// It lacks every capability.
    LacksEverything = "lacks-everything",
}

/// The memory backend with a fault.
pub(crate) struct Lawless {
    memory: Memory,
    fault: Fault,
    read: Mutex<HashMap<String, Option<Entry>>>,
}

config! {
    pub(crate) struct Config {
        /// What is wrong.
        fault: Fault = "none",
        /// Its tree.
        tree: TreeName = "default",
    }
}

value!(Fault, "text");

extern "C" fn about() -> export::RawAbout {
    let (version, licence, homepage) = ("0.1.0", "Apache-2.0", "");
    export::about::<Lawless>(export::Package { version, licence, homepage, panic_unwind: cfg!(panic = "unwind") })
}

/// The backend, to be linked in.
pub(crate) fn linked_plugin() -> export::RootRef {
    export::linked::<Lawless>(cfg!(panic = "unwind"), about)
}

impl Lawless {
    fn seen(&self, mut entry: Entry) -> Entry {
        match self.fault {
            Fault::RenewsCreated => entry.created = entry.version.into(),
            Fault::ForgetsOwners => entry.ephemeral = None,
            Fault::CutsValues => {
                let text = entry.value.iter().position(|byte| !byte.is_ascii_graphic());
                entry.value = entry.value.slice(..text.unwrap_or(entry.value.len()));
            }
            _ => {}
        }
        entry
    }

    async fn whole(&self, key: Key<'_>) -> Result<Vec<Entry>> {
        match self.memory.list(key, Page::first(usize::MAX)).await? {
            Listing::Page { entries, .. } => Ok(entries),
            _ => Ok(Vec::new()),
        }
    }

    async fn split(&self, txn: Txn<'_>) -> Result<Committed> {
        let mut applied = Vec::new();
        for (number, operation) in txn.operations.iter().enumerate() {
            let checks = if number == 0 { txn.checks } else { &[] };
            applied.extend(self.memory.commit(Txn::new(checks, std::slice::from_ref(operation))).await?.applied);
            tokio::task::yield_now().await;
        }
        Ok(Committed::new(applied))
    }
}

impl Backend for Lawless {
    const NAME: &'static str = "lawless";
    type Config = Config;

    async fn connect(config: Config, context: Context) -> Result<Self> {
        let memory = Memory::connect(registry_memory::Config { name: config.tree }, context).await?;
        Ok(Lawless { memory, fault: config.fault, read: Mutex::default() })
    }

    fn capabilities(&self) -> Capabilities {
        match self.fault {
            Fault::LacksEverything => {
                Capability::ALL.into_iter().fold(Capabilities::all(), |capabilities, capability| {
                    capabilities.without(capability, "less than that")
                })
            }
            _ => Capabilities::all(),
        }
    }

    async fn server(&self) -> Result<String> {
        self.memory.server().await
    }

    async fn get(&self, key: Key<'_>) -> Result<Option<Entry>> {
        let entry = self.memory.get(key).await?.map(|entry| self.seen(entry));
        if self.fault == Fault::RepeatsFirstReads {
            let mut read = self.read.lock().expect("nobody panics");
            return Ok(read.entry(key.to_string()).or_insert(entry).clone());
        }
        Ok(entry)
    }

    async fn children(&self, key: Key<'_>) -> Result<Vec<String>> {
        match self.fault {
            Fault::NamesEveryone => {
                self.memory.children(key).await?;
                Ok(self.whole(key).await?.iter().map(|entry| entry.key().name().to_owned()).collect())
            }
            Fault::FindsNothing => Ok(self.memory.children(key).await.unwrap_or_default()),
            _ => self.memory.children(key).await,
        }
    }

    async fn list(&self, key: Key<'_>, _page: Page) -> Result<Listing> {
        let mut entries = match (self.fault, key.parent()) {
            (Fault::CrossesBoundaries, Some(parent)) if !parent.is_root() => {
                let mut entries = self.whole(parent).await?;
                entries.retain(|entry| entry.key.starts_with(key.as_str()));
                entries
            }
            _ => self.whole(key).await?,
        };
        if self.fault == Fault::CutsLists {
            entries.truncate(1_000);
        }
        Ok(Listing::last(entries.into_iter().map(|entry| self.seen(entry)).collect()))
    }

    async fn commit(&self, txn: Txn<'_>) -> Result<Committed> {
        match self.fault {
            Fault::IgnoresChecks => self.memory.commit(Txn::new(&[], txn.operations)).await,
            Fault::JudgesTooEarly => {
                self.memory.commit(Txn::new(txn.checks, &[])).await?;
                // The fault itself: long enough for another's write to come in between.
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                self.memory.commit(Txn::new(&[], txn.operations)).await
            }
            Fault::SplitsTxns if !txn.operations.is_empty() => self.split(txn).await,
            Fault::MiscountsDeletes => {
                let mut committed = self.memory.commit(txn).await?;
                for applied in &mut committed.applied {
                    if let Applied::Deleted { count } = applied {
                        *count += 1;
                    }
                }
                Ok(committed)
            }
            Fault::TouchesParents => {
                let committed = self.memory.commit(txn).await?;
                for parent in txn.operations.iter().filter_map(|operation| operation.key().parent()) {
                    if let Some(entry) = self.memory.get(parent).await? {
                        let put = Operation::Put { key: parent, value: &entry.value, mode: Mode::Persistent };
                        self.memory.commit(Txn::new(&[], &[put])).await?;
                    }
                }
                Ok(committed)
            }
            Fault::NamesWrongChecks => {
                let blamed = |error: Error| match error.failed_checks() {
                    [] => error,
                    _ => error.set_failed_checks([0]),
                };
                self.memory.commit(txn).await.map_err(blamed)
            }
            Fault::TurnsTxnsRound => {
                let operations: Vec<_> = txn.operations.iter().rev().copied().collect();
                self.memory.commit(Txn::new(txn.checks, &operations)).await
            }
            Fault::DeletesBeforePuts => {
                if let ([], [Operation::Put { key, .. }]) = (txn.checks, txn.operations) {
                    // One that has children can't be deleted, and is put all the same.
                    let _ = self.memory.commit(Txn::new(&[Check::Present(*key)], &[Operation::Delete(*key)])).await;
                    // The fault lasts long enough for a reader that never rests to meet it.
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
                self.memory.commit(txn).await
            }
            Fault::PutsAllAsPersistent => {
                let mut operations = txn.operations.to_vec();
                for operation in &mut operations {
                    if let Operation::Put { mode, .. } = operation {
                        *mode = Mode::Persistent;
                    }
                }
                self.memory.commit(Txn::new(txn.checks, &operations)).await
            }
            Fault::IsNeverSure => self.memory.commit(txn).await.map_err(|error| error.set_outcome(Outcome::Unknown)),
            _ => self.memory.commit(txn).await,
        }
    }

    async fn watch(&self, key: Key<'_>, scope: Scope, sink: WatchSink) -> Result<()> {
        match self.fault {
            Fault::WatchesNothingLater => {
                let entries = self.whole(key).await?;
                sink.resync(entries);
                sink.closed().await;
                Ok(())
            }
            Fault::WatchesNothingFirst => {
                sink.resync(Vec::new());
                sink.closed().await;
                Ok(())
            }
            _ => self.memory.watch(key, scope, sink).await,
        }
    }

    async fn close(&self) -> Result<()> {
        if self.fault == Fault::NeverCloses {
            return Ok(());
        }
        self.memory.close().await
    }

    async fn lock(self: Arc<Self>, request: LockRequest) -> Result<Held> {
        match self.fault {
            Fault::LocksForAll => {
                let entry = request.key().child(&format!("{}-{}", request.session(), request.number()));
                let key = Key::from_checked(&entry);
                let value = Bytes::copy_from_slice(request.value());
                let put = Operation::Put { key, value: &value, mode: Mode::Ephemeral };
                let version = self.memory.commit(Txn::new(&[], &[put])).await?.version(0);
                Ok(Held::new(&*entry, version.map_or(0, Version::get).into()))
            }
            Fault::CountsTokensDown => {
                let held = recipe::lock(self, request).await?;
                Ok(Held::new(held.entry, (u64::MAX - held.token.get()).into()))
            }
            _ => recipe::lock(self, request).await,
        }
    }

    async fn unlock(self: Arc<Self>, held: Held) -> Result<()> {
        match self.fault {
            Fault::NeverUnlocks => Ok(()),
            _ => recipe::unlock(self, held).await,
        }
    }
}
