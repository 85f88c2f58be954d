//! The command line of one etcd.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

use crate::disk::Disk;
use crate::port::Port;
use crate::process::Process;
use crate::{Certificates, Member, Result, Tls, health};

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
    /// Where members find each other, in their order.
    pub(super) peers: &'a [SocketAddr],
    pub(super) security: Option<(Tls, &'a Certificates)>,
    pub(super) flags: &'a [String],
    /// How much room each has on a disk of its own.
    pub(super) disk: Option<u64>,
}

impl Ports {
    pub(super) fn take() -> Result<Self> {
        Ok(Self { clients: Port::take()?, peers: Port::take()?, health: Port::take()? })
    }

    /// Where it listens for other members.
    pub(super) fn peers(&self) -> SocketAddr {
        self.peers.address()
    }
}

/// The member of this number, still to be spawned.
pub(super) fn member(index: usize, ports: Ports, cluster: &Cluster<'_>) -> Result<Member> {
    let name = name_of(index);
    let address = ports.clients.address();
    let scheme = if cluster.security.is_some() { "https" } else { "http" };
    let clients = format!("{scheme}://{address}");
    let mut arguments: Vec<OsString> = Vec::new();
    let mut flag = |name: &str, value: &dyn AsRef<std::ffi::OsStr>| {
        arguments.push(name.into());
        arguments.push(value.as_ref().into());
    };
    flag("--name", &name);
    let folder = cluster.folder.join(&name);
    flag("--data-dir", &folder);
    flag("--listen-client-urls", &clients);
    flag("--advertise-client-urls", &clients);
    flag("--listen-peer-urls", &url(ports.peers()));
    flag("--initial-advertise-peer-urls", &url(cluster.peers[index]));
    flag("--listen-metrics-urls", &url(ports.health.address()));
    flag("--initial-cluster", &initial(cluster.peers));
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
    let log = cluster.folder.join(format!("{name}.log"));
    let disk = cluster.disk.map(|bytes| Disk::mount(&folder, bytes)).transpose()?;
    let process = Process::new(cluster.program.to_owned(), arguments, log);
    let health = ports.health.address();
    let is_ready = Box::new(move || health::is_healthy(health));
    let ports = vec![ports.clients, ports.peers, ports.health];
    Ok(Member::new(index, process, address, clients, is_ready, disk, ports))
}

/// `m0=http://127.0.0.1:20001,m1=…`
fn initial(peers: &[SocketAddr]) -> String {
    let members = peers.iter().enumerate().map(|(index, peer)| format!("{}={}", name_of(index), url(*peer)));
    members.collect::<Vec<_>>().join(",")
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// The name of the member of this number, and of its data's folder.
pub(super) fn name_of(index: usize) -> String {
    format!("m{index}")
}
