//! What the holder of a command and its supervisor tell each other: JSON, an object a line.

use std::ffi::OsString;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::CommandCgroup;

/// What the holder tells the supervisor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Order {
    /// Starts the command.
    Start(Start),
    /// What the command runs for was held at that [moment](now).
    Held(Duration),
    /// Passes a signal on.
    Signal(i32),
    /// Lets a command go on that was stopped.
    Continue,
    /// Ends everything that the command has started: by this signal first, and by SIGKILL after the grace.
    End {
        /// The signal.
        signal: i32,
        /// How long the receiver of the signal may take.
        grace: Duration,
    },
}

/// How a command is started, and what happens to it when nobody says anything.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Start {
    /// The process group that it runs in; `None` for the supervisor's own.
    pub group: Option<i32>,
    /// Whether supervisor and command begin a session of their own, without a terminal.
    pub own_session: bool,
    /// What is added to the environment that the supervisor has.
    pub environment: Vec<(OsString, OsString)>,
    /// The folder that the command runs in; `None` for the supervisor's own.
    pub folder: Option<PathBuf>,
    /// Where the output goes; `None` leaves it where the supervisor's own goes.
    pub output: Option<OutputFiles>,
    /// The cgroup that it runs in.
    pub cgroup: Option<CommandCgroup>,
    /// How long the holder may say nothing; `None` is for ever, as long as it is there.
    pub patience: Option<Patience>,
    /// What happens to processes that the command leaves when it ends.
    pub survivors: Survivors,
    /// How long the command may take to end when the holder is gone.
    pub orphan_grace: Duration,
}

/// How long after a holder was last heard of its command may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patience {
    /// The command is stopped after this. It goes on when the holder is heard of again.
    pub pause_after: Duration,
    /// The command is killed after this; `None` is never.
    pub kill_after: Option<Duration>,
}

/// The files that a command's standard output and standard error go to, see [`output`](crate::output).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputFiles {
    /// Their folder, which is there.
    pub folder: PathBuf,
    /// How many bytes they may take together.
    pub limit: u64,
}

/// What happens to processes that a command leaves when it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Survivors {
    /// They are waited for, unless they have a session of their own as daemons have.
    #[default]
    Awaited,
    /// They get SIGTERM, and SIGKILL after this.
    Ended(Duration),
}

/// What the supervisor tells the holder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Report {
    /// It is ready to start the command.
    Ready,
    /// The command runs, as this process.
    Started(i32),
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
    /// The command itself has ended.
    Ended(Ended),
    /// The command has ended, but these processes that it has started have not.
    Left(Vec<i32>),
    /// The output that was [kept](Start::output), after the last of it.
    Output {
        /// How many bytes there were.
        bytes: u64,
        /// How many of them were not kept.
        dropped: u64,
        /// The last of it, where it isn't UTF-8 with replacement characters.
        tail: String,
    },
    /// Everything that it has started has ended.
    Gone,
}

/// How a command has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its exit code, if it ended by itself.
    pub code: Option<i32>,
    /// The signal that ended it otherwise.
    pub signal: Option<i32>,
    /// What had happened before.
    pub cause: Cause,
}

/// Why a command has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// Nobody had asked it to.
    Itself,
    /// It was [ordered](Order::End) before.
    Ordered,
    /// The holder had not been heard of for too long.
    Silence,
}

/// The time since the machine was started, including what it slept.
pub fn now() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    // The clock starts at the boot, so that neither part is ever negative.
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// A message as a line.
pub(crate) fn line(message: &impl Serialize) -> Vec<u8> {
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
pub(crate) fn hand_over(socket: impl AsFd, file: impl AsFd) -> rustix::io::Result<()> {
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
pub(crate) fn take_over(socket: impl AsFd) -> rustix::io::Result<OwnedFd> {
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
