//! What happened in a run, a line for each event: the clients and the maker of faults write it, the judge and the
//! picture read it.
#![expect(missing_docs, reason = "fields and the contract's words say what they are")]

use serde::{Deserialize, Serialize};

/// Nanoseconds on the machine's monotonic clock, which all its processes share and which goes on while one is stopped.
pub type Nanos = u64;

/// Now, on that clock.
pub fn now() -> Nanos {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// The moment, of [`Event::Holds`] and [`Event::Servers`], to which all is to come back: once the client has opened its
/// registry and does nothing with it yet; once the servers run and nobody is connected.
pub const BEGIN: &str = "begin";
/// The moment when all should be as at [`BEGIN`]: once the client has ended all that it did, before it closes its
/// registry; once all clients have closed theirs.
pub const END: &str = "end";

/// One line of a history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When it was written: before what it tells of began, for the start of something, and after it had ended, for an
    /// end.
    pub at: Nanos,
    /// Whose it is.
    pub who: Who,
    /// What happened.
    pub event: Event,
}

/// Who writes a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The maker of the faults.
    Chaos,
    /// The client of that number, a process; the second number counts its lives.
    Client(u32, u32),
}

/// The state of a session (contract 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Connected,
    Suspended,
    Lost,
    Closed,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The run begins: all that is needed to play it again; `faults` are the kinds that may be drawn.
    Run { backend: String, seed: u64, members: usize, clients: u32, seconds: u64, faults: Vec<String>, timeout_ms: u64 },
    /// A client has its first session.
    Opened { session: u64, timeout_ms: u64 },
    /// A session's state has changed, as its host was told.
    Session { state: State, session: u64 },
    /// A call is made; `deadline_ms` is how long it may take, `None` for as long as it takes.
    Called { call: u64, action: Action, deadline_ms: Option<u64> },
    /// A call has ended. `stalled_ms` is how much longer than asked for a timer of the same process took meanwhile,
    /// which is nobody's fault but the machine's.
    Answered { call: u64, answer: Answer, stalled_ms: u64 },
    /// A call's future was dropped.
    Dropped { call: u64 },
    /// `lost()` of a guard has fired.
    Lost { lock: String, token: u64 },
    /// A watch has told of a change; no version, and not new, for a delete.
    Told { watch: u32, key: String, version: Option<u64>, new: bool },
    /// A watch has told that it has told all.
    Synced { watch: u32 },
    /// What has become of an ephemeral entry, as the host reports it.
    Ephemeral { key: String, report: String },
    /// At the end, when all is quiet: the tree as a watch has told it.
    Mirror { watch: u32, tree: Vec<Leaf> },
    /// At the end, when all is quiet: the tree as it is read.
    Tree { tree: Vec<Leaf> },
    /// What the process holds, at the moment that is named: [`BEGIN`], [`END`] or any between.
    Holds { when: String, threads: u64, descriptors: u64, resident_kb: u64 },
    /// The client has closed its registry.
    Ended { error: Option<String> },
    /// A panic, an error that can't be, whatever should not have happened at all.
    Wrong { what: String },

    /// A fault begins to be made, of the kind that is named; `whom` is a member's or client's name.
    Fault { fault: u32, kind: String, whom: Vec<String> },
    /// It has been made.
    Made { fault: u32 },
    /// It begins to be undone.
    Undoing { fault: u32 },
    /// It has been undone.
    Undone { fault: u32 },
    /// A client's process is about to be started, stopped (SIGSTOP), let go on, or killed, or that has just been done.
    Process { client: u32, life: u32, change: Change, done: bool },
    /// Another member leads, or none; as seen by looking now and then. Servers that write `None` for a second have no
    /// leader.
    Leader { member: Option<String> },
    /// An observer that nothing is done to has seen an ephemeral entry go.
    Gone { key: String, session: u64 },
    /// That observer has seen an ephemeral entry become another session's and stay what it was, as on etcd after a
    /// change of leader, where others see a session's lease: `to` is the session `from` unless it is one of its own.
    Moved { from: u64, to: u64 },
    /// How a host server of this client stands. Its name is that of the record of its life,
    /// `master_c-1:1/1700000000000-42`.
    Server { server: String, standing: ServerState },
    /// A master of this client begins to take over for a server that is gone.
    TakesOver { server: String, token: u64 },
    /// It does so no longer; `done` if its work was written.
    TookOver { server: String, token: u64, done: bool },
    /// At the end, when all is quiet: the servers that this client sees.
    Seen { servers: Vec<String> },
    /// An observer that nothing is done to has seen the record of a server's life go: somebody has taken over for it,
    /// or it has left in order.
    CrossedOut { server: String },
    /// After all servers have left in order a record is still there.
    Unfinished { server: String },
    /// What the servers hold, at the moment that is named: sessions (leases), watches, ephemeral entries. [`BEGIN`],
    /// [`END`] or any between.
    Servers { when: String, sessions: u64, watches: Option<u64>, entries: u64 },
}

/// How a host server stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerState {
    /// It is about to register; its name has no life yet.
    Registers,
    Serves,
    /// Its session is lost, and it waits for another.
    Waits,
    /// It was told to stop.
    Stops,
    /// It is about to leave in order.
    Leaves,
}

/// What is done to a client's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Start,
    Stop,
    Continue,
    Kill,
}

/// What a watch covers (contract 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Node,
    Children,
    Subtree,
}

/// A call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// An unconditional put; `ephemeral` hangs on the session. No two writes of a run have the same value, and that of
    /// a key to which clients add begins with the number that it has come to, `17 …`.
    Put { key: String, value: String, ephemeral: bool },
    /// A put on the condition that the version is this; none for an entry that is not there.
    PutIf { key: String, value: String, version: Option<u64> },
    /// A put on the condition that the lock is still held.
    Fenced { lock: String, token: u64, key: String, value: String },
    /// Deletes an entry.
    Delete { key: String },
    /// Reads an entry.
    Get { key: String },
    /// Reads a subtree.
    List { key: String },
    /// Queues for a lock.
    Lock { lock: String },
    /// Gives it back.
    Release { lock: String, token: u64 },
    /// Begins a watch.
    Watch { watch: u32, key: String, scope: Scope },
    /// Closes the registry.
    Close,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Written; the entry has that version.
    Written { version: u64 },
    /// Read; `None` if it is not there.
    Entry { entry: Option<Leaf> },
    /// A subtree that was read.
    Entries { entries: Vec<Leaf> },
    /// The lock is held, with that fencing token.
    Held { token: u64 },
    /// Done, and there is no more to say.
    Done,
    /// An error: the names of its kind and outcome, and its message.
    Failed { kind: String, outcome: String, message: String },
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Leaf {
    pub key: String,
    pub value: String,
    pub version: u64,
    pub owner: Option<u64>,
}
