//! A host's process.

use std::{fmt::Display, process::Stdio};

use registry_cluster::Role;
use registry_hosts::{Event, Nanos, Request, ServerId, now};
use registry_suite::{SOON, beside, within};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    task::JoinHandle,
};

use super::{EventLog, Site, event_log::Line};

/// A host that runs; it is killed when this is dropped.
pub(crate) struct Host {
    pub(crate) name: String,
    log: EventLog,
    child: Child,
    asking: ChildStdin,
    reading: JoinHandle<()>,
}

/// A server of a host.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    pub(crate) own: ServerId,
    pub(crate) session: u64,
}

impl Host {
    /// Starts a host, and waits until it sees the cluster.
    pub(crate) async fn start(site: &Site, name: &str, settings: &[String], arguments: &[&str]) -> Self {
        // It ends with this test, even while it is stopped.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", env!("CARGO_BIN_EXE_registry-hosts")]);
        command.arg("--plugin-dir").arg(beside()).args(settings.iter().flat_map(|set| ["--set", set])).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("a host starts");
        let asking = child.stdin.take().expect("it has an input");
        let told = child.stdout.take().expect("it has an output");
        let reading = tokio::spawn(read(told, name.to_owned(), site.log.clone()));
        let host = Host { name: name.to_owned(), log: site.log.clone(), child, asking, reading };
        host.tells("it sees the cluster", |event| matches!(event, Event::Opened).then_some(())).await;
        host
    }

    /// Asks for something; what is told of it follows this mark.
    pub(crate) async fn ask(&mut self, request: &Request) -> usize {
        let mark = self.log.mark();
        let line = serde_json::to_string(request).expect("a request can be written") + "\n";
        self.asking.write_all(line.as_bytes()).await.expect("the host reads");
        mark
    }

    /// Registers a server; a worker is in the group `default`.
    pub(crate) async fn join(&mut self, role: Role, address: &str) -> Registered {
        let asked = self.ask(&Request::Join { role, address: address.to_owned(), groups: Vec::new() }).await;
        self.registers(asked, address).await
    }

    pub(crate) async fn master(&mut self, address: &str) -> Registered {
        self.join(Role::Master, address).await
    }

    pub(crate) async fn worker(&mut self, address: &str) -> Registered {
        self.join(Role::Worker, address).await
    }

    /// Waits until a server is registered, from a mark on.
    pub(crate) async fn registers(&self, mark: usize, address: &str) -> Registered {
        let registered = |line: &Line| match &line.event {
            Event::Registered { own, session } if own.address == address => {
                Some(Registered { own: own.clone(), session: *session })
            }
            _ => None,
        };
        self.log.wait_for(mark, &self.name, format!("{address} is registered"), registered).await
    }

    /// Asks which servers it sees.
    pub(crate) async fn view(&mut self) -> Vec<(String, ServerId)> {
        let asked = self.ask(&Request::View).await;
        let view = |line: &Line| match &line.event {
            Event::View(view) => Some(view.clone()),
            _ => None,
        };
        self.log.wait_for(asked, &self.name, "it tells which servers it sees", view).await
    }

    /// Waits until the host has told something.
    pub(crate) async fn tells<T>(&self, what: impl Display, pick: impl Fn(&Event) -> Option<T>) -> T {
        self.log.wait_for(0, &self.name, what, |line| pick(&line.event)).await
    }

    /// Kills the process, and waits until all that it told is read.
    pub(crate) async fn kill(mut self) -> Nanos {
        self.child.kill().await.expect("it can be killed");
        let killed = now();
        within("its last words", SOON, &mut self.reading).await.expect("they are understood");
        killed
    }

    /// Stops the process; it stands still when this returns.
    pub(crate) fn stop(&self) {
        registry_test_servers::stop(self.child.id().expect("it runs")).expect("it can be stopped");
    }

    /// Lets it go on.
    pub(crate) fn cont(&self) {
        registry_test_servers::cont(self.child.id().expect("it runs")).expect("it can go on");
    }
}

/// Takes in what a host tells, to its end.
async fn read(told: ChildStdout, name: String, log: EventLog) {
    let mut lines = BufReader::new(told).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        // Only the last line of a process that is killed may be broken off.
        let Ok(told) = serde_json::from_str(&line) else { break };
        log.add(&name, told);
    }
    let rest = lines.next_line().await;
    assert!(matches!(rest, Ok(None) | Err(_)), "{name} told what is not understood before {rest:?}");
}
