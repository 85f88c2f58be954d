//! The results of attempts, on the worker's disk until a record says them.
//!
//! There is a file for each attempt. It is written when the attempt begins, and replaced as a whole by its result. What
//! a worker that is started again finds without a result was running when the former one was killed.

mod files;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use self::files::Files;
use crate::record::{Outcome, TaskId, TaskResult, WorkerRef, now};

/// What is kept of an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spooled {
    /// The address of the master that the task came from.
    pub master: String,
    /// The result.
    pub result: TaskResult,
}

/// A file of the spool.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
enum Kept {
    #[serde(rename_all = "camelCase")]
    Begun {
        id: TaskId,
        attempt: u32,
        worker: WorkerRef,
        master: String,
        at: i64,
    },
    Ended(Spooled),
}

type Key = (TaskId, u32);

/// The results that are not recorded yet.
#[derive(Debug)]
pub struct Spool {
    files: Files,
    state: Mutex<State>,
    /// Held while results are written: two that write one file at once would take its new name from each other.
    writing: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Those that have ended, and whether they are on the disk.
    ended: BTreeMap<Key, (Spooled, bool)>,
    /// Whether it was told that the disk takes nothing.
    told: bool,
}

impl Spool {
    /// Reads what a former process has left: its results, and attempts without one, which are lost. A file that can't
    /// be read is set aside, and a warning names it.
    ///
    /// # Errors
    ///
    /// If the folder can't be made or read.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let (files, found) = Files::open(folder)?;
        let mut state = State::default();
        for kept in found {
            let (spooled, on_disk) = match kept {
                Kept::Ended(spooled) => (spooled, true),
                Kept::Begun { id, attempt, worker, master, at } => {
                    let why = "the worker ended while the task ran, and has no result of it".to_owned();
                    let result = TaskResult {
                        id,
                        attempt,
                        worker,
                        outcome: Outcome::Lost { why },
                        tail: String::new(),
                        started: at,
                        ended: now(),
                        output_bytes: 0,
                        dropped_bytes: 0,
                    };
                    // The file says as much as this result.
                    (Spooled { master, result }, true)
                }
            };
            state.ended.insert((spooled.result.id.clone(), spooled.result.attempt), (spooled, on_disk));
        }
        Ok(Spool { files, state: Mutex::new(state), writing: Mutex::default() })
    }

    /// An attempt is about to be accepted.
    ///
    /// # Errors
    ///
    /// If the disk doesn't take it.
    pub fn begin(&self, id: &TaskId, attempt: u32, worker: &WorkerRef, master: &str) -> io::Result<()> {
        let (worker, master) = (worker.clone(), master.to_owned());
        let kept = Kept::Begun { id: id.clone(), attempt, worker, master, at: now() };
        // After a power failure the worker has another session, which says as much.
        self.files.write(id, attempt, &kept, false)
    }

    /// Keeps a result. If the disk doesn't take it, that is told once, the result is kept in memory, and
    /// [`save`](Spool::save) tries again.
    pub fn put(&self, spooled: Spooled) {
        let key = (spooled.result.id.clone(), spooled.result.attempt);
        self.state().ended.insert(key, (spooled, false));
        self.save();
    }

    /// Writes what is not on the disk yet; whether all is by now.
    pub fn save(&self) -> bool {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let unsaved: Vec<Spooled> = {
            let state = self.state();
            state.ended.values().filter(|(_, on_disk)| !on_disk).map(|(spooled, _)| spooled.clone()).collect()
        };
        for spooled in unsaved {
            let (id, attempt) = (spooled.result.id.clone(), spooled.result.attempt);
            let written = self.files.write(&id, attempt, &Kept::Ended(spooled), true);
            let mut state = self.state();
            if let Err(error) = written {
                if !std::mem::replace(&mut state.told, true) {
                    let folder = self.files.folder().display();
                    tracing::error!(
                        %error, %folder,
                        "results of tasks can't be written to the disk; they are kept in memory and tried again"
                    );
                }
                return false;
            }
            match state.ended.get_mut(&(id.clone(), attempt)) {
                Some((_, on_disk)) => *on_disk = true,
                // It was recorded meanwhile.
                None => self.files.remove(&id, attempt),
            }
        }
        if std::mem::take(&mut self.state().told) {
            tracing::info!("results of tasks are written to the disk again");
        }
        true
    }

    /// The results that are not recorded yet.
    pub fn pending(&self) -> Vec<Spooled> {
        self.state().ended.values().map(|(spooled, _)| spooled.clone()).collect()
    }

    /// How many results are not recorded yet.
    pub fn count(&self) -> usize {
        self.state().ended.len()
    }

    /// Whether there is a result of an attempt.
    pub fn has(&self, id: &TaskId, attempt: u32) -> bool {
        self.state().ended.contains_key(&(id.clone(), attempt))
    }

    /// Forgets an attempt: its result is recorded, or it was not accepted.
    pub fn done(&self, id: &TaskId, attempt: u32) {
        self.state().ended.remove(&(id.clone(), attempt));
        self.files.remove(id, attempt);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use registry_cluster::Incarnation;

    use super::*;

    fn worker() -> WorkerRef {
        WorkerRef { address: "w:1".to_owned(), incarnation: Incarnation { startup_time: 1, process_id: 2 } }
    }

    fn result(id: &str, attempt: u32) -> Spooled {
        let result = TaskResult {
            id: TaskId::new(id).unwrap(),
            attempt,
            worker: worker(),
            outcome: Outcome::Exited { code: 3 },
            tail: "the end".to_owned(),
            started: 1,
            ended: 2,
            output_bytes: 7,
            dropped_bytes: 0,
        };
        Spooled { master: "m:1".to_owned(), result }
    }

    #[test]
    fn results_that_come_at_once_are_all_written() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path()).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let spool = &spool;
                scope.spawn(move || (0..20).for_each(|number| spool.put(result(&format!("t{thread}"), number + 1))));
            }
        });
        assert!(spool.state().ended.values().all(|(_, on_disk)| *on_disk));
        assert_eq!(Spool::open(folder.path()).unwrap().count(), 160);
    }

    #[test]
    fn after_a_restart_results_remain_and_running_tasks_are_lost() {
        let folder = tempfile::tempdir().unwrap();
        let (done, ended, ran) = (result("done", 1), result("ended", 2), TaskId::new("ran").unwrap());
        let spool = Spool::open(folder.path()).unwrap();
        for spooled in [&done, &ended] {
            spool.begin(&spooled.result.id, spooled.result.attempt, &worker(), "m:1").unwrap();
            spool.put(spooled.clone());
        }
        spool.begin(&ran, 4, &worker(), "m:2").unwrap();
        spool.done(&done.result.id, 1);
        assert_eq!(spool.pending(), std::slice::from_ref(&ended));

        let pending = Spool::open(folder.path()).unwrap().pending();
        assert_eq!(pending[0], ended);
        let lost = &pending[1];
        assert_eq!((lost.result.id.as_str(), lost.result.attempt, lost.master.as_str()), ("ran", 4, "m:2"));
        assert!(matches!(lost.result.outcome, Outcome::Lost { .. }));
        assert_eq!(pending.len(), 2);
    }

    #[test]
    fn damaged_files_are_set_aside_and_others_read() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path()).unwrap();
        spool.put(result("whole", 1));
        fs::write(folder.path().join("edited.1.json"), b"{\"state\":\"ended\"").unwrap();
        fs::write(folder.path().join("other.1.json"), fs::read(folder.path().join("whole.1.json")).unwrap()).unwrap();
        fs::write(folder.path().join("begun.2.json.new"), b"{").unwrap();
        let again = Spool::open(folder.path()).unwrap();
        assert_eq!(again.pending(), [result("whole", 1)]);
        assert!(folder.path().join("edited.1.json.unreadable").exists());
        assert!(folder.path().join("other.1.json.unreadable").exists());
        assert!(!folder.path().join("begun.2.json.new").exists());
    }

    #[test]
    fn a_result_is_kept_until_the_disk_takes_it() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(&folder.path().join("spool")).unwrap();
        // As a disk that is full, for any user.
        fs::remove_dir(folder.path().join("spool")).unwrap();
        spool.put(result("a", 1));
        assert!(spool.has(&TaskId::new("a").unwrap(), 1) && !spool.save());
        assert!(spool.begin(&TaskId::new("b").unwrap(), 1, &worker(), "m:1").is_err());
        fs::create_dir(folder.path().join("spool")).unwrap();
        assert!(spool.save());
        assert_eq!(Spool::open(&folder.path().join("spool")).unwrap().pending(), [result("a", 1)]);
    }
}
