//! The command and everything that it has started.

use rustix::process::{Pid, Signal, getpgrp, getpid, getsid, kill_process_group};

use super::super::processes::{Process, below};

/// Everything below the supervisor.
pub(super) struct Family {
    /// The group that the command runs in.
    group: Pid,
    /// What was stopped by [`pause`](Family::pause).
    paused: Vec<Process>,
}

impl Family {
    pub(super) fn new() -> Self {
        Family { group: getpgrp(), paused: Vec::new() }
    }

    /// Has the command run in another group than the supervisor's own.
    pub(super) fn in_group(&mut self, group: Option<i32>) {
        self.group = group.and_then(Pid::from_raw).unwrap_or(self.group);
    }

    /// Passes a signal on to the command and its group; when that has ended to what is left of it.
    pub(super) fn pass_on(&self, signal: Signal, main: Option<Pid>) {
        if main.is_some() && self.group == getpgrp() {
            // All at once: who is just being started hears of it too. The supervisor handles it.
            let _ = kill_process_group(self.group, signal);
            return;
        }
        let group = self.group.as_raw_nonzero().get();
        self.each(|process| main.is_none() && process.is_of_this_session() || process.group == group, signal);
    }

    /// Asks all to end, those that are stopped as well.
    pub(super) fn end(&self) {
        self.each(|_| true, Signal::TERM);
        self.each(|_| true, Signal::CONT);
    }

    /// Kills all that are there; who was started at that moment is found the next time.
    pub(super) fn kill(&self) {
        self.each(|_| true, Signal::KILL);
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

    /// Who is left; of those with a session of their own, as daemons have, only if they are counted in.
    pub(super) fn left(&self, daemons: bool) -> Vec<Pid> {
        // Where it can't be seen now whether anybody is, this process stands for all.
        let Ok(all) = below(getpid()) else { return vec![getpid()] };
        let left = all.into_iter().filter(|process| daemons || process.is_of_this_session());
        left.map(|process| process.pid).collect()
    }

    fn each(&self, which: impl Fn(&Process) -> bool, signal: Signal) {
        for process in descendants().iter().filter(|process| which(process)) {
            // What belongs to another user by now can't be helped: it stays, and the holder says so.
            let _ = process.signal(signal);
        }
    }
}

impl Process {
    fn is_of_this_session(&self) -> bool {
        getsid(None).is_ok_and(|session| session.as_raw_nonzero().get() == self.session)
    }
}

fn descendants() -> Vec<Process> {
    below(getpid()).unwrap_or_default()
}
