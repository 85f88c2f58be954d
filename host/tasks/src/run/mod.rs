//! Running commands, each below a supervisor, with a folder of its own and its output in files.
//!
//! Everything of a worker is below its data folder: `tasks/<id>/<attempt>/work` is what a command runs in,
//! `tasks/<id>/<attempt>/output` is what it has written.

mod folders;
mod job;
mod logs;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use registry_supervisor::{Cgroups, Patience, now};
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use self::folders::Folders;
pub use self::{
    job::{DEFAULT_PATH, Finished, How},
    logs::Logs,
};

/// How long a command has from SIGTERM to SIGKILL where nobody says.
pub const GRACE: Duration = Duration::from_secs(10);

/// A command to be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The task.
    pub id: String,
    /// Which attempt it is.
    pub attempt: u32,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Variables of its environment, beside `PATH`, `REGISTRY_TASK_ID` and `REGISTRY_TASK_ATTEMPT`.
    pub environment: Vec<(String, String)>,
    /// The folder to run in; one of its own without this.
    pub folder: Option<PathBuf>,
    /// How long it may run.
    pub timeout: Option<Duration>,
}

/// Why a command is ended that has not ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It has run longer than it may.
    TimedOut,
    /// Somebody has asked for it.
    Cancelled,
    /// The worker has lost its session, and others may run the task.
    CutOff,
    /// The worker leaves.
    Leaving,
}

/// How a command is to be ended: a signal, and SIGKILL after the grace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Why.
    pub reason: Reason,
    /// The signal.
    pub signal: i32,
    /// How long the command and what it has started may take from then on.
    pub grace: Duration,
}

/// Runs commands.
#[derive(Debug)]
pub struct Executor {
    folders: Folders,
    output_limit: u64,
    cgroups: Option<Cgroups>,
    patience: Mutex<Option<Patience>>,
    held: watch::Sender<Duration>,
}

impl Executor {
    /// Runs commands with their files below a folder, each with at most so many bytes of output there.
    ///
    /// # Errors
    ///
    /// If the folder can't be made.
    pub fn open(data: &Path, output_limit: u64) -> io::Result<Arc<Self>> {
        Self::with(data, output_limit, Cgroups::open())
    }

    /// The same without cgroups, where they can be made as well.
    ///
    /// # Errors
    ///
    /// If the folder can't be made.
    pub fn without_cgroups(data: &Path, output_limit: u64) -> io::Result<Arc<Self>> {
        Self::with(data, output_limit, None)
    }

    fn with(data: &Path, output_limit: u64, cgroups: Option<Cgroups>) -> io::Result<Arc<Self>> {
        let folders = Folders::open(data.join("tasks"))?;
        let held = watch::Sender::new(now());
        Ok(Arc::new(Executor { folders, output_limit, cgroups, patience: Mutex::default(), held }))
    }

    /// How long commands that are started from now on may go on after they were last [held](Executor::hold); `None` is
    /// for ever, as long as this process is there.
    pub fn set_patience(&self, patience: Option<Patience>) {
        *self.patience.lock().unwrap_or_else(PoisonError::into_inner) = patience;
    }

    /// What the commands run for was held at that [moment](registry_supervisor::now).
    pub fn hold(&self, moment: Duration) {
        self.held.send_replace(moment);
    }

    /// Starts a command. Dropping what it gives ends the command: SIGTERM, and SIGKILL a second later.
    pub fn start(self: &Arc<Self>, job: Job) -> Running {
        let (stop, stops) = mpsc::unbounded_channel();
        let (tell_started, started) = watch::channel(None);
        let (tell_finished, finished) = watch::channel(None);
        let (executor, patience) = (Arc::clone(self), *self.patience.lock().unwrap_or_else(PoisonError::into_inner));
        // Its owner is the handle, which ends it, and is told of a panic by the channel that closes.
        let driving = tokio::spawn(async move {
            let done = job::drive(&executor, &job, patience, stops, &tell_started).await;
            tell_finished.send_replace(Some(Arc::new(done)));
        });
        Running { stop, started, finished, _driving: AbortOnDropHandle::new(driving) }
    }

    /// The output of an attempt; of the last one that there is without its number. `None` if there is none.
    ///
    /// # Errors
    ///
    /// If the folder can't be read.
    pub fn logs(&self, id: &str, attempt: Option<u32>) -> io::Result<Option<Logs>> {
        Ok(self.folders.output(id, attempt)?.map(Logs::new))
    }

    /// Removes what a command has run in, unless that was given; what it has written stays.
    ///
    /// # Errors
    ///
    /// If it can't be removed.
    pub fn clean(&self, id: &str, attempt: u32) -> io::Result<()> {
        self.folders.clean(id, attempt)
    }

    /// Removes what commands of a former process have run in.
    ///
    /// # Errors
    ///
    /// If the folder can't be read.
    pub fn clean_all(&self) -> io::Result<()> {
        self.folders.clean_all()
    }

    /// Removes the oldest outputs while all together are larger, or are more, than that.
    ///
    /// # Errors
    ///
    /// If the folder can't be read.
    pub fn prune(&self, most_bytes: u64, most_attempts: usize) -> io::Result<()> {
        self.folders.prune(most_bytes, most_attempts)
    }
}

/// A command that was started, or is about to be.
#[derive(Debug)]
pub struct Running {
    stop: mpsc::UnboundedSender<Stop>,
    started: watch::Receiver<Option<u32>>,
    finished: watch::Receiver<Option<Arc<Finished>>>,
    _driving: AbortOnDropHandle<()>,
}

impl Running {
    /// The number of the command's process, once it has one.
    pub fn pid(&self) -> Option<u32> {
        *self.started.borrow()
    }

    /// Waits until the command runs, or can't be run; its output can be read from then on.
    pub async fn begun(&self) {
        let (mut started, mut finished) = (self.started.clone(), self.finished.clone());
        tokio::select! {
            Ok(_) = started.wait_for(Option::is_some) => {}
            // Without its sender it is over as well.
            _ = finished.wait_for(Option::is_some) => {}
        }
    }

    /// Begins to end it. A second call can only shorten the grace.
    pub fn stop(&self, stop: Stop) {
        // One that has ended meanwhile has.
        let _ = self.stop.send(stop);
    }

    /// Waits until the command and all that it has started have ended, and says how.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn finished(&self) -> Arc<Finished> {
        let mut finished = self.finished.clone();
        let done = finished.wait_for(Option::is_some).await.ok().and_then(|done| done.clone());
        done.unwrap_or_else(|| Arc::new(Finished::unknown("the code that looks after the command panicked")))
    }

    /// Told when the command has ended.
    pub fn watch(&self) -> watch::Receiver<Option<Arc<Finished>>> {
        self.finished.clone()
    }
}
