//! Signals to a child process.

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::{Error, Result};

/// Stops a child of this process with SIGSTOP, and waits until it stands still, or has ended meanwhile.
///
/// The signal alone is not enough: the sender goes on before all threads of the child have seen it, and on a busy
/// machine one of them may answer for some milliseconds more.
///
/// # Errors
/// If `child` is not the id of a child that is yet to be waited for.
pub fn stop(child: u32) -> Result<()> {
    let stop = |id| {
        kill_process(id, Signal::STOP)?;
        // The state is left to be waited for: the end of a child is its owner's to see.
        let wanted = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        rustix::io::retry_on_intr(|| waitid(WaitId::Pid(id), wanted)).map(drop)
    };
    process(child).and_then(stop).map_err(Error::during(format!("stopping process {child}")))
}

/// Lets a process that was [stopped](stop) go on, with SIGCONT.
///
/// # Errors
/// If there is no such process.
pub fn cont(child: u32) -> Result<()> {
    send(child, Signal::CONT)
}

/// Asks a process to end, with SIGTERM.
pub(crate) fn terminate(child: u32) -> Result<()> {
    send(child, Signal::TERM)
}

fn send(child: u32, signal: Signal) -> Result<()> {
    let send = |id| kill_process(id, signal);
    process(child).and_then(send).map_err(Error::during(format!("sending {signal:?} to process {child}")))
}

fn process(child: u32) -> rustix::io::Result<Pid> {
    Pid::from_raw(child.cast_signed()).ok_or(Errno::SRCH)
}
