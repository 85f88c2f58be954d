//! A master or a worker, as a process, with ways of its own to everybody.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use registry_chaos::{
    history::now,
    tasks::{Fault, Kind, Observation},
};
use registry_conformance::pace;
use registry_test_servers::{Port, Proxy};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

use super::{faults::Planned, notes::Notes};
use crate::run::Failure;

/// How long a server that ended by itself is left alone, as whoever supervises servers does.
const REST: Duration = Duration::from_millis(500);
/// How long a server may take that is asked to end.
const LEAVING: Duration = Duration::from_secs(60);
/// What a server says of a session that is over.
const LOST: &str = "the session is lost, and its locks with it";
/// How long a server may take until it knows what to do about signals, on a busy machine.
const STARTING: Duration = Duration::from_secs(20);
/// The code of a server that has lost its place.
const HAS_LOST_ITS_PLACE: i32 = 3;

/// How a server is started, each time.
pub(super) struct Casting {
    pub(super) name: String,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) log: PathBuf,
    /// Where it listens; claimed for as long as the run lasts.
    pub(super) _port: Port,
    /// What others find it at.
    pub(super) own: Proxy,
    /// Its ways to the registry's servers.
    pub(super) registry: Vec<Proxy>,
    pub(super) notes: Arc<Notes>,
}

/// A server, whatever is done to it.
pub(super) struct Server {
    casting: Casting,
    child: Child,
    spawned: Instant,
}

impl Server {
    pub(super) fn start(casting: Casting) -> Result<Self, Failure> {
        let child = spawn(&casting)?;
        Ok(Server { casting, child, spawned: Instant::now() })
    }

    /// Goes through the faults one after the other, then serves undisturbed until it is asked to leave, and leaves.
    pub(super) async fn live(
        mut self,
        began: Instant,
        plan: Vec<Planned>,
        mut leaves: watch::Receiver<bool>,
    ) -> Result<(), Failure> {
        for planned in plan {
            self.last(began + planned.at).await?;
            self.suffer(&planned).await?;
        }
        loop {
            let status = tokio::select! {
                biased;
                _ = leaves.wait_for(|leaves| *leaves) => break,
                status = self.child.wait() => status?,
            };
            self.has_ended(status).await?;
        }
        self.signal(Signal::TERM)?;
        let status = self.ended().await?;
        if status.code() != Some(0) {
            self.wrong(format!("ended with {status} when it was asked to leave at the end"));
        }
        Ok(())
    }

    /// Waits for that moment; the server is started again if it ends meanwhile.
    async fn last(&mut self, until: Instant) -> Result<(), Failure> {
        loop {
            tokio::select! {
                biased;
                () = sleep_until(until) => return Ok(()),
                status = self.child.wait() => self.has_ended(status?).await?,
            }
        }
    }

    async fn suffer(&mut self, planned: &Planned) -> Result<(), Failure> {
        let from = now();
        let Planned { kind, lasts, .. } = *planned;
        match kind {
            Kind::Kill => {
                self.child.kill().await?;
                sleep(lasts).await;
                self.spawn()?;
            }
            Kind::Restart => {
                self.signal(Signal::TERM)?;
                let status = self.ended().await?;
                // It may have been started so short a time ago that it did not know what to do about signals.
                let signal = status.signal().or(status.code().map(|code| code - 128));
                let is_early = signal == Some(Signal::TERM.as_raw()) && self.spawned.elapsed() < STARTING;
                if !matches!(status.code(), Some(0 | HAS_LOST_ITS_PLACE)) && !is_early {
                    self.wrong(format!("ended with {status} when it was asked to"));
                }
                self.spawn()?;
            }
            Kind::Pause => {
                self.signal(Signal::STOP)?;
                sleep(lasts).await;
                self.signal(Signal::CONT)?;
            }
            Kind::CutFromRegistry
            | Kind::AnswersLost
            | Kind::CutFromServers
            | Kind::CutFromAll
            | Kind::Ended
            | Kind::SessionLost => {
                self.ways(kind, |proxy| if kind == Kind::AnswersLost { proxy.silent() } else { proxy.cut() });
                self.last(Instant::now() + lasts).await?;
                self.ways(kind, Proxy::heal);
            }
        }
        self.tell(kind, from);
        Ok(())
    }

    fn spawn(&mut self) -> Result<(), Failure> {
        (self.child, self.spawned) = (spawn(&self.casting)?, Instant::now());
        Ok(())
    }

    fn ways(&self, kind: Kind, act: impl Fn(&Proxy)) {
        let Casting { own, registry, .. } = &self.casting;
        if kind != Kind::CutFromServers {
            registry.iter().for_each(&act);
        }
        if matches!(kind, Kind::CutFromServers | Kind::CutFromAll) {
            act(own);
        }
    }

    /// It has ended by itself.
    async fn has_ended(&mut self, status: ExitStatus) -> Result<(), Failure> {
        let from = now();
        if status.code() != Some(HAS_LOST_ITS_PLACE) {
            self.wrong(format!("ended by itself, with {status}"));
        }
        sleep(REST).await;
        self.spawn()?;
        self.tell(Kind::Ended, from);
        Ok(())
    }

    /// Waits until it has ended; kills it if that takes too long.
    async fn ended(&mut self) -> Result<ExitStatus, Failure> {
        if let Some(status) = pace::timeout(LEAVING, self.child.wait()).await {
            return Ok(status?);
        }
        self.wrong(format!("has not ended within {LEAVING:?} of being asked to"));
        self.child.kill().await?;
        Ok(self.child.wait().await?)
    }

    fn signal(&self, signal: Signal) -> Result<(), Failure> {
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        // It may have ended this very moment, which is seen by whoever waits for it.
        Ok(pid.map_or(Ok(()), |pid| kill_process(pid, signal))?)
    }

    fn tell(&self, kind: Kind, from: u64) {
        let server = self.casting.name.clone();
        self.casting.notes.add(Observation::Fault(Fault { server, kind, from, until: now() }));
    }

    fn wrong(&self, what: String) {
        self.casting.notes.add(Observation::Wrong { what: format!("{} {what}", self.casting.name) });
    }
}

fn spawn(casting: &Casting) -> Result<Child, Failure> {
    let mut log: File = OpenOptions::new().create(true).append(true).open(&casting.log)?;
    // It ends with the conductor.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(&casting.program).args(&casting.arguments);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    if let Some(told) = child.stderr.take() {
        let (server, notes) = (casting.name.clone(), Arc::clone(&casting.notes));
        // It ends with the process.
        tokio::spawn(async move {
            let mut lines = BufReader::new(told).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if line.contains(LOST) {
                    let (server, kind, at) = (server.clone(), Kind::SessionLost, now());
                    notes.add(Observation::Fault(Fault { server, kind, from: at, until: at }));
                }
                // Whoever looks into it misses a line; the run goes on.
                let _ = writeln!(log, "{line}");
            }
        });
    }
    Ok(child)
}
