use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::Etcd;
use super::client::Client;
use super::node::{self, Cluster, Ports};
use crate::peers::Wiring;
use crate::process::find;
use crate::{Certificates, Member, Result, Tls, port, scratch};

/// An etcd still to be started.
#[must_use = "nothing runs before `start`"]
pub struct Builder {
    members: usize,
    tls: Option<Tls>,
    login: Option<(String, String)>,
    flags: Vec<String>,
    network: bool,
    disk: Option<u64>,
}

impl Default for Builder {
    fn default() -> Self {
        Self { members: 1, tls: None, login: None, flags: Vec::new(), network: false, disk: None }
    }
}

impl Builder {
    /// A cluster of so many nodes.
    pub fn members(mut self, count: usize) -> Self {
        self.members = count.max(1);
        self
    }

    /// Clients use TLS, with [certificates](Etcd::certificates) made for this etcd. Members talk in plain text.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Only users with a password get in; this one may do everything, and so may `root`, with the same password.
    pub fn auth(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.login = Some((user.into(), password.into()));
        // Passwords are hashed at every login, as slowly as the server is told to.
        self.flag("--bcrypt-cost=4")
    }

    /// A login that is not used for so long, in whole seconds, expires. etcd's default is 300 s.
    pub fn token_timeout(self, timeout: Duration) -> Self {
        self.flag(format!("--auth-token-ttl={}", timeout.as_secs().max(1)))
    }

    /// Members reach each other over a [network](Etcd::network) that can be broken.
    pub fn network(mut self) -> Self {
        self.network = true;
        self
    }

    /// Each member has a disk of its own with room for so many bytes, which can be [filled](Member::fill_disk). An etcd
    /// takes 128 MB of it for its log before anything is written. The process must be in a [mount
    /// namespace](crate::mount_namespace).
    pub fn disk(mut self, bytes: u64) -> Self {
        self.disk = Some(bytes);
        self
    }

    /// So many bytes of data at most; etcd then takes no more, as when its disk is full, until there is
    /// [room](Etcd::make_room) again. An empty etcd has some 20,000 bytes.
    pub fn quota(self, bytes: u64) -> Self {
        self.flag(format!("--quota-backend-bytes={bytes}"))
    }

    /// One more flag for the server, such as `--max-txn-ops=64`.
    pub fn flag(mut self, flag: impl Into<String>) -> Self {
        self.flags.push(flag.into());
        self
    }

    /// Starts all of it and waits until it is ready.
    ///
    /// # Errors
    /// As [`Etcd::start`].
    pub fn start(self) -> Result<Etcd> {
        let name = std::env::var("ETCD_BIN").unwrap_or_else(|_| "etcd".to_owned());
        let program = find(&name, "etcd-server")?;
        let mut etcd = port::retried(|| self.start_servers(&program))?;
        if let Some((user, password)) = &self.login {
            etcd.client.enable_users(user, password)?;
        }
        Ok(etcd)
    }

    fn start_servers(&self, program: &Path) -> Result<Etcd> {
        let folder = scratch::folder("etcd")?;
        let security = match self.tls {
            Some(tls) => Some((tls, Certificates::generate()?)),
            None => None,
        };
        let ports: Vec<Ports> = (0..self.members).map(|_| Ports::take()).collect::<Result<_>>()?;
        let mut wiring = self.network.then(|| Wiring::new(self.members));
        let peers = ports.iter().enumerate().map(|(index, ports)| match &mut wiring {
            Some(wiring) => wiring.towards(index, ports.peers()),
            None => Ok(ports.peers()),
        });
        let peers: Vec<SocketAddr> = peers.collect::<Result<_>>()?;
        let cluster = Cluster {
            program,
            folder: folder.path(),
            peers: &peers,
            security: security.as_ref().map(|(tls, certificates)| (*tls, certificates)),
            flags: &self.flags,
            disk: self.disk,
        };
        let members = ports.into_iter().enumerate().map(|(index, ports)| node::member(index, ports, &cluster));
        let members: Vec<Member> = members.collect::<Result<_>>()?;
        let client = Client::new(members.iter().map(Member::endpoint).collect(), security);
        let processes = || members.iter().map(Member::process).collect();
        let network = wiring.map(|wiring| wiring.start(processes())).transpose()?;
        let etcd = Etcd { members, network, client, folder };
        etcd.start_members()?;
        Ok(etcd)
    }
}
