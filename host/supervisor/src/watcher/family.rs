//! The command and everything that it has started.

use std::collections::BTreeSet;
use std::io;

use rustix::process::{Pid, Signal, getpid, kill_process_group};

use crate::CommandCgroup;
use crate::processes::{Process, below};

/// Everything below the supervisor.
pub(super) struct Family {
    /// The group that the command runs in; the supervisor leads one of its own.
    group: i32,
    /// The session of the supervisor and of the command.
    session: i32,
    /// The cgroup that the command runs in.
    cgroup: Option<CommandCgroup>,
    /// What was stopped by [`pause`](Family::pause).
    paused: Vec<Process>,
}

impl Family {
    /// # Errors
    ///
    /// If `/proc` can't be read.
    pub(super) fn new() -> io::Result<Self> {
        let this = Process::this()?;
        Ok(Family { group: this.group, session: this.session, cgroup: None, paused: Vec::new() })
    }

    /// The command runs in this group instead of the supervisor's own, and in this cgroup.
    pub(super) fn run_in(&mut self, group: Option<i32>, cgroup: Option<CommandCgroup>) {
        (self.group, self.cgroup) = (group.unwrap_or(self.group), cgroup);
    }

    /// Passes a signal on to the command and its group; when that has ended to what is left of it.
    pub(super) fn pass_on(&self, signal: Signal, main: Option<Pid>) {
        if main.is_some() && self.group == getpid().as_raw_nonzero().get() {
            // All at once: who is just being started hears of it too. The supervisor handles it.
            let _ = kill_process_group(getpid(), signal);
            return;
        }
        let in_session = |process: &Process| process.session == self.session;
        self.each(|process| main.is_none() && in_session(process) || process.group == self.group, signal);
    }

    /// Asks all to end, those that are stopped as well.
    pub(super) fn end(&self, signal: Signal) {
        self.each(|_| true, signal);
        self.each(|_| true, Signal::CONT);
    }

    /// Kills all that are there; who was started at that moment is found the next time.
    pub(super) fn kill(&self) {
        if let Some(cgroup) = &self.cgroup {
            cgroup.kill();
        }
        // Who starts another and ends is followed for a while, faster than it is slept between two calls.
        const ROUNDS: usize = 50;
        let mut killed = BTreeSet::new();
        for _ in 0..ROUNDS {
            let left = descendants();
            let is_known = left.iter().all(|process| killed.contains(&process.pid.as_raw_nonzero()));
            if is_known {
                return;
            }
            for process in left {
                // What belongs to another user by now can't be helped: it stays, and the holder says so.
                let _ = process.signal(Signal::KILL);
                killed.insert(process.pid.as_raw_nonzero());
            }
        }
    }

    /// Stops all that run; whether that was necessary.
    pub(super) fn pause(&mut self) -> bool {
        if self.is_paused() {
            return false;
        }
        // Again until nobody is left who could have started another meanwhile.
        loop {
            let known = |process: &Process| self.paused.iter().any(|paused| paused.pid == process.pid);
            let running: Vec<_> = descendants().into_iter().filter(|it| !it.stopped && !known(it)).collect();
            if running.is_empty() {
                return self.is_paused();
            }
            for process in &running {
                let _ = process.signal(Signal::STOP);
            }
            self.paused.extend(running);
        }
    }

    /// Lets those go on that were paused, children first, so that no parent sees one of them stopped.
    pub(super) fn go_on(&mut self) {
        for process in self.paused.drain(..).rev() {
            let _ = process.signal(Signal::CONT);
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        !self.paused.is_empty()
    }

    /// Who is left, but for those with a session of their own, as daemons have.
    pub(super) fn left(&self) -> Vec<Pid> {
        // Where it can't be seen now whether anybody is, this process stands for all.
        let Ok(all) = below(getpid()) else { return vec![getpid()] };
        let left = all.into_iter().filter(|process| process.session == self.session);
        left.map(|process| process.pid).collect()
    }

    fn each(&self, which: impl Fn(&Process) -> bool, signal: Signal) {
        for process in descendants().iter().filter(|process| which(process)) {
            // What belongs to another user by now can't be helped: it stays, and the holder says so.
            let _ = process.signal(signal);
        }
    }
}

fn descendants() -> Vec<Process> {
    below(getpid()).unwrap_or_default()
}
