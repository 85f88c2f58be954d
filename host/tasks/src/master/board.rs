//! All records, as one watch tells of them, sorted for those who hand them out.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use registry_host::{Event, Result, Watch};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::spawn;
use crate::record::{Record, State, WorkerRef, now};
use crate::store::{Store, Stored, read};

/// All records of which a watch has told.
#[derive(Debug)]
pub(super) struct Board {
    seen: Mutex<Seen>,
    moved: watch::Sender<u64>,
}

/// What was seen last.
#[derive(Debug, Default)]
pub(super) struct Seen {
    tasks: HashMap<String, Task>,
    /// What is queued, by group: the highest priority first, then the oldest.
    queues: BTreeMap<String, BTreeSet<QueuePosition>>,
    /// What is not due yet, by when it is.
    delayed: BTreeSet<(Instant, String)>,
    /// What was sent to a worker and is not known to be accepted.
    sent: BTreeSet<String>,
    /// How many tasks each incarnation of a worker has.
    held: HashMap<WorkerRef, usize>,
    /// How many records can't be read.
    unreadable: HashSet<String>,
}

/// A task's place in its group's queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct QueuePosition {
    pub(super) priority: u8,
    submitted: i64,
    pub(super) id: String,
}

/// A task as it was seen last.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) stored: Arc<Stored>,
    /// When its present state was seen first: clocks that jump make no difference from then on.
    seen: Instant,
    /// How long it had been queued, or ended, by then.
    age: Duration,
    /// When it may be sent.
    pub(super) due: Instant,
}

impl Task {
    fn new(stored: Stored) -> Self {
        let (record, now, seen) = (&stored.record, now(), Instant::now());
        let since = if record.state.is_queued() { record.queued } else { record.since };
        let millis = |millis: i64| Duration::from_millis(u64::try_from(millis).unwrap_or_default());
        // More than any pause is a clock that is set wrong.
        let pause = record.not_before.map_or(Duration::ZERO, |at| millis(at - now).min(Duration::from_secs(60)));
        Task { age: millis(now - since), seen, due: seen + pause, stored: Arc::new(stored) }
    }

    pub(super) fn record(&self) -> &Record {
        &self.stored.record
    }

    /// For how long it has been queued, or has ended.
    pub(super) fn age(&self) -> Duration {
        self.age + self.seen.elapsed()
    }

    fn place(&self, id: &str) -> QueuePosition {
        let record = self.record();
        QueuePosition { priority: record.spec.priority, submitted: record.submitted, id: id.to_owned() }
    }
}

impl Seen {
    fn put(&mut self, id: String, stored: Stored) {
        let before = self.remove(&id);
        let mut task = Task::new(stored);
        if let Some(before) = before.filter(|before| is_same_stand(before.record(), task.record())) {
            (task.seen, task.age) = (before.seen, before.age);
        }
        let state = task.record().state;
        if state.is_queued() {
            self.queues.entry(task.record().spec.group.clone()).or_default().insert(task.place(&id));
        }
        if task.due > task.seen {
            self.delayed.insert((task.due, id.clone()));
        }
        if state == State::Sent {
            self.sent.insert(id.clone());
        }
        if let (true, Some(worker)) = (state.is_held(), &task.record().worker) {
            *self.held.entry(worker.clone()).or_default() += 1;
        }
        self.tasks.insert(id, task);
    }

    fn remove(&mut self, id: &str) -> Option<Task> {
        self.unreadable.remove(id);
        let task = self.tasks.remove(id)?;
        self.sent.remove(id);
        self.delayed.remove(&(task.due, id.to_owned()));
        let group = &task.record().spec.group;
        if let Some(queue) = self.queues.get_mut(group) {
            queue.remove(&task.place(id));
            if queue.is_empty() {
                self.queues.remove(group);
            }
        }
        if let (true, Some(worker)) = (task.record().state.is_held(), &task.record().worker)
            && let Some(count) = self.held.get_mut(worker)
        {
            *count -= 1;
            if *count == 0 {
                self.held.remove(worker);
            }
        }
        Some(task)
    }

    pub(super) fn task(&self, id: &str) -> Option<&Task> {
        self.tasks.get(id)
    }

    pub(super) fn tasks(&self) -> impl Iterator<Item = (&String, &Task)> {
        self.tasks.iter()
    }

    /// What was sent to a worker and is not known to be accepted.
    pub(super) fn sent(&self) -> impl Iterator<Item = &Task> {
        self.sent.iter().filter_map(|id| self.tasks.get(id))
    }

    /// When the next task is due that isn't yet.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.delayed.range((Instant::now(), String::new())..).next().map(|(due, _)| *due)
    }

    pub(super) fn queues(&self) -> &BTreeMap<String, BTreeSet<QueuePosition>> {
        &self.queues
    }

    /// How many tasks an incarnation of a worker has, or was sent.
    pub(super) fn held_by(&self, worker: &WorkerRef) -> usize {
        self.held.get(worker).copied().unwrap_or_default()
    }

    /// Those that have tasks.
    pub(super) fn holders(&self) -> impl Iterator<Item = &WorkerRef> {
        self.held.keys()
    }

    /// How many records there are, those that can't be read included.
    pub(super) fn count(&self) -> usize {
        self.tasks.len() + self.unreadable.len()
    }
}

/// Whether the time that a task has stood so goes on.
fn is_same_stand(before: &Record, after: &Record) -> bool {
    let stand = |record: &Record| match record.state {
        State::Waiting | State::Lost => (true, record.queued),
        _ => (false, record.since),
    };
    stand(before) == stand(after)
}

impl Board {
    /// Begins to watch; ready once all records have been seen.
    pub(super) async fn open(store: &Store) -> Result<(Arc<Self>, AbortOnDropHandle<()>)> {
        let board = Arc::new(Board { seen: Mutex::default(), moved: watch::Sender::new(0) });
        let mut first = store.watch(None).await?;
        board.gather(&mut first).await?;
        let (own, store, mut first) = (Arc::clone(&board), store.clone(), Some(first));
        let mirroring = spawn("watching tasks", move || {
            let (board, store, watch) = (Arc::clone(&own), store.clone(), first.take());
            async move { board.mirror(store, watch).await }
        });
        Ok((board, mirroring))
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Told of every change.
    pub(super) fn moved(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// What is known of a task.
    pub(super) fn stored(&self, id: &str) -> Option<Arc<Stored>> {
        self.seen().task(id).map(|task| Arc::clone(&task.stored))
    }

    async fn mirror(&self, store: Store, mut watch: Option<Watch>) {
        let mut pauses =
            ExponentialBuilder::new().with_min_delay(Duration::from_millis(100)).without_max_times().build();
        loop {
            let failed = match &mut watch {
                Some(watch) => self.follow(watch).await,
                None => match store.watch(None).await {
                    Ok(mut opened) => match self.gather(&mut opened).await {
                        Ok(()) => {
                            watch = Some(opened);
                            continue;
                        }
                        Err(error) => Err(error),
                    },
                    Err(error) => Err(error),
                },
            };
            watch = None;
            if let Err(error) = failed {
                tracing::warn!(%error, "the tasks can't be watched, it is tried again");
            }
            sleep(pauses.next().unwrap_or(Duration::from_secs(10)).min(Duration::from_secs(10))).await;
        }
    }

    /// Takes in the whole state, and forgets what is not in it.
    async fn gather(&self, watch: &mut Watch) -> Result<()> {
        let mut told = HashSet::new();
        while let Some(event) = watch.next().await {
            match event? {
                Event::Put { entry, .. } => {
                    if let Some(id) = self.hear(&entry) {
                        told.insert(id);
                    }
                }
                Event::Delete { last } => self.forget(&last.key),
                _ => break,
            }
        }
        let mut seen = self.seen();
        let gone: Vec<String> = seen.tasks.keys().filter(|id| !told.contains(*id)).cloned().collect();
        gone.iter().for_each(|id| drop(seen.remove(id)));
        seen.unreadable.retain(|id| told.contains(id));
        drop(seen);
        self.tell();
        Ok(())
    }

    async fn follow(&self, watch: &mut Watch) -> Result<()> {
        while let Some(event) = watch.next().await {
            match event? {
                Event::Put { entry, .. } => drop(self.hear(&entry)),
                Event::Delete { last } => self.forget(&last.key),
                _ => {}
            }
            self.tell();
        }
        Ok(())
    }

    /// Takes in an entry; gives the task's id, if it is one's.
    fn hear(&self, entry: &registry_host::Entry) -> Option<String> {
        let id = entry.key.rsplit('/').next()?.to_owned();
        let mut seen = self.seen();
        match read(entry)? {
            Ok(stored) => seen.put(id.clone(), stored),
            Err(unreadable) => {
                seen.remove(&id);
                if seen.unreadable.insert(id.clone()) {
                    tracing::warn!(
                        key = entry.key,
                        why = unreadable.why,
                        "a task's record can't be read, it is left alone"
                    );
                }
            }
        }
        Some(id)
    }

    fn forget(&self, key: &str) {
        if let Some(id) = key.rsplit('/').next() {
            drop(self.seen().remove(id));
        }
    }

    fn tell(&self) {
        self.moved.send_modify(|count| *count = count.wrapping_add(1));
    }
}
