//! Trying several servers: one after the other, but without waiting for one that is silent (RFC 8305, "happy
//! eyeballs").

use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::{select, time::sleep};

/// How long an attempt has for itself before the next one is started beside it.
pub const STAGGER: Duration = Duration::from_millis(250);

/// Starts the attempts in their order, each a [`STAGGER`] after the one before or as soon as one has failed, and gives
/// what the first to succeed gives.
///
/// # Behavior
///
/// An attempt should be something cheap that leaves nothing behind on the server, such as a question: attempts that
/// lose are dropped where they are. None has a deadline of its own here.
///
/// # Errors
///
/// All of the attempts' errors, in the order in which they failed, once none is left; none if there was no attempt.
///
/// # Cancellation
///
/// The attempts that run are dropped, the others are never started.
pub async fn race<T, E, F>(attempts: impl IntoIterator<Item = F>) -> Result<T, Vec<E>>
where
    F: Future<Output = Result<T, E>>,
{
    let mut waiting = attempts.into_iter().peekable();
    let mut running = FuturesUnordered::new();
    let mut failed = Vec::new();
    loop {
        running.extend(waiting.next());
        let last = waiting.peek().is_none();
        select! {
            biased;
            ended = running.next() => match ended {
                Some(Ok(won)) => return Ok(won),
                Some(Err(error)) => failed.push(error),
                None => return Err(failed),
            },
            () = sleep(STAGGER), if !last => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures_util::future::{BoxFuture, FutureExt as _};
    use tokio::time::Instant;

    use super::*;

    type Attempt = BoxFuture<'static, Result<u32, &'static str>>;

    fn silent() -> Attempt {
        pending().boxed()
    }

    fn refuses(why: &'static str) -> Attempt {
        ready(Err(why)).boxed()
    }

    fn answers(number: u32, after: Duration) -> Attempt {
        let answer = async move {
            sleep(after).await;
            Ok(number)
        };
        answer.boxed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_endpoint_is_overtaken_and_refusals_cost_nothing() {
        for (attempts, took) in [
            (vec![answers(1, Duration::ZERO), silent()], Duration::ZERO),
            (vec![silent(), answers(1, Duration::ZERO)], STAGGER),
            (vec![refuses("a"), answers(1, Duration::ZERO)], Duration::ZERO),
            (vec![silent(), refuses("a"), answers(1, Duration::ZERO)], STAGGER),
            (vec![silent(), silent(), answers(1, STAGGER)], STAGGER * 3),
            // A slow one is not given up for being slow.
            (vec![answers(1, STAGGER * 3 / 2), answers(2, STAGGER)], STAGGER * 3 / 2),
        ] {
            let begun = Instant::now();
            assert_eq!(race(attempts).await, Ok(1));
            // The clock of a test counts in whole milliseconds.
            assert!(begun.elapsed() - took < Duration::from_millis(5), "{:?}, not {took:?}", begun.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_errors_are_told_once_none_is_left() {
        assert_eq!(race([refuses("a"), refuses("b")]).await, Err(vec!["a", "b"]));
        assert_eq!(race(Vec::<Attempt>::new()).await, Err(vec![]));
    }
}
