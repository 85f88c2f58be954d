//! Calls: what was asked for, and what came of it.

use crate::history::{Action, Answer, Nanos, Record, Who};

/// A call from its beginning to its end, if it has one.
pub(crate) struct Call<'h> {
    pub(crate) who: Who,
    pub(crate) action: &'h Action,
    pub(crate) called: &'h Record,
    /// How long it may take; `None` for as long as it takes.
    pub(crate) deadline: Option<Nanos>,
    pub(crate) answered: Option<Answered<'h>>,
    /// Its future was dropped.
    pub(crate) dropped: Option<&'h Record>,
}

/// The end of a call.
pub(crate) struct Answered<'h> {
    pub(crate) record: &'h Record,
    pub(crate) answer: &'h Answer,
    /// How much longer than asked for timers took meanwhile.
    pub(crate) stalled: Nanos,
}

/// What a call that writes has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// It was applied; the version, if it is known.
    Applied(Option<u64>),
    /// It certainly was not, nor will be.
    NotApplied,
    /// It may have been, or may yet be.
    Unknown,
}

/// A put of whatever kind.
pub(crate) struct Put<'h> {
    pub(crate) key: &'h str,
    pub(crate) value: &'h str,
    pub(crate) ephemeral: bool,
}

impl<'h> Call<'h> {
    pub(crate) fn answer(&self) -> Option<&'h Answer> {
        self.answered.as_ref().map(|answered| answered.answer)
    }

    pub(crate) fn began(&self) -> Nanos {
        self.called.at
    }

    /// When it had ended; a call without an end may have an effect at any later time.
    pub(crate) fn ended(&self) -> Nanos {
        self.answered.as_ref().map_or(Nanos::MAX, |answered| answered.record.at)
    }

    /// Its lines.
    pub(crate) fn records(&self) -> impl Iterator<Item = &'h Record> {
        let answered = self.answered.as_ref().map(|answered| answered.record);
        [Some(self.called), answered, self.dropped].into_iter().flatten()
    }

    pub(crate) fn outcome(&self) -> Outcome {
        match self.answer() {
            Some(Answer::Written { version }) => Outcome::Applied(Some(*version)),
            Some(Answer::Failed { outcome, .. }) => match plain(outcome).as_str() {
                "notapplied" => Outcome::NotApplied,
                "applied" => Outcome::Applied(None),
                _ => Outcome::Unknown,
            },
            Some(_) => Outcome::Applied(None),
            None => Outcome::Unknown,
        }
    }

    /// Until when it can have been applied: its answer, or no end.
    pub(crate) fn until(&self) -> Nanos {
        if self.outcome() == Outcome::Unknown { Nanos::MAX } else { self.ended() }
    }

    /// The version that it is known to have written.
    pub(crate) fn version(&self) -> Option<u64> {
        match self.outcome() {
            Outcome::Applied(version) => version,
            _ => None,
        }
    }

    pub(crate) fn put(&self) -> Option<Put<'h>> {
        match self.action {
            Action::Put { key, value, ephemeral } => Some(Put { key, value, ephemeral: *ephemeral }),
            Action::PutIf { key, value, .. } | Action::Fenced { key, value, .. } => {
                Some(Put { key, value, ephemeral: false })
            }
            _ => None,
        }
    }
}

/// A name without regard to how its words are put together.
pub(crate) fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}
