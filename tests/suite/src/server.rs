//! What an etcd server says of itself.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use registry_host::SessionId;
use registry_test_servers::Etcd;

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

/// One of the metrics of the first member, which must speak plain text.
pub fn metric(server: &Etcd, name: &str) -> f64 {
    let mut stream = TcpStream::connect(server.address()).expect("etcd listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("etcd reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("etcd answers");
    let value = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = value.unwrap_or_else(|| panic!("etcd has no metric {name}"));
    value.trim().parse().unwrap_or_else(|_| panic!("{name} is {value}"))
}
