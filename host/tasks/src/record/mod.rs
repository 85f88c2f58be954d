//! What the registry says of a task: one small entry, as JSON.

mod id;
mod outcome;
mod spec;
mod state;
#[cfg(test)]
mod tests;
mod transitions;

use std::time::{SystemTime, UNIX_EPOCH};

use registry_cluster::Incarnation;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::{
    id::{TASKS, TaskId},
    outcome::{Outcome, TaskResult},
    spec::{PRIORITIES, Spec},
    state::State,
    transitions::{Finished, Refused},
};

/// The version of the records that this crate writes, and the latest that it reads.
const VERSION: u32 = 1;

/// How much of a command's last output a record keeps, in bytes.
pub const TAIL: usize = 4 * 1024;

/// How long a reason may be, in bytes.
const LONGEST_WHY: usize = 1024;

/// How many former attempts a record remembers.
const EARLIER: usize = 8;

/// How a task stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The version of the record's form.
    pub v: u32,
    /// Which task it is.
    pub id: TaskId,
    /// How it stands.
    pub state: State,
    /// The attempt that the state is about, from 1.
    pub attempt: u32,
    /// Since when it stands so, in ms since 1970.
    pub since: i64,
    /// When it was submitted.
    pub submitted: i64,
    /// When it was queued last: by its submission, or because another attempt is needed.
    pub queued: i64,
    /// What is to be done.
    #[serde(flatten)]
    pub spec: Spec,
    /// How many attempts have failed since it was submitted or retried by hand.
    #[serde(default)]
    pub failures: u32,
    /// It is not sent before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<i64>,
    /// The worker that the attempt was sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<WorkerRef>,
    /// When the command was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<i64>,
    /// When the attempt ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<i64>,
    /// The code that the command ended with: 128 and the signal's number if one ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Why it stands so, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The end of the command's output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<String>,
    /// That it is to be cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<Cancel>,
    /// The attempt whose end somebody was alerted of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alerted: Option<u32>,
    /// Former attempts, the last one last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Earlier>,
    /// What a later version has written.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// An incarnation of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerRef {
    /// Where it is, `host:port`.
    pub address: String,
    /// Which of the processes there.
    #[serde(flatten)]
    pub incarnation: Incarnation,
}

/// How a task is to be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// The signal that is sent first.
    pub signal: i32,
    /// How long the command has from then until it is killed, in ms.
    pub grace: u64,
}

/// A former attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Earlier {
    /// Which one.
    pub attempt: u32,
    /// Who had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<WorkerRef>,
    /// How it ended.
    pub state: State,
    /// The code that its command ended with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Why it ended so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether its result came after another attempt had taken its place: it counts for nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub superseded: bool,
}

/// A record that can't be read, such as one that was edited by hand.
#[derive(Clone, Debug, PartialEq)]
pub struct Unreadable {
    /// The last segment of its key.
    pub id: String,
    /// Why.
    pub why: String,
}

impl Record {
    /// Reads the value of an entry; `None` for a key that is not a task's.
    ///
    /// # Errors
    ///
    /// Why it can't be read.
    pub fn read(key: &str, value: &[u8]) -> Option<Result<Self, Unreadable>> {
        let name = id::name_of(key)?;
        let unreadable =
            |why: String| Unreadable { id: name.to_owned(), why: format!("the record can't be read: {why}") };
        let read = Self::parse(value).and_then(|record| match record.id.key() == key {
            true => Ok(record),
            false => Err(format!("it is of the task {:?}", record.id.as_str())),
        });
        Some(read.map_err(unreadable))
    }

    /// Reads a record, wherever it stands.
    ///
    /// # Errors
    ///
    /// Why it can't be read.
    pub fn parse(value: &[u8]) -> Result<Self, String> {
        let record: Record = serde_json::from_slice(value).map_err(|error| error.to_string())?;
        let wrong = if record.v != VERSION {
            Some(format!("v is {}, accepted: {VERSION}", record.v))
        } else if record.attempt == 0 {
            Some("attempt is 0, accepted: 1 and more".to_owned())
        } else if record.state.is_held() && record.worker.is_none() {
            Some(format!("it is {} but names no worker", record.state))
        } else {
            record.spec.check().err().map(|error| error.message().to_owned())
        };
        wrong.map_or(Ok(record), Err)
    }

    /// The value of its entry.
    pub fn write(&self) -> Vec<u8> {
        // Text and numbers, which can always be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Whether the attempt is this worker's.
    pub fn is_of(&self, attempt: u32, worker: &WorkerRef) -> bool {
        self.attempt == attempt && self.worker.as_ref() == Some(worker)
    }
}

/// Milliseconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The end of a text, of at most so many bytes, and whole characters.
pub(crate) fn end_of(text: &str, most: usize) -> &str {
    let from = text.len().saturating_sub(most);
    let from = (from..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    &text[from..]
}

/// The beginning of a reason.
pub(crate) fn why(text: impl Into<String>) -> Option<String> {
    let mut text = text.into();
    let most = (0..=LONGEST_WHY.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    text.truncate(most);
    Some(text)
}
