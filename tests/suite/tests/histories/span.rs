//! How much is played: so many histories, or for so long.

use std::time::{Duration, Instant};

use proptest::{
    strategy::Strategy,
    test_runner::{Config, FileFailurePersistence, TestCaseResult, TestError, TestRunner},
};

/// How many histories are played before the clock is looked at again.
const BATCH: u32 = 20;

/// How long, in milliseconds, a history that fails is made shorter.
const SHRINKING: u32 = 120_000;

/// Plays histories that are drawn at random: `HISTORIES` of them or for `HISTORIES_SECONDS`, or as many as are usual.
///
/// # Behavior
///
/// One that fails is made as short as it can be, and the seed that it was drawn with is kept in the file `kept`; those
/// are played first.
///
/// # Panics
///
/// If one fails, with what it has come to.
pub(crate) fn play<S>(usual: u32, kept: &'static str, history: S, mut play: impl FnMut(S::Value) -> TestCaseResult)
where
    S: Strategy,
    S::Value: std::fmt::Debug,
{
    let until = number("HISTORIES_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds.into()));
    let cases = if until.is_some() { BATCH } else { number("HISTORIES").unwrap_or(usual) };
    let play = std::cell::RefCell::new(&mut play);
    loop {
        let config = Config {
            cases,
            max_shrink_iters: 2_000,
            max_shrink_time: SHRINKING,
            failure_persistence: Some(Box::new(FileFailurePersistence::Direct(kept))),
            ..Config::default()
        };
        let played = TestRunner::new(config).run(&history, |history| play.borrow_mut()(history));
        match played {
            Ok(()) => {}
            Err(TestError::Fail(why, history)) => panic!("{why}\nin {history:?}"),
            Err(aborted) => panic!("{aborted}"),
        }
        if until.is_none_or(|until| Instant::now() >= until) {
            return;
        }
    }
}

fn number(variable: &str) -> Option<u32> {
    std::env::var(variable).ok().map(|number| number.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}
