//! Submitting tasks, and cancelling some.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use fastrand::Rng;
use registry_chaos::{
    history::now,
    tasks::{Observation, Submitted},
};
use registry_tasks::{
    client::Client,
    record::{Cancel, Spec, TaskId},
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use super::notes::Notes;
use crate::run::Failure;

/// The variable that tells the processes of one run from those of another.
pub(super) const RUN: &str = "REGISTRY_CHAOS_RUN";

/// How long it is tried to submit a task: all masters may be away for a while.
const PATIENCE: Duration = Duration::from_secs(120);

/// Who submits.
pub(super) struct Work {
    pub(super) client: Client,
    pub(super) notes: Arc<Notes>,
    /// Where the commands write.
    pub(super) marks: PathBuf,
    /// What this run's processes are known by.
    pub(super) run: String,
}

/// A task to come.
struct Job {
    id: TaskId,
    spec: Spec,
    /// After how long it is cancelled, if it is.
    cancel: Option<Duration>,
}

impl Work {
    /// Submits so many tasks, spread over that time.
    pub(super) async fn submit_all(self: Arc<Self>, mut rng: Rng, count: u32, whole: Duration) -> Result<(), Failure> {
        let program = std::env::current_exe()?;
        let began = Instant::now();
        let mut going = JoinSet::new();
        for number in 0..count {
            sleep_until(began + whole.mul_f64(f64::from(number) / f64::from(count.max(1)))).await;
            let job = self.job(&mut rng, number, &program)?;
            going.spawn(Arc::clone(&self).submit(job));
            while let Some(ended) = going.try_join_next() {
                ended?;
            }
        }
        while let Some(ended) = going.join_next().await {
            ended?;
        }
        Ok(())
    }

    fn job(&self, rng: &mut Rng, number: u32, program: &Path) -> Result<Job, Failure> {
        let id = TaskId::new(format!("t{number:04}"))?;
        // Most are short; some outlast a session, so that they are there when it ends.
        let millis = match rng.u32(..10) {
            0..5 => rng.u64(20..300),
            5..8 => rng.u64(300..3_000),
            _ => rng.u64(6_000..14_000),
        };
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut command = vec![text(program), "probe".to_owned(), "--folder".to_owned(), text(&self.marks)];
        command.extend(["--millis".to_owned(), millis.to_string()]);
        if rng.u32(..10) == 0 {
            command.push("--with-child".to_owned());
        }
        let mut spec = Spec::new(command);
        spec.env.insert(RUN.to_owned(), self.run.clone());
        spec.priority = rng.u8(1..=5);
        spec.at_most_once = rng.u32(..10) < 4;
        spec.retries = if !spec.at_most_once && rng.u32(..4) == 0 { 2 } else { 0 };
        let cancel = (rng.u32(..20) == 0).then(|| Duration::from_millis(rng.u64(0..2_000)));
        Ok(Job { id, spec, cancel })
    }

    async fn submit(self: Arc<Self>, job: Job) {
        let Job { id, spec, cancel } = job;
        let until = Instant::now() + PATIENCE;
        // Twice under one id is once, so that what may have been lost is simply said again.
        while let Err(error) = self.client.submit(&id, &spec).await {
            if Instant::now() > until {
                return self.wrong(format!("{id} can't be submitted: {error}"));
            }
            sleep(Duration::from_millis(200)).await;
        }
        let (at_most_once, retries) = (spec.at_most_once, spec.retries);
        self.notes.add(Observation::Submitted(Submitted { id: id.to_string(), at: now(), at_most_once, retries }));
        let Some(after) = cancel else { return };
        sleep(after).await;
        self.notes.add(Observation::CancelAsked { id: id.to_string(), at: now() });
        // It may have ended, or nobody may be there to be asked.
        let _ = self.client.cancel(&id, Cancel { signal: 15, grace: 1_000 }).await;
    }

    /// Waits until all tasks have ended, but not for longer than that.
    pub(super) async fn wait_for_all(&self, limit: Duration) -> Result<(), Failure> {
        let until = Instant::now() + limit;
        loop {
            let listed = self.client.store().list().await;
            let have_ended = listed
                .as_ref()
                .is_ok_and(|records| records.iter().flatten().all(|stored| stored.record.state.has_ended()));
            if have_ended || Instant::now() > until {
                return listed.map(drop).map_err(Failure::from);
            }
            sleep(Duration::from_millis(250)).await;
        }
    }

    /// Writes down all records as they are.
    pub(super) async fn tell_records(&self) -> Result<(), Failure> {
        for read in self.client.store().list().await? {
            match read {
                Ok(stored) => self.notes.add(Observation::Record(Box::new(stored.record))),
                Err(unreadable) => {
                    self.wrong(format!("the record {} can't be read: {}", unreadable.id, unreadable.why))
                }
            }
        }
        Ok(())
    }

    fn wrong(&self, what: String) {
        self.notes.add(Observation::Wrong { what });
    }
}
