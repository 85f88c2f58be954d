//! The record of a play: what was asked and answered, and in which order.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use stateright::semantics::{ConsistencyTester as _, LinearizabilityTester, SequentialSpec};

use super::call::{Answer, Call, What};

/// Everything that was asked, by all clients.
#[derive(Default, Debug)]
pub(crate) struct Record(Mutex<Vec<Asked>>);

/// A client, and how many of its calls had no answer. Calls of one lane come one after the other; after one that has no
/// answer, its client goes on in the next.
pub(crate) type Lane = (usize, usize);

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) lane: Lane,
    pub(crate) call: Call,
    /// When it began, and what came when; without an answer it may have been done, or may be at any time.
    pub(crate) began: usize,
    pub(crate) answered: Option<(usize, Answer)>,
    /// It certainly was not done.
    pub(crate) void: bool,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Asked { lane: (client, lane), call, began, answered, .. } = self;
        write!(f, "client {client}.{lane}, from {began}")?;
        match answered {
            Some((ended, answer)) => write!(f, " to {ended}: {:?} gave {answer:?}", call.what),
            None => write!(f, ": {:?} gave no answer", call.what),
        }
    }
}

impl Record {
    /// Writes down that something is asked; gives its id.
    pub(crate) fn ask(&self, lane: Lane, what: What) -> usize {
        let mut asked = self.lock();
        let (id, began) = (asked.len(), moment(&asked));
        asked.push(Asked { lane, call: Call { id: id as u64, what }, began, answered: None, void: false });
        id
    }

    /// Writes down what came.
    pub(crate) fn answer(&self, id: usize, answer: Answer) {
        let mut asked = self.lock();
        let now = moment(&asked);
        asked[id].answered = Some((now, answer));
    }

    /// Writes down that it was not done.
    pub(crate) fn void(&self, id: usize) {
        self.lock()[id].void = true;
    }

    /// All that was asked, but for what certainly was not done.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let mut asked: Vec<_> = self.lock().iter().filter(|asked| !asked.void).cloned().collect();
        let requests: Vec<_> = asked.iter().filter(|asked| matches!(asked.call.what, What::Lock(_))).cloned().collect();
        for refused in &mut asked {
            let (id, began) = (refused.call.id, refused.began);
            if let Some((ended, answer)) = refused.answered.as_mut().filter(|(_, came)| *came == Answer::NotAcquired) {
                let meets = |other: &Asked| {
                    other.call.id != id
                        && other.began < *ended
                        && other.answered.as_ref().is_none_or(|(ended, came)| {
                            // A request whose limit passes while it is on its way leaves the queue once it has arrived
                            // there.
                            *ended > began || *came == Answer::NotAcquiredNow
                        })
                };
                if requests.iter().any(meets) {
                    *answer = Answer::NotAcquiredNow;
                }
            }
        }
        asked
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether all of it could have been done at one moment each, between its beginning and its answer.
pub(crate) fn is_linearizable<S>(asked: &[Asked], specification: S) -> bool
where
    S: SequentialSpec<Op = Call, Ret = Answer> + Clone,
{
    let begun = asked.iter().map(|asked| (asked.began, asked, None));
    let answered = asked.iter().filter_map(|asked| {
        let (at, answer) = asked.answered.as_ref()?;
        Some((*at, asked, Some(answer)))
    });
    let mut events: Vec<_> = begun.chain(answered).collect();
    events.sort_unstable_by_key(|(at, ..)| *at);
    let mut tester = LinearizabilityTester::new(specification);
    for (_, Asked { lane, call, .. }, answer) in events {
        let taken = match answer {
            None => tester.on_invoke(*lane, call.clone()),
            Some(answer) => tester.on_return(*lane, answer.clone()),
        };
        taken.expect("a lane has one call at a time");
    }
    tester.is_consistent()
}

/// Moments are the order in which the record was written.
fn moment(asked: &[Asked]) -> usize {
    asked.len() + asked.iter().filter(|asked| asked.answered.is_some()).count()
}
