//! The terminal that a command under a lock may run on, and who of its programs is in the foreground.

use std::fs::{File, OpenOptions};

use rustix::process::{Pid, getpgid, getpgrp, getpid, getppid, getsid};
use rustix::termios::{tcgetpgrp, tcsetpgrp};

use super::processes;

/// The terminal that controls this process.
pub(super) struct Terminal(File);

impl Terminal {
    /// The terminal, if there is one.
    pub(super) fn open() -> Option<Self> {
        // Whoever opens this one by name can't make it its own by that.
        OpenOptions::new().read(true).write(true).open("/dev/tty").ok().map(Terminal)
    }

    /// Makes another group the foreground, if this process's own is that now.
    ///
    /// Only a program of the foreground may: another would be stopped for it.
    pub(super) fn give_to(&self, group: Pid) {
        if tcgetpgrp(&self.0).is_ok_and(|foreground| foreground == getpgrp()) {
            // Who has gone needs no terminal.
            let _ = tcsetpgrp(&self.0, group);
        }
    }
}

/// Whether this process is alone in its group, so that the whole group may give the terminal away: another program of a
/// pipeline or the script that has started this one may want to read from it as well.
pub(super) fn alone() -> bool {
    let group = getpgrp().as_raw_nonzero().get();
    let others = |processes: Vec<processes::Process>| {
        processes.iter().any(|process| process.group == group && process.pid != getpid())
    };
    getpgrp() == getpid() && !processes::all().is_ok_and(others)
}

/// Whether a shell that does job control has started this process, and lets it go on when it is stopped.
pub(super) fn has_shell() -> bool {
    let Some(parent) = getppid() else { return false };
    let same_session = getsid(Some(parent)).ok() == getsid(None).ok();
    same_session && getpgid(Some(parent)).is_ok_and(|group| group != getpgrp())
}
