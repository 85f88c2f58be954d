//! The trait that a backend implements.

use std::sync::Arc;

use registry_api::{Capabilities, Committed, Entry, Held, Key, Listing, Page, Result, Scope, Txn};
use registry_config::Section;

use crate::{
    Context, LockRequest, WatchSink,
    lock::{FORMS, recipe},
};

/// A connection to a coordination registry.
///
/// # Behavior
///
/// Keys and Txns that arrive have been held against the contract's limits. Every call is given a deadline from outside:
/// its future is dropped when the deadline passes, so that a dropped future must leave nothing behind that a session
/// would not clean up. While the session is suspended no call is started. Futures are polled with the plugin's own
/// runtime entered; `block_on` and `block_in_place` must not be used. A panic becomes an error of the call that it
/// happened in.
pub trait Backend: Send + Sync + Sized + 'static {
    /// The name that `registry.type` selects the backend by: lower-case letters, digits and `-`.
    const NAME: &'static str;

    /// A session without contact is declared lost `timeout / MARGIN_DIVISOR` before the server could expire it (4.3).
    const MARGIN_DIVISOR: u32 = 10;

    /// The crates whose log lines are forwarded at the level of `debug` at most. They warn of what is an ordinary step
    /// of this backend, which logs itself what its host has to know.
    const QUIETED: &'static [&'static str] = &[];

    /// What the session timeout is called in the backend's section, beside `session-timeout`; the host reads both, and
    /// what comes of it is [`Context::session_timeout`].
    const SESSION_TIMEOUT: Option<&'static str> = None;

    /// What the list of servers is called in the backend's section: there a command line writes the servers that it is
    /// given. `None` if the backend has no servers.
    const SERVERS: Option<&'static str> = None;

    /// The forms that the names of a lock's queue entries have, to show locks by. The parts of a form are
    /// explained at [`registry_abi::QUEUE_ENTRY`]. The default is that of [the default queue](Backend::lock).
    const QUEUE_ENTRIES: &'static [&'static str] = FORMS;

    /// The backend's own configuration: what stands under `registry.<name>`, declared by
    /// [`config!`](macro@crate::config::config). Its keys are shown by `registry plugins show`, and which are secret.
    type Config: Section + Send + 'static;

    /// What the backend can do at best, known before it is connected.
    fn claims() -> Capabilities {
        Capabilities::all()
    }

    /// Opens the one session.
    ///
    /// # Behavior
    ///
    /// [`SessionReporter::connected`](crate::SessionReporter::connected) has been called before this returns.
    /// Background work goes through [`Context::spawn`], so that it ends with the connection. What it waits for is told
    /// to [`Context::opening`](Context::opening), which also says how long the host will wait. Several servers are best
    /// tried by a [`race`](crate::race::race).
    ///
    /// # Errors
    ///
    /// `InvalidConfig` before anything is sent; `Unavailable`, `Unauthenticated` and so on from the server.
    fn connect(config: Self::Config, context: Context) -> impl Future<Output = Result<Self>> + Send;

    /// What this connection can do.
    fn capabilities(&self) -> Capabilities {
        Self::claims()
    }

    /// The server's name and version in a few words, asked of the server itself; it shows that the server answers.
    fn server(&self) -> impl Future<Output = Result<String>> + Send;

    /// Reads one entry (2.1). The root is never asked for. The entry's own `key` may be left empty: the asker knows it.
    fn get(&self, key: Key<'_>) -> impl Future<Output = Result<Option<Entry>>> + Send;

    /// Reads one entry if the answer is at hand; `None` if [`get`](Backend::get) has to be asked.
    ///
    /// # Behavior
    ///
    /// It is for backends that have their entries in this process: such an answer needs no future, which costs more
    /// than a look at a map. It must not wait, and the plugin's runtime is not entered. It is asked only while the
    /// session is connected.
    fn get_at_hand(&self, _key: Key<'_>) -> Option<Result<Option<Entry>>> {
        None
    }

    /// Names the direct children, in any order (2.2).
    ///
    /// # Errors
    ///
    /// `NotFound` if neither the key nor a descendant exists; never for the root.
    fn children(&self, key: Key<'_>) -> impl Future<Output = Result<Vec<String>>> + Send;

    /// Reads one page of the key's own entry and all below it, sorted by bytes (2.3). The root is never asked for.
    ///
    /// # Behavior
    ///
    /// An entry that may not be read is passed over (1.5).
    ///
    /// # Errors
    ///
    /// `PermissionDenied` if the key itself may not be read.
    fn list(&self, key: Key<'_>, page: Page) -> impl Future<Output = Result<Listing>> + Send;

    /// Reads one page of the queue of the lock `key`, for [the default queue](Backend::lock); the default lists the
    /// key.
    ///
    /// # Behavior
    ///
    /// A backend whose `list` passes over entries that may not be read overrides it: nobody who stands in a queue may
    /// be passed over.
    ///
    /// # Errors
    ///
    /// `PermissionDenied` if a part of the queue may not be read.
    fn queue(&self, lock: Key<'_>, page: Page) -> impl Future<Output = Result<Listing>> + Send {
        self.list(lock, page)
    }

    /// Applies a Txn whole or not at all (3).
    ///
    /// # Errors
    ///
    /// `ConditionFailed` with the checks that did not hold, `HasChildren`, `EphemeralParent`; `Unsupported` for a check
    /// or operation that the backend doesn't know. The outcome must be right: `NotApplied` only where it is certain.
    fn commit(&self, txn: Txn<'_>) -> impl Future<Output = Result<Committed>> + Send;

    /// Feeds a watch until its sink closes (5).
    ///
    /// # Behavior
    ///
    /// It runs on the plugin's runtime. It first gives the sink the present state with [`WatchSink::resync`], then
    /// every change; after a break it gives a fresh state the same way, and the SDK works out the difference. It goes
    /// on by itself through whatever happens to the connection, and returns `Ok` once [`WatchSink::closed`].
    ///
    /// # Errors
    ///
    /// Only what can't pass by itself, such as `PermissionDenied` if the key itself may not be read; it ends the watch.
    fn watch(&self, key: Key<'_>, scope: Scope, sink: WatchSink) -> impl Future<Output = Result<()>> + Send;

    /// Ends the session: its ephemerals and locks are gone when this returns (4.2).
    fn close(&self) -> impl Future<Output = Result<()>> + Send;

    /// Waits in the lock's queue (6); the default does so over `commit`, `list` and `watch`.
    ///
    /// # Behavior
    ///
    /// A backend that keeps its queues in another way gives [`contend`](recipe::contend) a
    /// [`QueuePlace`](crate::lock::QueuePlace) of its own.
    ///
    /// # Cancellation
    ///
    /// Dropping the future leaves the queue in the background.
    fn lock(self: Arc<Self>, request: LockRequest) -> impl Future<Output = Result<Held>> + Send {
        recipe::lock(self, request)
    }

    /// Leaves a lock's queue, holding or waiting; leaving one that was left already is not an error.
    fn unlock(self: Arc<Self>, held: Held) -> impl Future<Output = Result<()>> + Send {
        recipe::unlock(self, held)
    }
}
