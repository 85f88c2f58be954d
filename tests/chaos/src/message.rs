//! What a client's process and its conductor tell each other: lines, on its standard output and input.

use registry_chaos::history::Record;
use serde::{Deserialize, Serialize};

/// A line from a client, in JSON.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Message {
    /// A line of the history.
    Record(Record),
    /// How far it has come.
    Reached(Reached),
}

/// How far a client has come; what follows on the first is asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reached {
    /// It has opened its registry.
    Working,
    /// It has nothing under way any more.
    Stopped,
    /// It has told what it knows of the tree.
    Settled,
    /// It has closed its registry, and has nothing more to tell.
    Closed,
}

impl Reached {
    /// The line that asks a client for it.
    pub(crate) const fn asked(self) -> &'static str {
        match self {
            Reached::Working => "work",
            Reached::Stopped => "stop",
            Reached::Settled => "settle",
            Reached::Closed => "close",
        }
    }

    /// What such a line asks for.
    pub(crate) fn from_asked(line: &str) -> Option<Self> {
        [Reached::Working, Reached::Stopped, Reached::Settled, Reached::Closed]
            .into_iter()
            .find(|reached| reached.asked() == line)
    }
}
