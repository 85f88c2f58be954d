//! What is written down of a run.

use std::fmt;

use registry_tasks::record::Record;
use serde::{Deserialize, Serialize};

use crate::history::Nanos;

/// A line of what was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "seen", rename_all = "kebab-case")]
pub enum Observation {
    /// The run, and all that is needed to play it again.
    Run {
        /// The registry's servers.
        backend: String,
        /// What all choices follow from.
        seed: u64,
        /// The masters and workers, with the addresses that others are told.
        servers: Vec<(String, String)>,
        /// How long a session may be out of contact, in milliseconds.
        session_ms: u64,
    },
    /// A task was submitted, and a master has taken it.
    Submitted(Submitted),
    /// Somebody asked for a task to be cancelled; whether it was is in its record.
    CancelAsked {
        /// The task.
        id: String,
        /// When.
        at: Nanos,
    },
    /// What a process of a task has written of itself.
    Process(Mark),
    /// A fault.
    Fault(Fault),
    /// The record of a task at the end.
    Record(Box<Record>),
    /// A process, a key or a file that is there at the end, and should not be.
    Left {
        /// What it is.
        what: String,
    },
    /// Something else that should not be.
    Wrong {
        /// What it is.
        what: String,
    },
}

/// A task that was submitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Submitted {
    /// The task.
    pub id: String,
    /// When a master had taken it.
    pub at: Nanos,
    /// Whether it may not run twice.
    pub at_most_once: bool,
    /// How often it may fail and be run again.
    pub retries: u32,
}

/// What a process of a task has written of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// The task.
    pub id: String,
    /// The attempt.
    pub attempt: u32,
    /// The process.
    pub pid: u32,
    /// Whether the command has started it and does not wait for it.
    pub is_child: bool,
    /// When it began.
    pub started: Nanos,
    /// When it was last alive, at least.
    pub alive: Nanos,
    /// The code that it was about to end with, if it came to that.
    pub code: Option<i32>,
}

/// What was done to a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Which one; one of the registry's servers is `registry-0` and so on.
    pub server: String,
    /// What was done.
    pub kind: Kind,
    /// When it began.
    pub from: Nanos,
    /// When it was undone: by then a process that was killed runs again.
    pub until: Nanos,
}

/// What can be done to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// `kill -9`.
    Kill,
    /// `kill -STOP`, and `kill -CONT`.
    Pause,
    /// Nothing comes from the registry or goes there.
    CutFromRegistry,
    /// What it asks the registry is done, and not answered.
    AnswersLost,
    /// Nothing comes from other servers or clients.
    CutFromServers,
    /// Nothing comes from anywhere.
    CutFromAll,
    /// It is asked to end, and started again.
    Restart,
    /// It ended by itself, as a server does that has lost its place, and was started again.
    Ended,
    /// It said that it had lost its session: on a busy machine that takes no fault.
    SessionLost,
}

impl Kind {
    /// All that can be made.
    pub const MADE: [Kind; 7] = [
        Kind::Kill,
        Kind::Pause,
        Kind::CutFromRegistry,
        Kind::AnswersLost,
        Kind::CutFromServers,
        Kind::CutFromAll,
        Kind::Restart,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Kill => "kill",
            Kind::Pause => "pause",
            Kind::CutFromRegistry => "cut-from-registry",
            Kind::AnswersLost => "answers-lost",
            Kind::CutFromServers => "cut-from-servers",
            Kind::CutFromAll => "cut-from-all",
            Kind::Restart => "restart",
            Kind::Ended => "ended",
            Kind::SessionLost => "session-lost",
        })
    }
}
