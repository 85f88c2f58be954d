//! What is measured of watches: how many there are, what they tell, how often they begin anew, and how late they are.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use metrics::{Counter, Gauge, Histogram};
use registry_api::{Committed, Event, Operation, Txn, Version};

/// How long a write is looked out for in the events; no watch need cover its key.
const LOOKOUT: Duration = Duration::from_secs(10);

/// The measurements of one registry's watches.
///
/// `registry_watches{backend}` is how many there are, `registry_watch_events_total{backend}` what they have told,
/// `registry_watch_resyncs_total{backend}` how often one has told the whole state again after a break.
/// `registry_watch_lag_seconds{backend}` is how long after the answer to a write of this same registry a watch has told
/// of it: one write is looked out for at a time, so that it costs nothing.
pub(super) struct Watching {
    recorded: bool,
    count: AtomicUsize,
    open: Gauge,
    events: Counter,
    resyncs: Counter,
    lag: Histogram,
    /// Whether a write is looked out for.
    looks_out: AtomicBool,
    sample: Mutex<Option<Sample>>,
}

/// A write that is looked out for.
struct Sample {
    key: String,
    since: Instant,
    /// The version that it made, and when that was known.
    answered: Option<(Version, Instant)>,
    /// What a watch has told of its key meanwhile, and when.
    told: Option<(Version, Instant)>,
}

impl Watching {
    pub(super) fn new(backend: &str) -> Self {
        metrics::describe_gauge!("registry_watches", "Watches that are open");
        metrics::describe_counter!("registry_watch_events_total", "Events that watches have told");
        metrics::describe_counter!(
            "registry_watch_resyncs_total",
            "How often a watch has told the whole state again after a break"
        );
        metrics::describe_histogram!(
            "registry_watch_lag_seconds",
            metrics::Unit::Seconds,
            "How long after the answer to a write of this process a watch has told of it"
        );
        let backend = || backend.to_owned();
        Watching {
            // The recorder that is there before any other keeps nothing, so that it has no size.
            recorded: metrics::with_recorder(|recorder| size_of_val(recorder) > 0),
            count: AtomicUsize::new(0),
            open: metrics::gauge!("registry_watches", "backend" => backend()),
            events: metrics::counter!("registry_watch_events_total", "backend" => backend()),
            resyncs: metrics::counter!("registry_watch_resyncs_total", "backend" => backend()),
            lag: metrics::histogram!("registry_watch_lag_seconds", "backend" => backend()),
            looks_out: AtomicBool::new(false),
            sample: Mutex::default(),
        }
    }

    pub(super) fn opened(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.open.increment(1.0);
    }

    pub(super) fn closed(&self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
        self.open.decrement(1.0);
    }

    /// A watch tells something; `again` is whether it has told a whole state before.
    pub(super) fn told(&self, event: &Event, again: &mut bool) {
        match event {
            // Each but the first is told after a break.
            Event::Synced if std::mem::replace(again, true) => self.resyncs.increment(1),
            Event::Put { entry, .. } if self.looks_out.load(Ordering::Relaxed) => {
                let mut looking = self.sample();
                if let Some(sample) = looking.as_mut().filter(|sample| sample.key == entry.key) {
                    sample.told = Some((entry.version, Instant::now()));
                    self.judge(&mut looking);
                }
            }
            _ => {}
        }
    }

    /// So many events have come.
    pub(super) fn came(&self, count: usize) {
        self.events.increment(u64::try_from(count).unwrap_or_default());
    }

    /// A Txn is about to be sent; whether its first put is the one that is looked out for from now on.
    pub(super) fn sending(&self, txn: &Txn<'_>) -> bool {
        if !self.recorded || self.count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let Some(Operation::Put { key, .. }) = txn.operations.first() else { return false };
        let mut sample = self.sample();
        if sample.as_ref().is_some_and(|sample| sample.since.elapsed() < LOOKOUT) {
            return false;
        }
        *sample = Some(Sample { key: key.as_str().to_owned(), since: Instant::now(), answered: None, told: None });
        self.looks_out.store(true, Ordering::Relaxed);
        true
    }

    /// What came of the Txn that is looked out for.
    pub(super) fn sent(&self, committed: Option<&Committed>) {
        let mut looking = self.sample();
        match (looking.as_mut(), committed.and_then(|committed| committed.version(0))) {
            (Some(sample), Some(version)) => sample.answered = Some((version, Instant::now())),
            _ => self.give_up(&mut looking),
        }
        self.judge(&mut looking);
    }

    fn judge(&self, looking: &mut Option<Sample>) {
        let Some(Sample { answered: Some((made, answered)), told: Some((seen, told)), .. }) = looking else { return };
        // One that is told earlier than it is answered is not late.
        if seen >= made {
            self.lag.record(told.saturating_duration_since(*answered));
            self.give_up(looking);
        }
    }

    fn give_up(&self, looking: &mut Option<Sample>) {
        *looking = None;
        self.looks_out.store(false, Ordering::Relaxed);
    }

    fn sample(&self) -> MutexGuard<'_, Option<Sample>> {
        self.sample.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
