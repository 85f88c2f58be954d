//! The command that runs under a lock, as the holder of the lock sees it: through its supervisor.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::time::Duration;

use registry_host::{Error, ErrorKind, Guard};
use registry_supervisor::terminal::{Terminal, has_shell, shared_group};
use registry_supervisor::{Order, Patience, Report, Start, Supervised, kill_all_below, now, supervisor};
use rustix::process::{Signal, getpid, kill_process};

use super::claim::Words;
use crate::exit::{Failure, NOT_FOUND, NOT_RUN, of_signal};

/// How long the supervisor may be late with killing them before the holder does it.
const LATE: Duration = Duration::from_millis(100);

/// A running command and all that it has started.
pub(super) struct Job {
    words: &'static Words,
    supervised: Supervised,
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
            Failure::Coded(NOT_RUN, error.or_operation(words.command).or_key(guard.key()))
        };
        let terminal = Terminal::open();
        // On a terminal that others wait for as well all stay in one group.
        let shared = terminal.as_ref().and_then(|_| shared_group());
        let shares_keys = shared.is_some();
        let terminal = terminal.filter(|_| !shares_keys);
        let mut supervisor = supervisor(command);
        supervisor
            .env(format!("{}_KEY", words.variables), guard.key())
            .env(format!("{}_ENTRY", words.variables), guard.entry())
            .env(format!("{}_TOKEN", words.variables), guard.token().to_string())
            .process_group(0);
        let supervised = Supervised::spawn(supervisor, io::stdin()).await.map_err(failed)?;
        let job = Job { words, supervised, patience, shares_keys, terminal, stopped: false };
        job.give_terminal();
        job.still_held(guard);
        job.supervised.tell(&Order::Start(Start {
            group: shared,
            patience: Some(Patience { pause_after: patience, kill_after: None }),
            // It is killed when the patience has run out.
            orphan_grace: Duration::MAX,
            ..Start::default()
        }));
        Ok(job)
    }

    /// What the supervisor tells next; `None` if it has ended.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Option<Report> {
        self.supervised.next().await
    }

    /// Tells that the lock is held now, if that is so; it has to be told a few times while the patience lasts.
    pub(super) fn still_held(&self, guard: &Guard) {
        let moment = now();
        if !guard.is_lost() {
            self.supervised.tell(&Order::Held(moment));
        }
    }

    /// Passes a signal on to the command.
    pub(super) fn signal(&self, number: i32) {
        // One without a name can't be sent on, and asks to end, too.
        let signal = Signal::from_named_raw(number).unwrap_or(Signal::TERM);
        self.supervised.tell(&Order::Signal(signal.as_raw()));
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
            self.supervised.tell(&Order::Continue);
        }
    }

    /// Ends all of it, politely first if there is time for that; whether all is gone.
    pub(super) async fn end(&mut self) -> bool {
        let order = Order::End { signal: Signal::TERM.as_raw(), grace: Duration::MAX };
        self.supervised.tell(&order);
        let limit = self.patience + LATE;
        let gone = async { while !matches!(self.next().await, Some(Report::Gone) | None) {} };
        // A supervisor that was itself stopped does not answer.
        let _ = tokio::time::timeout(limit, gone).await;
        kill_all_below().await
    }

    /// What is to be said of a supervisor that has ended before its time; nothing runs any more then.
    pub(super) async fn died(&mut self) -> Failure {
        kill_all_below().await;
        let status = self.supervised.ended().await.ok();
        let code = status.and_then(|status| status.signal()).map_or(NOT_RUN, of_signal);
        let message = "the process that watches over the command was ended, and the command with it";
        Failure::Coded(code, Error::new(ErrorKind::Other, message).or_operation(self.words.command))
    }

    fn give_terminal(&self) {
        if let Some(terminal) = &self.terminal {
            terminal.give_to(self.supervised.pid());
        }
    }
}

/// The exit code of a command that can't be run, and why.
pub(super) fn not_run(program: &OsString, words: &Words, key: &str, missing: bool, why: &str) -> Failure {
    let message = format!("the command {program:?} can't be run");
    let error = Error::new(ErrorKind::Other, message).or_operation(words.command).or_key(key).with_cause_text(why);
    Failure::Coded(if missing { NOT_FOUND } else { NOT_RUN }, error)
}
