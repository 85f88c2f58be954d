//! The terminal that a supervised command may run on, and who of its programs is in the foreground.

use std::fs::{File, OpenOptions};

use rustix::process::{Pid, getppid};
use rustix::termios::{tcgetpgrp, tcsetpgrp};

use crate::processes::{Process, all};

/// The terminal that controls this process.
pub struct Terminal(File);

impl Terminal {
    /// The terminal, if there is one.
    pub fn open() -> Option<Self> {
        // A process that opens this one by name can't make it its own by that.
        OpenOptions::new().read(true).write(true).open("/dev/tty").ok().map(Terminal)
    }

    /// Makes another group the foreground, if this process's own is that now.
    ///
    /// Only a program of the foreground may: another would be stopped for it.
    pub fn give_to(&self, group: Pid) {
        let Ok(this) = Process::this() else { return };
        if tcgetpgrp(&self.0).is_ok_and(|foreground| foreground.as_raw_nonzero().get() == this.group) {
            // A process that has ended needs no terminal.
            let _ = tcsetpgrp(&self.0, group);
        }
    }
}

/// The group whose other programs may want to read from the terminal as well, in a pipeline or a script: it must not be
/// given away then. `None` if this process is alone in its group, or if that can't be named here.
pub fn shared_group() -> Option<i32> {
    let this = Process::this().ok()?;
    let alone = || all().is_ok_and(|all| !all.iter().any(|it| it.group == this.group && it.pid != this.pid));
    let leads = this.pid.as_raw_nonzero().get() == this.group;
    (this.group != 0 && !(leads && alone())).then_some(this.group)
}

/// Whether a shell that does job control has started this process, and lets it go on when it is stopped.
pub fn has_shell() -> bool {
    let Some(Ok(parent)) = getppid().map(Process::of) else { return false };
    Process::this().is_ok_and(|this| parent.session == this.session && parent.group != this.group)
}
