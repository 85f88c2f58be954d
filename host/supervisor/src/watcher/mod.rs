//! The supervisor: the process between the holder and the command.

mod control;
mod family;
mod keeping;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, getppid, set_child_subreaper, setsid, wait};
use rustix::time::Timespec;

use self::control::Control;
use self::family::Family;
use self::keeping::Keeping;
use crate::messages::{Cause, Ended, Order, Report, Start, Survivors, now};
use crate::processes::Process;
use crate::signals::{fatal, not_ignored};
use crate::starter::{Become, starter_main};
use crate::supervised::SUPERVISOR;
use crate::terminal::Terminal;

/// How long it sleeps while processes that were killed have not all gone.
const SOON: Duration = Duration::from_millis(10);

/// How long it sleeps while nothing is to be done.
const LATER: Duration = Duration::from_millis(500);

/// Runs as a supervisor, or becomes a command, if this process was started for that. The first thing in the `main` of
/// each holder's program.
pub fn supervisor_main() -> Option<ExitCode> {
    if let Some(code) = starter_main() {
        return Some(code);
    }
    let mut arguments = std::env::args_os().skip(1);
    (arguments.next()? == SUPERVISOR).then(|| {
        let ran = Watcher::begin(arguments.collect()).and_then(|mut watcher| watcher.run());
        match ran {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("registry: this is started by other commands only, to supervise what they run: {error}");
                ExitCode::from(2)
            }
        }
    })
}

struct Watcher {
    command: Vec<OsString>,
    control: Control,
    children: UnixStream,
    family: Family,
    terminal: Option<Terminal>,
    /// The group of the holder, which the terminal goes back to; `None` if that can't be named here.
    holder: Option<Pid>,
    /// How the command was started; `None` before.
    start: Option<Start>,
    /// The command itself, until it has ended.
    main: Option<Pid>,
    /// What keeps its output.
    keeping: Option<Keeping>,
    /// When the holder was last heard of; never, before its first word.
    held: Duration,
    /// When everything that is left is killed; `None` unless it is being ended.
    kill_at: Option<Duration>,
    /// The signal that it was asked to end by.
    asked: Option<Signal>,
    /// Why a command that ends now does so.
    cause: Cause,
    /// Whether it was told which processes are left.
    told_left: bool,
    /// Whether this process has no children, and so nobody below it.
    childless: bool,
}

impl Watcher {
    fn begin(command: Vec<OsString>) -> io::Result<Self> {
        let control = Control::take()?;
        // As it appears in the list of processes.
        let _ = rustix::thread::set_name(c"supervisor");
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
        Ok(Watcher {
            command,
            control,
            children,
            family,
            terminal: Terminal::open(),
            holder: holder.and_then(|holder| Pid::from_raw(holder.group)),
            start: None,
            main: None,
            keeping: None,
            held: Duration::ZERO,
            kill_at: None,
            asked: None,
            cause: Cause::Itself,
            told_left: false,
            childless: false,
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
                    None => self.end(Signal::TERM, self.start.as_ref().map_or(Duration::ZERO, |it| it.orphan_grace)),
                }
            }
            self.reap();
            self.look_at_the_clock();
            if self.is_over() {
                if let Some(keeping) = self.keeping.take() {
                    self.control.tell(&keeping.finish());
                }
                self.remove_cgroup();
                self.control.tell(&Report::Gone);
                return Ok(());
            }
        }
    }

    /// Waits until something happens, or has to be done.
    fn sleep(&mut self) -> io::Result<()> {
        let now = now();
        let patience = self.start.as_ref().and_then(|start| start.patience);
        let moments = [
            self.kill_at,
            patience.map(|patience| self.held.saturating_add(patience.pause_after)),
            patience.and_then(|patience| Some(self.held.saturating_add(patience.kill_after?))),
        ];
        let next = moments.into_iter().flatten().filter(|moment| *moment > now).min();
        let time = match next {
            _ if self.is_killing(now) => SOON,
            // A third of what is left: the clock of the sleep stands still with the machine, the other one goes on.
            Some(next) => ((next - now) / 3).clamp(SOON, LATER),
            None => LATER,
        };
        let time = Timespec { tv_sec: 0, tv_nsec: i64::from(time.as_nanos().min(999_999_999) as u32) };
        let mut ready = [PollFd::new(&self.children, PollFlags::IN), PollFd::new(&self.control, PollFlags::IN)];
        // Of a holder that is gone nothing more is to be heard.
        let ready = if self.control.is_closed() { &mut ready[..1] } else { &mut ready[..] };
        match poll(ready, Some(&time)) {
            Err(error) if error != Errno::INTR => return Err(error.into()),
            _ => {}
        }
        let mut signals = [0; 64];
        while matches!((&self.children).read(&mut signals), Ok(1..)) {}
        Ok(())
    }

    /// Does what the holder says; whether there is anything left to do after it.
    fn obey(&mut self, order: Order) -> bool {
        match order {
            Order::Start(start) => return self.start.is_some() || self.start(start),
            Order::Held(moment) => {
                self.held = self.held.max(moment);
                if !self.is_silent(now()) {
                    self.family.go_on();
                }
            }
            Order::Signal(number) => {
                if let Some(signal) = Signal::from_named_raw(number) {
                    self.family.pass_on(signal, self.main);
                }
            }
            Order::Continue => self.family.pass_on(Signal::CONT, self.main),
            Order::End { signal, grace } => {
                // A command that has ended before was not ended by this.
                self.reap();
                self.end(Signal::from_named_raw(signal).unwrap_or(Signal::TERM), grace);
            }
        }
        true
    }

    fn start(&mut self, start: Start) -> bool {
        let spawned = self.spawn(&start);
        self.family.run_in(start.group, start.cgroup.clone());
        self.start = Some(start);
        match spawned {
            Ok(pid) => {
                self.main = Some(pid);
                self.control.tell(&Report::Started(pid.as_raw_nonzero().get()));
                true
            }
            Err((missing, why)) => {
                self.give_back();
                self.remove_cgroup();
                self.control.tell(&Report::Refused { missing, why });
                false
            }
        }
    }

    /// Starts the command, or says why it can't be, and whether that is because there is no such program.
    fn spawn(&mut self, start: &Start) -> Result<Pid, (bool, String)> {
        let other = |error: io::Error| (false, error.to_string());
        if self.command.is_empty() {
            return Err((false, "it is empty".to_owned()));
        }
        if start.own_session {
            setsid().map_err(|error| other(error.into()))?;
            self.family = Family::new().map_err(other)?;
            self.terminal = None;
        }
        if let Some(folder) = &start.folder {
            enter(folder)?;
        }
        let mut environment: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        environment.extend(start.environment.iter().cloned());
        let command = Become::new(self.command.clone(), environment.into_iter().collect(), start.own_session);
        let stdin = match self.control.stdin.take() {
            Some(stdin) => stdin,
            None => OwnedFd::from(File::open("/dev/null").map_err(other)?),
        };
        let mut outputs = None;
        if let Some(files) = &start.output {
            let (reader, writer) = io::pipe().map_err(other)?;
            outputs = Some((writer.try_clone().map_err(other)?, writer));
            self.keeping = Some(Keeping::begin(reader, files).map_err(other)?);
        }
        let prepare = |starter: &mut Command| {
            if let Some((stdout, stderr)) = outputs {
                starter.stdout(stdout).stderr(stderr);
            }
            if let Some(group) = start.group {
                starter.process_group(group);
            }
        };
        // A process that is started in a cgroup stays in it: so the supervisor is there while it starts the command.
        let spawned = command.start(stdin, prepare, |starter| match &start.cgroup {
            None => starter.spawn(),
            Some(cgroup) => cgroup.within(|| starter.spawn()),
        });
        match spawned {
            Ok(child) => Ok(Pid::from_child(&child)),
            Err(error) => Err((error.kind() == io::ErrorKind::NotFound, error.to_string())),
        }
    }

    /// Takes note of what has ended or stopped.
    fn reap(&mut self) {
        loop {
            match wait(WaitOptions::NOHANG | WaitOptions::UNTRACED) {
                Ok(Some((pid, status))) if Some(pid) == self.main => self.note(status),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => {
                    self.childless = error == Errno::CHILD && self.start.is_some();
                    break;
                }
            }
        }
    }

    /// What has become of the command itself.
    fn note(&mut self, status: WaitStatus) {
        if let Some(signal) = status.stopping_signal() {
            if !self.family.is_paused() && self.kill_at.is_none() {
                self.give_back();
                self.control.tell(&Report::Stopped(signal));
            }
            return;
        }
        self.main = None;
        self.give_back();
        let ended = Ended { code: status.exit_status(), signal: status.terminating_signal(), cause: self.cause };
        self.control.tell(&Report::Ended(ended));
        if let Some(Survivors::Ended(grace)) = self.start.as_ref().map(|start| start.survivors) {
            self.end(Signal::TERM, grace);
        }
    }

    fn remove_cgroup(&self) {
        if let Some(cgroup) = self.start.as_ref().and_then(|start| start.cgroup.as_ref()) {
            cgroup.remove();
        }
    }

    fn give_back(&self) {
        if let (Some(terminal), Some(holder)) = (&self.terminal, self.holder) {
            terminal.give_to(holder);
        }
    }

    /// Begins to end everything, politely first. If that has begun, it is asked again by another signal only, and given
    /// no more time.
    fn end(&mut self, signal: Signal, grace: Duration) {
        let now = now();
        let at = now.saturating_add(grace);
        self.kill_at = Some(self.kill_at.map_or(at, |earlier| earlier.min(at)));
        if self.main.is_some() && self.cause == Cause::Itself {
            self.cause = Cause::Ordered;
        }
        let is_new = self.asked.replace(signal) != Some(signal);
        if is_new && !self.is_silent(now) && !grace.is_zero() {
            self.family.end(signal);
        }
    }

    /// Whether the holder has not been heard of for so long that the command must not run.
    fn is_silent(&self, now: Duration) -> bool {
        let patience = self.start.as_ref().and_then(|start| start.patience);
        patience.is_some_and(|patience| now >= self.held.saturating_add(patience.pause_after))
    }

    /// Whether whatever is left is to be killed.
    fn is_killing(&self, now: Duration) -> bool {
        self.kill_at.is_some_and(|at| now >= at || self.is_silent(now))
    }

    fn look_at_the_clock(&mut self) {
        let Some(start) = &self.start else { return };
        let now = now();
        let limit = start.patience.and_then(|patience| patience.kill_after);
        if self.kill_at.is_none() && limit.is_some_and(|limit| now >= self.held.saturating_add(limit)) {
            self.kill_at = Some(now);
            self.cause = Cause::Silence;
        }
        if self.is_killing(now) {
            self.family.kill();
        } else if self.is_silent(now) && self.family.pause() {
            self.control.tell(&Report::Paused);
        }
    }

    /// Whether nothing is left that has to be waited for.
    fn is_over(&mut self) -> bool {
        let ending = self.kill_at.is_some();
        if self.start.is_none() || self.main.is_some() {
            // Before its start there is nothing to end.
            return self.start.is_none() && ending;
        }
        // A process that starts another and ends is easily missed among all processes. But as long as anybody is left,
        // this process has a child, or is about to inherit one from its child.
        if self.childless || ending {
            return self.childless;
        }
        let left = self.family.left();
        if !left.is_empty() && !std::mem::replace(&mut self.told_left, true) {
            self.control.tell(&Report::Left(left.iter().map(|pid| pid.as_raw_nonzero().get()).collect()));
        }
        left.is_empty()
    }
}

/// Makes a folder the one that this process and the command run in.
fn enter(folder: &Path) -> Result<(), (bool, String)> {
    let refused = |error: io::Error| (false, format!("the folder {} can't be entered: {error}", folder.display()));
    std::env::set_current_dir(folder).map_err(refused)
}
