use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use super::builder::Tls;
use crate::port::Port;
use crate::process::Process;
use crate::{Certificates, Result, health};

/// One node of an [`Etcd`](super::Etcd).
pub struct Member {
    process: Process,
    ports: Ports,
    scheme: &'static str,
}

/// What a member listens on: its clients, its peers, and in plain text, whatever the other two speak, its health.
pub(super) struct Ports {
    clients: Port,
    peers: Port,
    health: Port,
}

/// What all members of a cluster have in common.
pub(super) struct Cluster<'a> {
    pub(super) program: &'a Path,
    pub(super) folder: &'a Path,
    /// `m0=http://127.0.0.1:20001,m1=…`
    pub(super) initial: &'a str,
    pub(super) security: Option<(Tls, &'a Certificates)>,
    pub(super) flags: &'a [String],
}

impl Ports {
    pub(super) fn take() -> Result<Self> {
        Ok(Self { clients: Port::take()?, peers: Port::take()?, health: Port::take()? })
    }

    pub(super) fn peer_url(&self) -> String {
        format!("http://{}", self.peers.address())
    }
}

impl Member {
    pub(super) fn new(index: usize, ports: Ports, cluster: &Cluster<'_>) -> Self {
        let name = name(index);
        let scheme = if cluster.security.is_some() { "https" } else { "http" };
        let clients = format!("{scheme}://{}", ports.clients.address());
        let mut arguments: Vec<OsString> = Vec::new();
        let mut flag = |name: &str, value: &dyn AsRef<std::ffi::OsStr>| {
            arguments.push(name.into());
            arguments.push(value.as_ref().into());
        };
        flag("--name", &name);
        flag("--data-dir", &cluster.folder.join(&name));
        flag("--listen-client-urls", &clients);
        flag("--advertise-client-urls", &clients);
        flag("--listen-peer-urls", &ports.peer_url());
        flag("--initial-advertise-peer-urls", &ports.peer_url());
        flag("--listen-metrics-urls", &format!("http://{}", ports.health.address()));
        flag("--initial-cluster", &cluster.initial);
        flag("--initial-cluster-state", &"new");
        flag("--logger", &"zap");
        flag("--log-outputs", &"stderr");
        if let Some((tls, certificates)) = cluster.security {
            flag("--cert-file", &certificates.server_cert_file());
            flag("--key-file", &certificates.server_key_file());
            if tls == Tls::Mutual {
                flag("--trusted-ca-file", &certificates.ca_file());
                arguments.push("--client-cert-auth".into());
            }
        }
        arguments.extend(cluster.flags.iter().map(OsString::from));
        let log: PathBuf = cluster.folder.join(format!("{name}.log"));
        let process = Process::new(cluster.program.to_owned(), arguments, log);
        Self { process, ports, scheme }
    }

    /// The member's URL, `http://127.0.0.1:PORT`, or `https` with TLS.
    pub fn endpoint(&self) -> String {
        format!("{}://{}", self.scheme, self.address())
    }

    /// Where the member listens for clients.
    pub fn address(&self) -> SocketAddr {
        self.ports.clients.address()
    }

    /// The process's id; none once it was killed.
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// The file that the server logs to.
    pub fn log(&self) -> &Path {
        self.process.log()
    }

    /// Kills the member with SIGKILL. Ports and data stay for [`restart`](Self::restart).
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Stops the member with SIGSTOP: it keeps its connections and answers nothing.
    ///
    /// # Errors
    /// If it was killed.
    pub fn stop(&self) -> Result<()> {
        self.process.signal(Signal::STOP)
    }

    /// Lets the member go on with SIGCONT.
    ///
    /// # Errors
    /// If it was killed.
    pub fn cont(&self) -> Result<()> {
        self.process.signal(Signal::CONT)
    }

    /// Starts the member again on the same ports and data, and waits until it is ready; one that runs is killed first.
    ///
    /// # Errors
    /// If it ends by itself, or is not ready in time: in a cluster it takes a quorum.
    pub fn restart(&self) -> Result<()> {
        self.spawn()?;
        self.wait_until_ready()
    }

    pub(super) fn spawn(&self) -> Result<()> {
        self.process.start()
    }

    pub(super) fn wait_until_ready(&self) -> Result<()> {
        let ready = || {
            self.process.check_running()?;
            Ok(health::is_healthy(self.ports.health.address()))
        };
        health::wait_until(ready, || self.process.log_end())
    }
}

pub(super) fn name(index: usize) -> String {
    format!("m{index}")
}
