//! Calls, and what came of them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use registry_suite::eventually;
use tokio::{sync::watch, task::JoinHandle, time::sleep};

use super::LIMIT;

/// How long nothing is called between two calls.
const PAUSE: Duration = Duration::from_millis(20);

/// So many calls without an error are a consumer that goes on.
const ENOUGH: usize = 50;

/// Each answer or error, with how often it came.
pub(super) type Answers = BTreeMap<String, usize>;

/// A consumer, whoever's.
pub(super) trait Calls: Send + Sync + 'static {
    /// Whose it is.
    fn who(&self) -> &'static str;

    /// Makes it ready.
    fn begin(&self) -> impl Future<Output = ()> + Send;

    /// Calls so many times.
    fn call(&self, count: usize) -> impl Future<Output = Answers> + Send;

    /// Ends it.
    fn end(self) -> impl Future<Output = ()> + Send;
}

/// Who has answered: `go`, `java`, `rust`, or the whole error.
pub(super) fn name(answer: &str) -> &str {
    match answer.split_once('-') {
        Some((name @ ("go" | "java" | "rust"), _)) => name,
        _ => answer,
    }
}

/// A consumer that calls again and again, until it is told to end.
pub(super) struct Calling<C> {
    who: &'static str,
    answers: Arc<Mutex<Vec<String>>>,
    stop: watch::Sender<bool>,
    calling: JoinHandle<C>,
}

impl<C: Calls> Calling<C> {
    pub(super) async fn begin(consumer: C) -> Self {
        consumer.begin().await;
        let answers = Arc::<Mutex<Vec<String>>>::default();
        let (stop, stopped) = watch::channel(false);
        let (who, told) = (consumer.who(), Arc::clone(&answers));
        let calling = tokio::spawn(async move {
            while !*stopped.borrow() {
                let answer = consumer.call(1).await.into_keys().next().unwrap_or_default();
                told.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
                sleep(PAUSE).await;
            }
            consumer
        });
        Calling { who, answers, stop, calling }
    }

    /// How many calls there were.
    pub(super) fn mark(&self) -> usize {
        self.since(0).len()
    }

    /// Waits until a call that is still to be made is answered by this one.
    pub(super) async fn has_called(&self, name: &str) {
        let mark = self.mark();
        let called = async || self.since(mark).iter().any(|answer| answer.starts_with(name)).then_some(());
        eventually(format!("{} calls {name}", self.who), LIMIT, called).await;
    }

    /// Waits until it has called for a while without an error.
    pub(super) async fn has_gone_on(&self) {
        let mut mark = self.mark();
        let went_on = async || {
            let answers = self.since(mark);
            if let Some(last) = answers.iter().rposition(|answer| is_error(answer)) {
                mark += last + 1;
            }
            (answers.len() >= ENOUGH && !answers.iter().any(|answer| is_error(answer))).then_some(())
        };
        eventually(format!("{} goes on to call", self.who), LIMIT, went_on).await;
    }

    /// Asserts that no call has failed since then.
    pub(super) fn has_not_failed_since(&self, mark: usize) {
        let answers = self.since(mark);
        let failed: Vec<_> = answers.iter().filter(|answer| is_error(answer)).collect();
        assert!(failed.is_empty(), "{}: {} of {} calls failed: {:?}", self.who, failed.len(), answers.len(), failed[0]);
    }

    pub(super) async fn end(self) {
        self.stop.send_replace(true);
        self.calling.await.expect("it calls without a panic").end().await;
    }

    fn since(&self, mark: usize) -> Vec<String> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).get(mark..).unwrap_or_default().to_vec()
    }
}

fn is_error(answer: &str) -> bool {
    answer.starts_with("error")
}
