//! The supervisor of a command that runs under a lock: a process of its own between the holder and the command.
//!
//! Whatever becomes of the holder, `kill -9` included, the supervisor notices, as their socket closes; and whatever the
//! command has started stays below the supervisor, which inherits the children of those that end. So it can end all of
//! them before the lock may be another's.

mod control;
mod family;

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, WaitOptions, getpid, getppid, set_child_subreaper, wait};
use rustix::time::Timespec;

use self::control::Control;
use self::family::Family;
use super::messages::{Order, Report, now};
use super::processes::Process;
use super::terminal::Terminal;
use crate::exit::{USAGE, of_signal};
use crate::signals::{fatal, not_ignored};

/// What the supervisor's command line begins with. It is no command: it stands in neither help nor completions.
pub(crate) const SUPERVISOR: &str = "--supervise-a-command-under-a-lock";

/// How long it sleeps while processes that were killed have not all gone.
const SOON: Duration = Duration::from_millis(10);

/// How long it sleeps while nothing is to be done.
const LATER: Duration = Duration::from_millis(500);

/// Runs as a supervisor, if this process was started as one.
pub(crate) fn supervisor_main() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    (arguments.next()? == SUPERVISOR).then(|| {
        let ran = Supervisor::begin(arguments.collect()).and_then(|mut supervisor| supervisor.run());
        match ran {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("registry: this is started by 'registry lock' and 'registry elect' only: {error}");
                ExitCode::from(USAGE)
            }
        }
    })
}

struct Supervisor {
    command: Vec<OsString>,
    control: Control,
    children: UnixStream,
    family: Family,
    terminal: Option<Terminal>,
    /// The group of the holder, which the terminal goes back to; `None` if that can't be named here.
    holder: Option<Pid>,
    /// The command itself, until it has ended.
    main: Option<Pid>,
    started: bool,
    /// When the lock was last known to be held, and how long after that everything must be over.
    held: Duration,
    patience: Duration,
    /// Whether everything is being ended.
    ending: bool,
    /// Whether it was told which processes are left.
    left: bool,
}

impl Supervisor {
    fn begin(command: Vec<OsString>) -> io::Result<Self> {
        let control = Control::take()?;
        // For whoever looks at the list of processes.
        let _ = rustix::thread::set_name(c"lock-supervisor");
        set_child_subreaper(Some(getpid()))?;
        // Without it nobody could be found who has to end.
        let family = Family::new()?;
        let holder = getppid().and_then(|holder| Process::of(holder).ok());
        // It stands in the command's group, and must outlive what the terminal and others send to that; unlike ignoring
        // them, this is undone in the command.
        let job_control = [Signal::TSTP, Signal::TTIN, Signal::TTOU].map(Signal::as_raw);
        for number in fatal().into_iter().chain(not_ignored(job_control.into_iter())) {
            signal_hook::flag::register(number, Arc::new(AtomicBool::new(false)))?;
        }
        let (children, told) = UnixStream::pair()?;
        children.set_nonblocking(true)?;
        signal_hook::low_level::pipe::register(Signal::CHILD.as_raw(), told)?;
        control.tell(&Report::Ready);
        Ok(Supervisor {
            command,
            control,
            children,
            family,
            terminal: Terminal::open(),
            holder: holder.and_then(|holder| Pid::from_raw(holder.group)),
            main: None,
            started: false,
            held: Duration::ZERO,
            patience: Duration::ZERO,
            ending: false,
            left: false,
        })
    }

    fn run(&mut self) -> io::Result<()> {
        loop {
            self.sleep()?;
            for order in self.control.orders() {
                match order {
                    Some(order) => {
                        if !self.obey(order) {
                            return Ok(());
                        }
                    }
                    // The holder is gone.
                    None => self.end(),
                }
            }
            self.reap();
            self.look_at_the_clock();
            if self.is_over() {
                self.control.tell(&Report::Gone);
                return Ok(());
            }
        }
    }

    /// Waits until something happens, or has to be done.
    fn sleep(&mut self) -> io::Result<()> {
        let left = (self.held + self.patience).saturating_sub(now());
        // A third of what is left: the clock of the sleep stands still with the machine, the other one goes on.
        let time = match left.is_zero() {
            true if self.ending => SOON,
            true => LATER,
            false => (left / 3).clamp(SOON, LATER),
        };
        let time = Timespec { tv_sec: 0, tv_nsec: i64::from(time.as_nanos().min(999_999_999) as u32) };
        let mut ready = [PollFd::new(&self.children, PollFlags::IN), PollFd::new(&self.control, PollFlags::IN)];
        // Of a holder that is gone nothing more is to be heard.
        let ready = if self.control.is_closed() { &mut ready[..1] } else { &mut ready[..] };
        match poll(ready, Some(&time)) {
            Err(error) if error != rustix::io::Errno::INTR => return Err(error.into()),
            _ => {}
        }
        let mut signals = [0; 64];
        while matches!((&self.children).read(&mut signals), Ok(1..)) {}
        Ok(())
    }

    /// Does what the holder says; whether there is anything left to do after it.
    fn obey(&mut self, order: Order) -> bool {
        match order {
            Order::Start { patience, group } => {
                self.patience = patience;
                return self.start(group);
            }
            Order::Held(moment) => {
                self.held = self.held.max(moment);
                if now() < self.held + self.patience {
                    self.family.go_on();
                }
            }
            Order::Signal(number) => {
                if let Some(signal) = Signal::from_named_raw(number) {
                    self.family.pass_on(signal, self.main);
                }
            }
            Order::Continue => self.family.pass_on(Signal::CONT, self.main),
            Order::End => self.end(),
        }
        true
    }

    fn start(&mut self, group: Option<i32>) -> bool {
        let Some((program, arguments)) = self.command.split_first() else { return false };
        self.family.in_group(group);
        let mut command = Command::new(program);
        command.args(arguments).stdin(self.control.stdin.take().map_or_else(Stdio::null, Stdio::from));
        if let Some(group) = group {
            command.process_group(group);
        }
        self.started = true;
        match command.spawn() {
            Ok(child) => {
                self.main = Some(Pid::from_child(&child));
                true
            }
            Err(error) => {
                let missing = error.kind() == io::ErrorKind::NotFound;
                self.give_back();
                self.control.tell(&Report::Refused { missing, why: error.to_string() });
                false
            }
        }
    }

    /// Takes note of what has ended or stopped.
    fn reap(&mut self) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG | WaitOptions::UNTRACED) {
            if Some(pid) != self.main {
                continue;
            }
            if let Some(signal) = status.stopping_signal() {
                if !self.family.is_paused() && !self.ending {
                    self.give_back();
                    self.control.tell(&Report::Stopped(signal));
                }
                continue;
            }
            self.main = None;
            let code = status.exit_status().and_then(|code| u8::try_from(code).ok());
            let code = code.or(status.terminating_signal().map(of_signal)).unwrap_or(u8::MAX);
            self.give_back();
            self.control.tell(&Report::Ended(code));
        }
    }

    fn give_back(&self) {
        if let (Some(terminal), Some(holder)) = (&self.terminal, self.holder) {
            terminal.give_to(holder);
        }
    }

    /// Begins to end everything: politely first.
    fn end(&mut self) {
        if !std::mem::replace(&mut self.ending, true) && now() < self.held + self.patience {
            self.family.end();
        }
    }

    fn look_at_the_clock(&mut self) {
        if !self.started || now() < self.held + self.patience {
            return;
        }
        if self.ending {
            self.family.kill();
        } else if self.family.pause() {
            self.control.tell(&Report::Paused);
        }
    }

    /// Whether nothing is left that the lock has to be held for.
    fn is_over(&mut self) -> bool {
        if !self.started || self.main.is_some() {
            // Before its start there is nothing to end.
            return !self.started && self.ending;
        }
        let left = self.family.left(self.ending);
        if !left.is_empty() && !self.ending && !std::mem::replace(&mut self.left, true) {
            self.control.tell(&Report::Left(left.iter().map(|pid| pid.as_raw_nonzero().get()).collect()));
        }
        left.is_empty()
    }
}
