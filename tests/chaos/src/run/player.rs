//! A client's process, as the conductor has it.

use std::{
    fs::File,
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use registry_chaos::history::{Change, Event};
use registry_conformance::pace::timeout;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::watch,
    task::JoinHandle,
};

use super::{Failure, History, clock::Clock};
use crate::message::{Message, Reached};

/// How long it may take to read what a process wrote that has ended.
const REST: Duration = Duration::from_secs(20);

/// How a client is started, in each of its lives.
pub(crate) struct Casting {
    pub(crate) number: u32,
    pub(crate) seed: u64,
    pub(crate) plugin_dir: PathBuf,
    /// For the registry's configuration.
    pub(crate) assignments: Vec<String>,
    /// Its wall clock, if that is to jump.
    pub(crate) clock: Option<Clock>,
    /// Where its standard error goes.
    pub(crate) folder: PathBuf,
    pub(crate) history: History,
}

/// A client that runs; it is killed when this is dropped.
pub(crate) struct Player {
    casting: Casting,
    life: u32,
    running: Running,
}

struct Running {
    child: Child,
    asking: ChildStdin,
    reached: watch::Receiver<Option<Reached>>,
    reading: JoinHandle<()>,
    /// Whether the process may end.
    may_end: Arc<AtomicBool>,
}

impl Player {
    /// Starts a client in its first life.
    pub(crate) fn start(casting: Casting) -> Result<Self, Failure> {
        let running = spawn(&casting, 1)?;
        Ok(Player { casting, life: 1, running })
    }

    pub(crate) fn number(&self) -> u32 {
        self.casting.number
    }

    /// Starts it again after it was killed.
    pub(crate) fn live_again(&mut self) -> Result<(), Failure> {
        self.life += 1;
        self.running = spawn(&self.casting, self.life)?;
        Ok(())
    }

    /// Kills the process, and waits until all that it told is read.
    pub(crate) async fn kill(&mut self) {
        self.running.may_end.store(true, Ordering::Relaxed);
        self.tell(Change::Kill, false);
        if let Err(error) = self.running.child.kill().await {
            self.wrong(&format!("can't be killed: {error}"));
        }
        self.tell(Change::Kill, true);
        if timeout(REST, &mut self.running.reading).await.is_none() {
            self.wrong("was killed, and its output has no end");
        }
    }

    /// Stops the process, or lets it go on.
    pub(crate) fn signal(&self, change: Change) -> Result<(), Failure> {
        let id = self.running.child.id().ok_or_else(|| format!("client {} does not run", self.number()))?;
        self.tell(change, false);
        if change == Change::Stop { registry_test_servers::stop(id) } else { registry_test_servers::cont(id) }?;
        self.tell(change, true);
        Ok(())
    }

    /// Puts the client's wall clock so many seconds ahead.
    pub(crate) fn set_clock(&self, seconds: i64) -> Result<(), Failure> {
        let clock = self.casting.clock.as_ref().ok_or("the client's clock can't be set")?;
        Ok(clock.set(seconds)?)
    }

    /// Asks the client to come so far.
    pub(crate) async fn ask(&mut self, reached: Reached) {
        if reached == Reached::Closed {
            self.running.may_end.store(true, Ordering::Relaxed);
        }
        let line = format!("{}\n", reached.asked());
        // One that is gone is reported by the task that waits for it.
        let _ = self.running.asking.write_all(line.as_bytes()).await;
    }

    /// Waits until the client has come so far; tells if it doesn't.
    pub(crate) async fn reach(&mut self, reached: Reached, limit: Duration) {
        let come = self.running.reached.wait_for(|now| *now >= Some(reached));
        let missed = match timeout(limit, come).await {
            Some(Ok(_)) => return,
            Some(Err(_)) => format!("has ended before it was {reached:?}"),
            None => format!("was not {reached:?} within {limit:?}"),
        };
        self.wrong(&missed);
    }

    /// Waits until the process has ended by itself; kills it if it doesn't.
    pub(crate) async fn end(mut self, limit: Duration) {
        match timeout(limit, self.running.child.wait()).await {
            Some(Ok(status)) if status.success() => {}
            Some(Ok(status)) => self.wrong(&format!("ended with {status}")),
            Some(Err(error)) => self.wrong(&format!("can't be waited for: {error}")),
            None => {
                self.wrong(&format!("did not end within {limit:?}"));
                self.kill().await;
            }
        }
        if timeout(REST, &mut self.running.reading).await.is_none() {
            self.wrong("has ended, and its output has not");
        }
    }

    fn tell(&self, change: Change, done: bool) {
        tell(&self.casting, self.life, change, done);
    }

    fn wrong(&self, what: &str) {
        self.casting.history.wrong(format!("client {} in life {} {what}", self.number(), self.life));
    }
}

fn spawn(casting: &Casting, life: u32) -> Result<Running, Failure> {
    tell(casting, life, Change::Start, false);
    let errors = File::create(casting.folder.join(format!("client-{}-{life}.log", casting.number)))?;
    // It ends with the conductor, even while it is stopped.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(std::env::current_exe()?).arg("client");
    command.args(["--number", &casting.number.to_string(), "--life", &life.to_string()]);
    command.args(["--seed", &casting.seed.wrapping_add(u64::from(life)).to_string()]);
    command.arg("--plugin-dir").arg(&casting.plugin_dir);
    for assignment in &casting.assignments {
        command.args(["--set", assignment]);
    }
    if let Some(clock) = &casting.clock {
        command.envs(clock.environment());
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors).kill_on_drop(true);
    let mut child = command.spawn()?;
    let (Some(asking), Some(told)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("a client has no pipes".into());
    };
    let (sender, reached) = watch::channel(None);
    let may_end = Arc::new(AtomicBool::new(false));
    let name = format!("client {} in life {life}", casting.number);
    let reading = tokio::spawn(read(told, name, casting.history.clone(), sender, Arc::clone(&may_end)));
    tell(casting, life, Change::Start, true);
    Ok(Running { child, asking, reached, reading, may_end })
}

fn tell(casting: &Casting, life: u32, change: Change, done: bool) {
    casting.history.tell(Event::Process { client: casting.number, life, change, done });
}

/// Takes in what a client tells, to its end.
async fn read(
    told: ChildStdout,
    name: String,
    history: History,
    reached: watch::Sender<Option<Reached>>,
    may_end: Arc<AtomicBool>,
) {
    let mut lines = BufReader::new(told).split(b'\n');
    let mut broken: Option<String> = None;
    while let Ok(Some(line)) = lines.next_segment().await {
        // Only the last line of a process that is killed may be broken off.
        if let Some(broken) = broken.take() {
            history.wrong(format!("{name} told what is not understood: {broken}"));
        }
        match serde_json::from_slice(&line) {
            Ok(Message::Record(record)) => history.add(record),
            Ok(Message::Reached(now)) => drop(reached.send_replace(Some(now))),
            Err(_) => broken = Some(String::from_utf8_lossy(&line).into_owned()),
        }
    }
    if !may_end.load(Ordering::Relaxed) {
        history.wrong(format!("{name} has ended by itself"));
    }
}
