//! What a server says of itself.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use registry_host::SessionId;
use registry_test_servers::{Etcd, ZooKeeper};

/// What a server keeps for its clients.
pub trait Server {
    /// The sessions that there are.
    fn sessions(&self) -> Vec<SessionId>;

    /// How many watches its clients have.
    fn watches(&self) -> usize;
}

impl Server for Etcd {
    fn sessions(&self) -> Vec<SessionId> {
        leases(self)
    }

    fn watches(&self) -> usize {
        metric(self, "etcd_debugging_mvcc_watcher_total")
    }
}

impl Server for ZooKeeper {
    fn sessions(&self) -> Vec<SessionId> {
        // A session that is renewed meanwhile may be missing: the server lists the times of expiry first, and then the
        // sessions that expire at each.
        let told: Vec<_> = (0..2).map(|_| self.ask("dump").expect("ZooKeeper tells of its sessions")).collect();
        // A line for each, below when it will expire; where its entries are listed a colon follows.
        let ids = told.iter().flat_map(|told| told.lines()).filter_map(|line| line.trim().strip_prefix("0x"));
        let mut sessions: Vec<_> = ids.filter_map(|id| u64::from_str_radix(id, 16).ok()).map(SessionId).collect();
        sessions.sort_unstable_by_key(|id| id.0);
        sessions.dedup();
        sessions
    }

    fn watches(&self) -> usize {
        let told = self.ask("wchs").expect("ZooKeeper counts its watches");
        let total = told.lines().find_map(|line| line.strip_prefix("Total watches:"));
        total.and_then(|total| total.trim().parse().ok()).unwrap_or_else(|| panic!("no number of watches in {told}"))
    }
}

/// The leases that there are, as the sessions whose they are.
pub fn leases(server: &Etcd) -> Vec<SessionId> {
    let printed = server.etcdctl(["lease", "list"]).expect("etcdctl lists leases");
    // The first line says how many there are.
    let leases = printed.lines().skip(1).map(str::trim).filter(|line| !line.is_empty());
    let leases = leases.map(|id| SessionId(u64::from_str_radix(id, 16).expect("a lease is a number in hex")));
    let mut leases: Vec<_> = leases.collect();
    // In no order of their own.
    leases.sort_unstable_by_key(|id| id.0);
    leases
}

/// A metric that counts, of the first member, which must speak plain text.
fn metric(server: &Etcd, name: &str) -> usize {
    let mut stream = TcpStream::connect(server.address()).expect("etcd listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("etcd reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("etcd answers");
    let value = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = value.unwrap_or_else(|| panic!("etcd has no metric {name}"));
    value.trim().parse().unwrap_or_else(|_| panic!("{name} is {value}"))
}
