//! The holder's end: a supervisor that was started, and what it reports.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitStatus};

use rustix::process::{Pid, getpid, set_child_subreaper};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::Child;

use crate::messages::{Order, Report, hand_over, line};
use crate::orphans::Known;

/// What a supervisor's command line begins with. It is not a command: it stands in neither help nor completions.
pub(crate) const SUPERVISOR: &str = "--supervise-a-command";

/// This program as the supervisor of a command. The command gets its environment, and its output where that is not
/// [kept](crate::Start::output).
pub fn supervisor(command: &[OsString]) -> Command {
    use std::os::unix::process::CommandExt as _;
    let mut supervisor = Command::new("/proc/self/exe");
    supervisor.arg0("registry").arg(SUPERVISOR).args(command);
    supervisor
}

/// A command and its supervisor. When it is dropped the supervisor ends the command, see
/// [`orphan_grace`](crate::Start::orphan_grace).
#[derive(Debug)]
pub struct Supervised {
    child: Child,
    pid: Pid,
    orders: OwnedWriteHalf,
    reports: Lines<BufReader<OwnedReadHalf>>,
    _known: Known,
}

impl Supervised {
    /// Starts a [`supervisor`], which waits for [`Order::Start`]. The command's standard input is that file.
    ///
    /// # Errors
    ///
    /// If it can't be started, or ends at once.
    ///
    /// # Cancellation
    ///
    /// The supervisor ends, too.
    pub async fn spawn(supervisor: Command, stdin: impl AsFd) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        // Processes that are left if the supervisor is killed become this one's children.
        set_child_subreaper(Some(getpid()))?;
        let mut supervisor = tokio::process::Command::from(supervisor);
        let child = supervisor.stdin(OwnedFd::from(theirs)).spawn()?;
        // The command has the other end, and would keep it open.
        drop(supervisor);
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed())).ok_or(io::ErrorKind::NotFound)?;
        hand_over(&ours, stdin)?;
        ours.set_nonblocking(true)?;
        let (reports, orders) = tokio::net::UnixStream::from_std(ours)?.into_split();
        let known = Known::new(pid.as_raw_nonzero().get());
        let mut supervised = Supervised { child, pid, orders, reports: BufReader::new(reports).lines(), _known: known };
        if !matches!(supervised.next().await, Some(Report::Ready)) {
            let status = supervised.ended().await?;
            return Err(io::Error::other(format!("the supervisor ended at once: {status}")));
        }
        Ok(supervised)
    }

    /// The supervisor's number. It leads the command's process group, unless that was given.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// What it tells next; `None` if it has ended.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Report> {
        loop {
            let line = self.reports.next_line().await.ok()??;
            if let Ok(report) = serde_json::from_str(&line) {
                return Some(report);
            }
        }
    }

    /// Gives it an order of any length.
    ///
    /// # Errors
    ///
    /// If it has ended.
    ///
    /// # Cancellation
    ///
    /// A part of it may have been written: nothing else can be ordered any more.
    pub async fn order(&mut self, order: &Order) -> io::Result<()> {
        self.orders.write_all(&line(order)).await
    }

    /// Gives it a short order at once. It fits into the socket as long as the supervisor runs; one that stands still is
    /// not waited for.
    pub fn tell(&self, order: &Order) {
        let _ = self.orders.try_write(&line(order));
    }

    /// Waits until it has ended, and says how.
    ///
    /// # Errors
    ///
    /// If the system doesn't tell.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }
}
