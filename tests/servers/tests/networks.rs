//! The network between the members of one cluster: what cutting it does to real servers, and that it heals.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use registry_test_servers::{Etcd, Member, PeerNetwork, Result, ZooKeeper};
use zookeeper_client::{Acls, Client, CreateMode};

const LIMIT: Duration = Duration::from_secs(60);

/// Three servers of either kind, asked one by one.
trait Cluster {
    fn start() -> Self;
    fn network(&self) -> &PeerNetwork;
    fn members(&self) -> &[Member];
    fn leader(&self) -> Result<&Member>;
    fn leader_after(&self, former: &Member) -> &Member;
    /// Writes through this member; gives up after a while.
    fn write(&self, member: &Member, key: &str) -> bool;
    /// Whether this member has the key, whatever the others say.
    fn has(&self, member: &Member, key: &str) -> bool;
}

impl Cluster for Etcd {
    fn start() -> Self {
        Etcd::builder().members(3).network().start().unwrap()
    }

    fn network(&self) -> &PeerNetwork {
        self.network().unwrap()
    }

    fn members(&self) -> &[Member] {
        self.members()
    }

    fn leader(&self) -> Result<&Member> {
        self.leader()
    }

    fn leader_after(&self, former: &Member) -> &Member {
        self.leader_after(former).unwrap()
    }

    fn write(&self, member: &Member, key: &str) -> bool {
        etcdctl(member, &["put", key, ""]).is_some()
    }

    fn has(&self, member: &Member, key: &str) -> bool {
        etcdctl(member, &["get", key, "--consistency=s", "--keys-only"]).is_some_and(|printed| printed.contains(key))
    }
}

impl Cluster for ZooKeeper {
    fn start() -> Self {
        ZooKeeper::builder().members(3).network().start().unwrap()
    }

    fn network(&self) -> &PeerNetwork {
        self.network().unwrap()
    }

    fn members(&self) -> &[Member] {
        self.members()
    }

    fn leader(&self) -> Result<&Member> {
        self.leader()
    }

    fn leader_after(&self, former: &Member) -> &Member {
        self.leader_after(former).unwrap()
    }

    fn write(&self, member: &Member, key: &str) -> bool {
        let created = zookeeper(member, async |client: &Client| {
            client.create(key, &[], &CreateMode::Persistent.with_acls(Acls::anyone_all())).await.is_ok()
        });
        created == Some(true)
    }

    fn has(&self, member: &Member, key: &str) -> bool {
        let found = zookeeper(member, async |client: &Client| client.check_stat(key).await.ok().flatten().is_some());
        found == Some(true)
    }
}

/// What `etcdctl` printed; `None` if it failed.
fn etcdctl(member: &Member, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("etcdctl");
    command.env("ETCDCTL_API", "3").args(["--endpoints", &member.endpoint(), "--command-timeout=3s"]);
    let output = command.args(arguments).output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

/// What a session of this member alone gives; none if it does not come about or takes too long.
fn zookeeper<T>(member: &Member, ask: impl AsyncFnOnce(&Client) -> T) -> Option<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let asked = async {
            let client = Client::connect(&member.endpoint()).await.ok()?;
            Some(ask(&client).await)
        };
        tokio::time::timeout(Duration::from_secs(3), asked).await.ok().flatten()
    })
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn an_isolated_leader_is_replaced_and_follows_later<C: Cluster>() {
    let cluster = C::start();
    let former = cluster.leader().unwrap();
    assert!(cluster.write(former, "/before"));
    cluster.network().isolate(former);
    let leader = cluster.leader_after(former);
    eventually("the others go on", || cluster.write(leader, "/meanwhile"));
    assert!(!cluster.write(former, "/nowhere"), "an isolated member took a write");
    assert!(!cluster.has(former, "/meanwhile"), "an isolated member heard of a write");
    cluster.network().heal();
    eventually("the former leader hears of what it missed", || cluster.has(former, "/meanwhile"));
    eventually("the former leader serves", || cluster.write(former, "/after"));
}

fn a_leader_that_nobody_hears_is_replaced<C: Cluster>() {
    let cluster = C::start();
    let former = cluster.leader().unwrap();
    for other in cluster.members().iter().filter(|member| member.number() != former.number()) {
        cluster.network().cut(former, other);
    }
    let leader = cluster.leader_after(former);
    eventually("the others go on", || cluster.write(leader, "/meanwhile"));
    cluster.network().heal();
    eventually("the former leader serves", || cluster.write(former, "/after"));
}

fn a_leader_that_hears_nobody_is_replaced<C: Cluster>() {
    let cluster = C::start();
    let former = cluster.leader().unwrap();
    for other in cluster.members().iter().filter(|member| member.number() != former.number()) {
        cluster.network().cut(other, former);
    }
    let leader = cluster.leader_after(former);
    eventually("the others go on", || cluster.write(leader, "/meanwhile"));
    cluster.network().heal();
    eventually("the former leader serves", || cluster.write(former, "/after"));
}

fn a_partition_of_leader_and_follower_spares_the_others<C: Cluster>() {
    let cluster = C::start();
    let leader = cluster.leader().unwrap();
    let others: Vec<_> = cluster.members().iter().filter(|member| member.number() != leader.number()).collect();
    cluster.network().part(leader, others[0]);
    eventually("a quorum goes on", || cluster.write(others[1], "/meanwhile"));
    cluster.network().heal();
    eventually("the follower serves", || cluster.write(others[0], "/after"));
    assert!(cluster.has(others[0], "/meanwhile"));
}

fn a_restarted_member_finds_its_network_unchanged<C: Cluster>() {
    let cluster = C::start();
    let leader = cluster.leader().unwrap();
    leader.terminate().unwrap();
    assert_eq!(leader.process_id(), None);
    assert!(leader.terminate().unwrap_err().to_string().contains("does not run"));
    let next = cluster.leader_after(leader);
    eventually("the others go on", || cluster.write(next, "/meanwhile"));
    leader.restart().unwrap();
    eventually("it hears of what it missed", || cluster.has(leader, "/meanwhile"));
    // The process is another one, and is still known for the member that it is.
    cluster.network().isolate(leader);
    eventually("it is isolated", || !cluster.write(leader, "/lost"));
    eventually("the others go on", || cluster.write(next, "/parted"));
    assert!(!cluster.has(leader, "/parted"));
}

macro_rules! tests {
    ($($law:ident)*) => {
        mod etcd {
            $(#[test] fn $law() { super::$law::<super::Etcd>(); })*
        }
        mod zookeeper {
            $(#[test] fn $law() { super::$law::<super::ZooKeeper>(); })*
        }
    };
}

tests! {
    an_isolated_leader_is_replaced_and_follows_later
    a_leader_that_nobody_hears_is_replaced
    a_leader_that_hears_nobody_is_replaced
    a_partition_of_leader_and_follower_spares_the_others
    a_restarted_member_finds_its_network_unchanged
}

#[test]
fn a_follower_that_nobody_hears_goes_on_hearing() {
    let etcd = <Etcd as Cluster>::start();
    let leader = etcd.leader().unwrap();
    let others: Vec<_> = etcd.members().iter().filter(|member| member.number() != leader.number()).collect();
    for other in [leader, others[1]] {
        Etcd::network(&etcd).unwrap().cut(others[0], other);
    }
    assert!(etcd.write(leader, "/a"));
    eventually("it hears of the write", || etcd.has(others[0], "/a"));
    assert!(!etcd.write(others[0], "/b"), "its own write was heard");
}

#[test]
fn a_cluster_without_a_network_says_how_to_get_one() {
    let error = Etcd::shared().unwrap().network().err().unwrap().to_string();
    assert!(error.contains("Builder::network"), "{error}");
}
