//! Background work that goes on after a panic instead of ending in silence.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;
use registry_api::{Backoff, panic_message};
use tokio::time::{Instant, sleep};

/// The first pause before work that panicked is restarted.
const FIRST: Duration = Duration::from_millis(100);

/// The longest pause. Work that went on for longer than this before it panicked begins with the first pause again.
const LONGEST: Duration = Duration::from_secs(30);

/// Runs work to its end. If it panics that is logged as an error, and the work is restarted after a pause.
///
/// # Behavior
///
/// For tasks on which nobody waits: the caller owns its panics, too. `begin` makes the work each
/// time; what it shares with the outside must make sense after a panic.
///
/// # Cancellation
///
/// Drops the work.
pub async fn supervised<F: Future>(work: &str, mut begin: impl FnMut() -> F) -> F::Output {
    let mut backoff = Backoff::new(FIRST, LONGEST);
    loop {
        let begun = Instant::now();
        let panic = match AssertUnwindSafe(async { begin().await }).catch_unwind().await {
            Ok(output) => return output,
            Err(panic) => panic,
        };
        if begun.elapsed() > LONGEST {
            backoff.reset();
        }
        let (message, pause) = (panic_message(&*panic), backoff.next_pause());
        tracing::error!(target: "registry", work, panic = message, ?pause, "background work panicked, it is restarted");
        sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_that_panics_is_begun_again_until_it_ends() {
        let mut begun = 0;
        let output = supervised("a test", || {
            begun += 1;
            let number = begun;
            async move {
                assert!(number > 2, "the first two panic");
                number
            }
        });
        assert_eq!(output.await, 3);
    }
}
