//! The command that runs under a lock, as the holder of the lock sees it: through its supervisor.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command};
use std::time::Duration;

use registry_host::{Error, ErrorKind, Guard};
use rustix::process::{Pid, Signal, getpid, kill_process, set_child_subreaper};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::claim::Words;
use super::messages::{Order, Report, hand_over, line, now};
use super::processes::below;
use super::supervisor::SUPERVISOR;
use super::terminal::{Terminal, has_shell, shared_group};
use crate::exit::{Failure, NOT_FOUND, NOT_RUN, of_signal};

/// How long processes that were killed may take to go.
const KILLED: Duration = Duration::from_secs(5);

/// How long the supervisor may be late with killing them before the holder does it.
const LATE: Duration = Duration::from_millis(100);

/// A running command and all that it has started.
pub(super) struct Job {
    words: &'static Words,
    supervisor: Child,
    orders: OwnedWriteHalf,
    reports: Lines<BufReader<OwnedReadHalf>>,
    /// How long after it was last known to be held the lock may be another's.
    patience: Duration,
    /// Whether the command shares this program's process group, with the keys of the terminal.
    pub(super) shares_keys: bool,
    /// The terminal, where this program alone is in charge of it.
    terminal: Option<Terminal>,
    /// Whether the command was stopped, and this program with it.
    stopped: bool,
}

impl Job {
    /// Starts a command that knows of the lock it runs under.
    ///
    /// # Errors
    ///
    /// If it can't be supervised. Whether the command itself can be run is [reported](Job::next).
    pub(super) async fn start(
        command: &[OsString],
        words: &'static Words,
        guard: &Guard,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let failed = |error: io::Error| {
            let error = Error::new(ErrorKind::Other, "the command can't be supervised").with_cause(&error);
            Failure::Coded(NOT_RUN, error.with_operation(words.command).with_key(guard.key()))
        };
        let terminal = Terminal::open();
        // On a terminal that others wait for as well all stay in one group.
        let shared = terminal.as_ref().and_then(|_| shared_group());
        let shares_keys = shared.is_some();
        let terminal = terminal.filter(|_| !shares_keys);
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        // Whoever is left if the supervisor is killed comes to this process.
        set_child_subreaper(Some(getpid())).map_err(|error| failed(error.into()))?;
        let supervisor = Command::new("/proc/self/exe")
            .arg0("registry")
            .arg(SUPERVISOR)
            .args(command)
            .env(format!("{}_KEY", words.variables), guard.key())
            .env(format!("{}_ENTRY", words.variables), guard.entry())
            .env(format!("{}_TOKEN", words.variables), guard.token().to_string())
            .stdin(OwnedFd::from(theirs))
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        hand_over(&ours, io::stdin()).map_err(|error| failed(error.into()))?;
        ours.set_nonblocking(true).map_err(failed)?;
        let (reports, orders) = tokio::net::UnixStream::from_std(ours).map_err(failed)?.into_split();
        let reports = BufReader::new(reports).lines();
        let mut job = Job { words, supervisor, orders, reports, patience, shares_keys, terminal, stopped: false };
        if !matches!(job.next().await, Some(Report::Ready)) {
            let why = job.supervisor.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
            return Err(failed(io::Error::other(why)));
        }
        job.give_terminal();
        job.still_held(guard);
        job.order(Order::Start { patience, group: shared });
        Ok(job)
    }

    /// What the supervisor tells next; `None` if it has ended.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Option<Report> {
        loop {
            let line = self.reports.next_line().await.ok()??;
            if let Ok(report) = serde_json::from_str(&line) {
                return Some(report);
            }
        }
    }

    /// Tells that the lock is held now, if that is so; it has to be told a few times while the patience lasts.
    pub(super) fn still_held(&self, guard: &Guard) {
        let moment = now();
        if !guard.is_lost() {
            self.order(Order::Held(moment));
        }
    }

    /// Passes a signal on to the command.
    pub(super) fn signal(&self, number: i32) {
        // One without a name can't be sent on, and asks to end, too.
        let signal = Signal::from_named_raw(number).unwrap_or(Signal::TERM);
        self.order(Order::Signal(signal.as_raw()));
    }

    /// The command was stopped: stops this program as well, for the shell that has started it to see.
    pub(super) fn was_stopped(&mut self, signal: i32) {
        if self.terminal.is_none() {
            return;
        }
        self.stopped = true;
        match Signal::from_named_raw(signal) {
            Some(signal) if has_shell() => {
                let _ = kill_process(getpid(), signal);
            }
            // Nobody would let it go on.
            _ => self.go_on(),
        }
    }

    /// This program goes on after it was stopped: so does the command.
    pub(super) fn go_on(&mut self) {
        if std::mem::take(&mut self.stopped) {
            self.give_terminal();
            self.order(Order::Continue);
        }
    }

    /// Ends all of it, politely first if there is time for that; whether all is gone.
    pub(super) async fn end(&mut self) -> bool {
        self.order(Order::End);
        let limit = self.patience + LATE;
        let gone = async { while !matches!(self.next().await, Some(Report::Gone) | None) {} };
        // A supervisor that was itself stopped does not answer.
        let _ = tokio::time::timeout(limit, gone).await;
        kill_all().await
    }

    /// What is to be said of a supervisor that has ended before its time; nothing runs any more then.
    pub(super) async fn died(&mut self) -> Failure {
        kill_all().await;
        let status = self.supervisor.wait().ok();
        let code = status.and_then(|status| status.signal()).map_or(NOT_RUN, of_signal);
        let message = "the process that watches over the command was ended, and the command with it";
        Failure::Coded(code, Error::new(ErrorKind::Other, message).with_operation(self.words.command))
    }

    fn order(&self, order: Order) {
        // It fits into the socket as long as the supervisor runs.
        let _ = self.orders.try_write(&line(&order));
    }

    fn give_terminal(&self) {
        if let Some(terminal) = &self.terminal {
            terminal.give_to(Pid::from_child(&self.supervisor));
        }
    }
}

/// Kills everything below this process; whether all of it has gone in time.
async fn kill_all() -> bool {
    let until = now() + KILLED;
    loop {
        let left = below(getpid()).unwrap_or_default();
        if left.is_empty() || now() > until {
            return left.is_empty();
        }
        for process in left {
            let _ = process.signal(Signal::KILL);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The exit code of a command that can't be run, and why.
pub(super) fn not_run(program: &OsString, words: &Words, key: &str, missing: bool, why: &str) -> Failure {
    let message = format!("the command {program:?} can't be run");
    let error = Error::new(ErrorKind::Other, message).with_operation(words.command).with_key(key).with_cause_text(why);
    Failure::Coded(if missing { NOT_FOUND } else { NOT_RUN }, error)
}
