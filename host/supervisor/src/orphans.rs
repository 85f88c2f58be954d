//! What is left when a supervisor was killed itself: its processes come to the holder.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, getpid, waitpid};

use crate::messages::now;
use crate::processes::{Process, all, below};

/// How long processes that were killed may take to go.
const KILLED: Duration = Duration::from_secs(5);

/// How long it sleeps between two looks.
const SOON: Duration = Duration::from_millis(10);

/// The supervisors of this process that are not known to have ended.
static SUPERVISORS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// A supervisor, which is not an orphan as long as this is kept.
#[derive(Debug)]
pub(crate) struct Known(i32);

impl Known {
    pub(crate) fn new(pid: i32) -> Self {
        supervisors(|known| known.insert(pid));
        Known(pid)
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        supervisors(|known| known.remove(&self.0));
    }
}

fn supervisors<T>(act: impl FnOnce(&mut BTreeSet<i32>) -> T) -> T {
    act(&mut SUPERVISORS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Kills everything below this process; whether all of it has gone in time.
///
/// # Cancellation
///
/// Some may be left.
pub async fn kill_all_below() -> bool {
    kill(|| below(getpid()).unwrap_or_default(), |_| {}).await
}

/// Kills what this process has inherited from supervisors that are gone, and all below it; whether all has gone in
/// time.
///
/// # Behavior
///
/// These are the children of this process that have another session than it, unless they are supervisors: what a
/// supervisor starts with [`own_session`](crate::Start::own_session) never has the holder's.
///
/// # Cancellation
///
/// Some may be left.
pub async fn end_adopted() -> bool {
    let reap = |process: &Process| {
        // It is this process's own child, and no other part of the program waits for it.
        let _ = waitpid(Some(process.pid), WaitOptions::NOHANG);
    };
    kill(adopted, reap).await
}

async fn kill(find: impl Fn() -> Vec<Process>, then: impl Fn(&Process)) -> bool {
    let until = now() + KILLED;
    let mut killed = Vec::new();
    // Who starts another and ends at the moment of a look is seen by the next one.
    let mut seen_none = false;
    loop {
        let left = find();
        if left.is_empty() && seen_none || now() > until {
            killed.iter().for_each(then);
            return left.is_empty();
        }
        seen_none = left.is_empty();
        for process in &left {
            let _ = process.signal(Signal::KILL);
        }
        killed.extend(left.into_iter().filter(|process| process.parent == getpid().as_raw_nonzero().get()));
        tokio::time::sleep(SOON).await;
    }
}

fn adopted() -> Vec<Process> {
    let this = getpid();
    let Ok((own, all)) = Process::this().and_then(|own| Ok((own, all()?))) else { return Vec::new() };
    let is_child = |process: &Process| process.parent == this.as_raw_nonzero().get();
    let is_known = |pid: Pid| supervisors(|known| known.contains(&pid.as_raw_nonzero().get()));
    let mut found = Vec::new();
    for process in all.into_iter().filter(|it| is_child(it) && it.session != own.session && !is_known(it.pid)) {
        found.push(process);
        found.extend(below(process.pid).unwrap_or_default());
    }
    found
}
