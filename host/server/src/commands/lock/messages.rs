//! What the holder of a lock and the supervisor of its command tell each other: JSON, an object a line.

use serde::{Deserialize, Serialize};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use rustix::time::{ClockId, clock_gettime};

/// What the holder tells the supervisor.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// Starts the command.
    Start {
        /// How long after it was last known to be held the lock may be another's.
        patience: Duration,
        /// The process group that it runs in; none for the supervisor's own.
        group: Option<i32>,
    },
    /// The lock was held at that [moment](now).
    Held(Duration),
    /// Passes a signal on.
    Signal(i32),
    /// Lets a command go on that was stopped.
    Continue,
    /// Ends everything that the command has started.
    End,
}

/// What the supervisor tells the holder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// It is ready to start the command.
    Ready,
    /// The command can't be run.
    Refused {
        /// Whether there is no such program.
        missing: bool,
        /// What the system says.
        why: String,
    },
    /// The command was stopped, by that signal.
    Stopped(i32),
    /// All of it was stopped, as nothing was heard of the holder for too long.
    Paused,
    /// The command has ended, with that exit code.
    Ended(u8),
    /// The command has ended, but these processes that it has started have not.
    Left(Vec<i32>),
    /// Everything that it has started has ended.
    Gone,
}

/// The time since the machine was started, including what it slept.
pub(super) fn now() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    // The clock starts at the boot, so that neither part is ever negative.
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// A message as a line.
pub(super) fn line(message: &impl Serialize) -> Vec<u8> {
    // No message has anything that JSON lacks.
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Hands an open file to the process at the other end.
///
/// # Errors
///
/// If the socket is closed.
pub(super) fn hand_over(socket: impl AsFd, file: impl AsFd) -> rustix::io::Result<()> {
    let files = [file.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut with = SendAncillaryBuffer::new(&mut space);
    with.push(SendAncillaryMessage::ScmRights(&files));
    sendmsg(socket, &[IoSlice::new(b"\n")], &mut with, SendFlags::empty()).map(|_| ())
}

/// Takes the file that the other end has handed over.
///
/// # Errors
///
/// If there is none, or no socket.
pub(super) fn take_over(socket: impl AsFd) -> rustix::io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut with = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut with, RecvFlags::CMSG_CLOEXEC)?;
    let handed = with.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut files) => files.next(),
        _ => None,
    });
    handed.ok_or(rustix::io::Errno::BADMSG)
}
