//! Submitting tasks, and hearing of their ends by one watch for all.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use registry_host::Event;
use registry_tasks::{
    client::Client,
    record::{Record, Spec, State, TaskId},
    store::read,
};
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

use super::site::SOON;
use crate::measure::Failure;

type Waiting = Arc<Mutex<HashMap<TaskId, oneshot::Sender<Box<Record>>>>>;

/// A client that hears of all tasks' ends.
pub(super) struct Ends {
    client: Client,
    waiting: Waiting,
    listening: JoinHandle<()>,
}

/// Latencies of tasks from their submission to the news of their end, and how many there were in a second.
pub(super) struct Measured {
    pub(super) per_second: f64,
    latencies: Histogram<u64>,
}

impl Measured {
    /// In ms.
    pub(super) fn quantile(&self, quantile: f64) -> f64 {
        self.latencies.value_at_quantile(quantile) as f64 / 1_000.0
    }
}

impl Ends {
    pub(super) async fn of(client: Client) -> Result<Self, Failure> {
        let waiting = Waiting::default();
        let (own, mut watch) = (Arc::clone(&waiting), client.store().watch(None).await?);
        let listening = tokio::spawn(async move {
            while let Some(Ok(event)) = watch.next().await {
                let Event::Put { entry, .. } = event else { continue };
                let Some(Ok(stored)) = read(&entry) else { continue };
                if stored.record.state.has_ended() {
                    let waiter = own.lock().unwrap_or_else(PoisonError::into_inner).remove(&stored.record.id);
                    // One that waits no more need not be told.
                    drop(waiter.map(|waiter| waiter.send(Box::new(stored.record))));
                }
            }
        });
        Ok(Ends { client, waiting, listening })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Submits a task, and waits for its end.
    pub(super) async fn run(&self, spec: &Spec) -> Result<Box<Record>, Failure> {
        let (tell, told) = oneshot::channel();
        let id = TaskId::random();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), tell);
        self.client.submit(&id, spec).await?;
        Ok(timeout(SOON, told).await??)
    }

    pub(super) async fn close(self) -> Result<(), Failure> {
        self.listening.abort();
        Ok(self.client.cluster().registry().close().await?)
    }
}

/// Does something so often, `flight` at a time.
pub(super) async fn times<F>(count: usize, flight: usize, act: impl Fn() -> F) -> Result<Measured, Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    let mut latencies = Histogram::<u64>::new(3)?;
    let begun = Instant::now();
    let one = async || {
        let begin = Instant::now();
        act().await.map(|()| begin.elapsed())
    };
    let mut left = count;
    let mut running = futures_util::stream::FuturesUnordered::new();
    while left > 0 && running.len() < flight {
        running.push(one());
        left -= 1;
    }
    while let Some(took) = futures_util::StreamExt::next(&mut running).await {
        latencies.record(u64::try_from(took?.as_micros())?)?;
        if left > 0 {
            running.push(one());
            left -= 1;
        }
    }
    Ok(Measured { per_second: count as f64 / seconds(begun.elapsed()), latencies })
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

/// Runs `true` so often.
pub(super) async fn truths(ends: &Ends, count: usize, flight: usize) -> Result<Measured, Failure> {
    let spec = Spec::new(["true"]);
    times(count, flight, || async {
        let record = ends.run(&spec).await?;
        match record.state {
            State::Succeeded => Ok(()),
            state => Err(format!("a task is {}: {:?}", state.name(), record.why).into()),
        }
    })
    .await
}

/// Spawns `true` so often, by nothing but the library of the language.
pub(super) async fn spawned(count: usize, flight: usize) -> Result<Measured, Failure> {
    times(count, flight, || async {
        let status = tokio::process::Command::new("true").status().await?;
        if status.success() { Ok(()) } else { Err("true has failed".into()) }
    })
    .await
}
