//! Reading, judging and sending, until a Txn is applied or refused.

use std::pin::pin;

use registry_plugin::{Applied, Backoff, Check, Effect, Key, Operation, Result, Txn, txn::condition_failed};
use tokio::{
    select,
    time::{Duration, sleep},
};
use zookeeper_client::Stat;

use super::{
    Writer,
    judge::{Verdict, judge},
    refusal::refused,
    seen::{Places, Seen},
    step::{Answer, Step, Write},
};
use crate::{
    error::of_read,
    freshness::agree,
    paths::Paths,
    read::{number, owner},
    session::{Link, id},
};

/// A Txn that was applied.
pub(super) struct Done<'a> {
    pub(super) applied: Vec<Applied>,
    /// An entry that had been recreated unseen when it was put, and is not what it should be or was not what was
    /// checked.
    pub(super) raced: Option<Key<'a>>,
}

/// How an entry fared that was guessed to be new.
enum Guessed<'a> {
    New(Done<'a>),
    /// It isn't; what was seen after it was tried, if it was.
    Seen(Option<Seen>),
}

impl Writer<'_> {
    pub(super) async fn apply<'a>(self, txn: &Txn<'a>) -> Result<Done<'a>> {
        let mut link = self.session.link().await?;
        let mut seen = self.known.recall(txn, self.paths);
        // Whether what was seen is no older than this call, and whether it has to be.
        let (mut current, mut doubted) = (false, counts_alone(txn));
        if seen.is_none()
            && let Some(step) = guess(txn, self.paths)
        {
            match self.make(&link, txn, step).await? {
                Guessed::New(done) => return Ok(done),
                Guessed::Seen(found) => (seen, current) = (found, true),
            }
        }
        let effect = if txn.operations.is_empty() { Effect::Read } else { Effect::Write };
        let mut pauses = Pauses::new();
        loop {
            let found = match seen.take() {
                Some(found) => found,
                None => {
                    let next = self.session.link().await?;
                    current &= id(&next) == id(&link);
                    link = next;
                    let agreed = (doubted && !current).then(|| agree(&link));
                    let asked = Places::of(txn, self.paths).ask(&link);
                    let found = link.wait_in_use(async {
                        if let Some(agreed) = agreed {
                            agreed.await.map_err(of_read)?;
                            current = true;
                        }
                        asked.await
                    });
                    let Some(found) = found.await else { continue };
                    found?
                }
            };
            let steps = match judge(txn, self.paths, &found, id(&link)) {
                Verdict::Send(steps) => steps,
                Verdict::Fails(checks) if current => return Err(condition_failed(txn, checks)),
                Verdict::Fails(_) => {
                    doubted = true;
                    continue;
                }
            };
            match self.send(&link, &steps, effect).await? {
                Answer::Done(stats) => return Ok(self.done(txn, &steps, &stats)),
                Answer::Refused(at, cause) => refused(txn, self.paths, &steps[at], &cause)?,
            }
            self.known.forget(txn, self.paths);
            // The refusal came from the server that leads, and what is read next is no older.
            current = true;
            pauses.next().await;
        }
    }

    /// Makes an entry that may well be new, and looks at what to do if it isn't, in one flight.
    async fn make<'a>(self, link: &Link, txn: &Txn<'a>, step: Step<'a>) -> Result<Guessed<'a>> {
        let steps = [step];
        let mut made = pin!(self.send(link, &steps, Effect::Write));
        let mut seen = pin!(link.wait_in_use(async { Places::of(txn, self.paths).ask(link).await }));
        let (answer, early) = select! {
            // The order of polling is that of sending.
            biased;
            answer = &mut made => (answer, None),
            early = &mut seen => (made.await, Some(early)),
        };
        match answer? {
            Answer::Done(stats) => return Ok(Guessed::New(self.done(txn, &steps, &stats))),
            Answer::Refused(_, cause) => refused(txn, self.paths, &steps[0], &cause)?,
        }
        let seen = match early {
            Some(seen) => seen,
            None => seen.await,
        };
        // What is written next goes over the next link.
        Ok(Guessed::Seen(seen.filter(|_| !link.is_retired()).transpose()?))
    }

    /// What was applied, from what the server tells of the steps.
    fn done<'a>(self, txn: &Txn<'a>, steps: &[Step<'a>], stats: &[Option<Stat>]) -> Done<'a> {
        let zxid = stats.iter().flatten().next().map_or(0, |stat| stat.mzxid);
        let applied = txn.operations.iter().enumerate().map(|(at, operation)| match operation {
            Operation::Put { .. } => Applied::Put { version: number(zxid) },
            _ => {
                let went = |step: &Step<'_>| step.breaks == Some(at) && matches!(step.write, Write::Delete(_));
                Applied::Deleted { count: u64::from(steps.iter().any(went)) }
            }
        });
        let mut raced = None;
        for (step, stat) in steps.iter().zip(stats) {
            let (Some((number, seen)), Some(stat)) = (step.puts, stat) else { continue };
            self.known.learn(&step.path, stat);
            let key = txn.operations[number].key();
            if let Some(seen) = seen
                && (owner(stat) != seen.owner || (stat.czxid != seen.created && is_compared(txn, key)))
            {
                raced = Some(key);
            }
        }
        Done { applied: applied.collect(), raced }
    }
}

/// Whether a check is left to the entry's counter, by which an entry that was recreated looks like the one before. A
/// server that lags behind would show that one, and no answer tells of it afterwards, as that to a put does.
fn counts_alone(txn: &Txn<'_>) -> bool {
    let put = |key| txn.operations.iter().any(|op| matches!(op, Operation::Put { .. }) && op.key() == key);
    txn.checks.iter().any(|check| match check {
        Check::Held { .. } => true,
        Check::Version(key, _) => !put(*key),
        _ => false,
    })
}

/// Whether a check asks for more than that there is such an entry.
fn is_compared(txn: &Txn<'_>, key: Key<'_>) -> bool {
    let compares = |check: &Check<'_>| check.key() == key && !matches!(check, Check::Present(_));
    txn.checks.iter().any(compares)
}

/// The step that applies a Txn if its entry is new and its parent there.
fn guess<'a>(txn: &Txn<'a>, paths: &Paths) -> Option<Step<'a>> {
    /// The largest value that is sent in vain rather than look first.
    const SMALL: usize = 65_536;
    let ([Operation::Put { key, value, mode }], [] | [Check::Absent(_)]) = (txn.operations, txn.checks) else {
        return None;
    };
    let fits = value.len() <= SMALL && txn.checks.iter().all(|check| check.key() == *key);
    fits.then(|| Step {
        breaks: Some(0),
        puts: Some((0, None)),
        ..Step::new(paths.path(*key), Write::Create(value, *mode))
    })
}

/// Pauses between rounds that others keep spoiling.
struct Pauses(u32, Backoff);

impl Pauses {
    fn new() -> Self {
        Pauses(0, Backoff::new(Duration::from_millis(1), Duration::from_millis(50)))
    }

    /// Waits before the next round, unless it is one of the first.
    async fn next(&mut self) {
        const AT_ONCE: u32 = 3;
        self.0 = self.0.saturating_add(1);
        if self.0 > AT_ONCE {
            sleep(self.1.next_pause()).await;
        }
    }
}
