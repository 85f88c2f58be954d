//! Timing two ways to do the same thing, in turns.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

/// A failure of what is measured.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What a round gave: the median of its calls' latencies and the calls per second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) p50: Duration,
    pub(crate) per_second: f64,
}

/// Makes `calls` calls, `flight` of them at a time, each by a task of its own.
pub(crate) async fn round<C, F>(calls: usize, flight: usize, call: C) -> Result<Figures, Failure>
where
    C: Fn(usize) -> F + Clone + Send + 'static,
    F: Future<Output = Result<(), Failure>> + Send,
{
    let next = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let tasks: Vec<_> = (0..flight)
        .map(|_| {
            let (next, call) = (Arc::clone(&next), call.clone());
            tokio::spawn(async move {
                let mut latencies = Histogram::<u64>::new(3)?;
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= calls {
                        return Ok::<_, Failure>(latencies);
                    }
                    let begin = Instant::now();
                    call(number).await?;
                    latencies.record(u64::try_from(begin.elapsed().as_nanos())?)?;
                }
            })
        })
        .collect();
    let mut latencies = Histogram::<u64>::new(3)?;
    for task in tasks {
        latencies.add(task.await??)?;
    }
    let per_second = calls as f64 / start.elapsed().as_secs_f64();
    Ok(Figures { p50: Duration::from_nanos(latencies.value_at_quantile(0.5)), per_second })
}

/// Makes `calls` calls in a row and gives the mean time of one: for calls too short to be timed each.
pub(crate) async fn mean<C, F>(calls: usize, call: C) -> Result<Figures, Failure>
where
    C: Fn(usize) -> F,
    F: Future<Output = Result<(), Failure>>,
{
    let start = Instant::now();
    for number in 0..calls {
        call(number).await?;
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(Figures { p50: Duration::from_secs_f64(seconds / calls as f64), per_second: calls as f64 / seconds })
}

/// The median of some numbers.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
