//! Many reads in few requests, several of which are under way at a time.

use std::{collections::VecDeque, pin::Pin, time::Duration};

use registry_plugin::{Effect, Entry, Error, ErrorKind, Key, Outcome, Result};
use tokio::time::timeout;
use zookeeper_client::{Error as ZkError, MultiReadResult};

use super::entry;
use crate::{
    error::{of_read, silent},
    paths::Paths,
    session::Link,
};

/// How many bytes an answer should have.
const ANSWER: usize = 256 << 10;

/// The most reads in one request: if all find the largest values unexpectedly, the answer has 64 MB.
const READS: usize = 64;

/// The most bytes of one request, far below what servers accept, even where they have been told to accept less.
const REQUEST: usize = 32 << 10;

/// How many requests are under way at most.
const FLIGHTS: usize = 4;

/// What an entry is expected to take while none has been seen.
const FIRST_GUESS: usize = 8 << 10;

/// What an entry's numbers take in an answer.
const NUMBERS: usize = 80;

/// What a child's name is expected to take.
const NAME: usize = 32;

/// Something to be read.
pub(super) enum Ask {
    /// The entry of a key.
    Entry(String),
    /// The names below a key, which has about so many.
    Names(String, usize),
}

/// What was found.
pub(super) enum Answer {
    /// An entry, and how many children its path has.
    Entry(Entry, usize),
    /// A key that has no entry.
    Nothing(String),
    /// A key whose entry, or the names below it, may not be read.
    Denied(String),
    /// The names below a key, foreign ones too; none if there is no such key.
    Names(String, Vec<String>),
}

/// Reads that are asked for one by one and sent together.
pub(super) struct Sweep<'c> {
    link: &'c Link,
    paths: &'c Paths,
    /// How long one answer may take.
    patience: Duration,
    asks: VecDeque<Ask>,
    /// From the oldest: answers come in the order of the requests.
    flights: VecDeque<Flight<'c>>,
    guess: usize,
}

struct Flight<'c> {
    asks: Vec<Ask>,
    answer: Pin<Box<dyn Future<Output = Result<Vec<MultiReadResult>, ZkError>> + Send + 'c>>,
}

impl<'c> Sweep<'c> {
    pub(super) fn new(link: &'c Link, paths: &'c Paths, patience: Duration) -> Self {
        let (asks, flights) = (VecDeque::new(), VecDeque::with_capacity(FLIGHTS));
        Sweep { link, paths, patience, asks, flights, guess: FIRST_GUESS }
    }

    /// Adds something to be read.
    pub(super) fn ask(&mut self, ask: Ask) {
        self.asks.push_back(ask);
    }

    /// What the next request has found, in the order in which it was asked for; `None` once all has been answered.
    ///
    /// # Errors
    ///
    /// Those of the server, for one path as for all; that one may not be read is an answer.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Answer>>> {
        while self.flights.len() < FLIGHTS
            && let Some(flight) = self.send()?
        {
            self.flights.push_back(flight);
        }
        let Some(Flight { asks, answer }) = self.flights.pop_front() else { return Ok(None) };
        let found = match timeout(self.patience, answer).await {
            Ok(found) => found.map_err(of_read)?,
            Err(_) => return Err(silent(Effect::Read)),
        };
        self.link.answered();
        if found.len() != asks.len() {
            return Err(misunderstood());
        }
        let answers =
            asks.into_iter().zip(found).map(|(ask, found)| answer_to(ask, found)).collect::<Result<Vec<_>>>()?;
        self.learn(&answers);
        Ok(Some(answers))
    }

    /// Sends as much of what is asked for as one request should ask; `None` if nothing is.
    fn send(&mut self) -> Result<Option<Flight<'c>>> {
        let mut request = self.link.new_multi_reader();
        let (mut asks, mut length, mut expected) = (Vec::new(), 0, 0);
        while asks.len() < READS
            && length < REQUEST
            && expected < ANSWER
            && let Some(ask) = self.asks.pop_front()
        {
            let (key, added) = match &ask {
                Ask::Entry(key) => {
                    expected += self.guess;
                    (key, request.add_get_data(&self.path(key)))
                }
                Ask::Names(key, children) => {
                    expected += children * NAME;
                    (key, request.add_get_children(&self.path(key)))
                }
            };
            added.map_err(of_read)?;
            length += key.len();
            asks.push(ask);
        }
        Ok((!asks.is_empty()).then(|| Flight { asks, answer: Box::pin(request.commit()) }))
    }

    fn path(&self, key: &str) -> String {
        self.paths.path(Key::from_checked(key))
    }

    /// Expects more as soon as more has come, and less step by step.
    fn learn(&mut self, answers: &[Answer]) {
        let sizes = answers.iter().filter_map(|answer| match answer {
            Answer::Entry(entry, _) => Some(NUMBERS + entry.value.len()),
            Answer::Nothing(_) | Answer::Denied(_) | Answer::Names(..) => None,
        });
        let (count, bytes) = sizes.fold((0, 0), |(count, bytes), size| (count + 1, bytes + size));
        if let Some(mean) = usize::checked_div(bytes, count) {
            self.guess = mean.max(self.guess / 4);
        }
    }
}

fn answer_to(ask: Ask, found: MultiReadResult) -> Result<Answer> {
    Ok(match (ask, found) {
        (Ask::Entry(key), MultiReadResult::Data { data, stat }) => {
            Answer::Entry(entry(key, data, &stat), usize::try_from(stat.num_children).unwrap_or(0))
        }
        (Ask::Entry(key), MultiReadResult::Error { err: ZkError::NoNode }) => Answer::Nothing(key),
        (Ask::Names(key, _), MultiReadResult::Children { children }) => Answer::Names(key, children),
        (Ask::Names(key, _), MultiReadResult::Error { err: ZkError::NoNode }) => Answer::Names(key, Vec::new()),
        (Ask::Entry(key) | Ask::Names(key, _), MultiReadResult::Error { err: ZkError::NoAuth }) => Answer::Denied(key),
        (Ask::Entry(key) | Ask::Names(key, _), MultiReadResult::Error { err }) => {
            return Err(of_read(err).or_key(key));
        }
        _ => return Err(misunderstood()),
    })
}

pub(crate) fn misunderstood() -> Error {
    Error::new(ErrorKind::Other, "the ZooKeeper server's answer to a read of many paths is not understood")
        .set_outcome(Outcome::NotApplied)
}
