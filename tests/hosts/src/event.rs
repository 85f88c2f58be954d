//! What a host tells.

use registry_cluster::{Incarnation, Role};
use serde::{Deserialize, Serialize};

/// Nanoseconds on the machine's monotonic clock, which all its processes share and which goes on while one is stopped.
pub type Nanos = u64;

/// Now, on that clock.
pub fn now() -> Nanos {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// A line from a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimedEvent {
    /// When it was written: never before what it tells of.
    pub at: Nanos,
    /// What has happened.
    pub event: Event,
}

/// A server's life, and where it is lived.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ServerId {
    /// What the server is.
    pub role: Role,
    /// Where it is.
    pub address: String,
    /// Which process.
    pub incarnation: Incarnation,
}

/// Something that has happened at a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// It sees the cluster.
    Opened,
    /// A server of its own is registered.
    Registered {
        /// Its life.
        own: ServerId,
        /// The session that its entries go with.
        session: u64,
    },
    /// A server of its own serves, again or still.
    Serving {
        /// Its life.
        own: ServerId,
        /// The session that its entries go with.
        session: u64,
    },
    /// A server of its own waits for another session.
    Waiting {
        /// Its life.
        own: ServerId,
    },
    /// A server of its own is to stop.
    Stopped {
        /// Its life.
        own: ServerId,
        /// The cause, as its `Debug` begins.
        cause: String,
    },
    /// A server of its own has left in order.
    HasLeft {
        /// Its life.
        own: ServerId,
    },
    /// A master of its own has another slot than before, or none.
    Slot {
        /// Its life.
        own: ServerId,
        /// Its number and how many there are.
        slot: Option<(usize, usize)>,
        /// Right before it was last found to have the former slot.
        until: Nanos,
    },
    /// A server has come into view.
    Came(ServerId),
    /// A server has gone out of view.
    Went(ServerId),
    /// A master of its own begins to take over for a server that is gone.
    Begins {
        /// The master.
        by: ServerId,
        /// For whom.
        departed: ServerId,
        /// Whether another process is at the same address.
        restarted: bool,
        /// The lock's.
        token: u64,
    },
    /// It has ended that.
    Ends {
        /// For whom.
        departed: ServerId,
        /// The lock's.
        token: u64,
        /// How.
        end: End,
    },
    /// All servers that it sees, by the keys of their entries.
    View(Vec<(String, ServerId)>),
    /// Something was asked for that could not be done.
    Failed(String),
}

/// How a take-over ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// Its fenced write was applied.
    Done,
    /// Its fenced write was refused or failed.
    Refused,
    /// It was called off before it had written.
    CalledOff,
}
