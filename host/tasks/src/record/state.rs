//! How a task can stand.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It waits to be sent to a worker.
    Waiting,
    /// A master has chosen a worker, and sends it there.
    Sent,
    /// The worker has accepted it: from here on the command may have been started.
    Accepted,
    /// The command runs.
    Running,
    /// The command has ended with 0.
    Succeeded,
    /// The command has ended otherwise, or could not be run.
    Failed,
    /// It was ended because somebody asked for that.
    Cancelled,
    /// It took longer than it may, or waited longer than it may.
    TimedOut,
    /// Its worker is gone: it waits to be tried again.
    Lost,
    /// It may have run or not, once at most.
    Unknown,
}

impl State {
    /// All of them, in the order in which a task may come to them.
    pub const ALL: [State; 10] = [
        State::Waiting,
        State::Sent,
        State::Accepted,
        State::Running,
        State::Succeeded,
        State::Failed,
        State::Cancelled,
        State::TimedOut,
        State::Lost,
        State::Unknown,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Sent => "sent",
            State::Accepted => "accepted",
            State::Running => "running",
            State::Succeeded => "succeeded",
            State::Failed => "failed",
            State::Cancelled => "cancelled",
            State::TimedOut => "timed-out",
            State::Lost => "lost",
            State::Unknown => "unknown",
        }
    }

    /// Whether it waits to be sent.
    pub fn is_queued(self) -> bool {
        matches!(self, State::Waiting | State::Lost)
    }

    /// Whether a worker has it, or may come to have it.
    pub fn is_held(self) -> bool {
        matches!(self, State::Sent | State::Accepted | State::Running)
    }

    /// Whether its command may have been started and not have ended.
    pub fn is_underway(self) -> bool {
        matches!(self, State::Accepted | State::Running)
    }

    /// Whether nothing more comes unless somebody asks for it.
    pub fn has_ended(self) -> bool {
        !self.is_queued() && !self.is_held()
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
