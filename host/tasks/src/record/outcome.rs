//! How an attempt ended: what a worker keeps on its disk until the record says it.

use serde::{Deserialize, Serialize};

use super::{State, TaskId, WorkerRef};

/// The result of an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskResult {
    /// Which task.
    pub id: TaskId,
    /// Which attempt.
    pub attempt: u32,
    /// Who has run it.
    pub worker: WorkerRef,
    /// How it ended.
    pub outcome: Outcome,
    /// The end of the command's output.
    #[serde(default)]
    pub tail: String,
    /// When the command was started, in ms since 1970; when the attempt was accepted if it never was.
    pub started: i64,
    /// When it had ended.
    pub ended: i64,
    /// How much the command has written.
    #[serde(default)]
    pub output_bytes: u64,
    /// How much of that was not kept.
    #[serde(default)]
    pub dropped_bytes: u64,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Outcome {
    /// The command has ended.
    Exited {
        /// With this code.
        code: i32,
    },
    /// A signal has ended the command, that nobody here has sent.
    Signalled {
        /// The signal.
        signal: i32,
    },
    /// The command could not be run.
    NotRun {
        /// 127 if it is not there, else 126.
        code: i32,
        /// Why.
        why: String,
    },
    /// It ran longer than it may, and was ended.
    TimedOut,
    /// It was ended as it was to be cancelled; all its processes are gone.
    Cancelled,
    /// The worker gives it back, as it leaves.
    HandedBack {
        /// Whether the command was started, and ended by the worker.
        started: bool,
        /// Why.
        why: String,
    },
    /// The worker was restarted, and doesn't know how it ended.
    Lost {
        /// Why.
        why: String,
    },
}

impl Outcome {
    /// The state that it means, where there is nothing to be tried again.
    pub fn state(&self) -> State {
        match self {
            Outcome::Exited { code: 0 } => State::Succeeded,
            Outcome::Exited { .. } | Outcome::Signalled { .. } | Outcome::NotRun { .. } => State::Failed,
            Outcome::TimedOut => State::TimedOut,
            Outcome::Cancelled => State::Cancelled,
            Outcome::HandedBack { .. } => State::Failed,
            Outcome::Lost { .. } => State::Unknown,
        }
    }

    /// The code that a shell would give.
    pub fn exit_code(&self) -> Option<i32> {
        match self {
            Outcome::Exited { code } | Outcome::NotRun { code, .. } => Some(*code),
            Outcome::Signalled { signal } => Some(128 + signal),
            _ => None,
        }
    }

    /// In words, where the code doesn't say it.
    pub fn why(&self) -> Option<String> {
        match self {
            Outcome::Exited { code: 0 } => None,
            Outcome::Exited { code } => Some(format!("the command ended with {code}")),
            Outcome::Signalled { signal } => Some(format!("signal {signal} ended the command")),
            Outcome::NotRun { why, .. } | Outcome::HandedBack { why, .. } | Outcome::Lost { why } => Some(why.clone()),
            Outcome::TimedOut => Some("the command ran longer than --timeout allows".to_owned()),
            Outcome::Cancelled => Some("it was cancelled while it ran".to_owned()),
        }
    }
}
