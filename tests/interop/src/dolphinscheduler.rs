//! Servers of old releases of DolphinScheduler, in its own classes, in one cluster with ours: each sees the other, a
//! mark stops the other, a lock excludes the other.

use std::time::{SystemTime, UNIX_EPOCH};

use registry_cluster::{
    Cluster, HeartbeatFormat, Member, MemberFilter, Membership, MembershipState, Options, Role, SECTION, Server, Stop,
};
use registry_host::{ErrorKind, Registry, Settings};
use registry_interop::Client;
use registry_suite::{SOON, beside, eventually, wait_until, within};
use tokio::join;

use crate::{backend::Backend, namespace::Namespace, peer::Peer};

/// Nobody listens there.
const THEIR_WORKER: &str = "127.0.0.1:1234";
const THEIR_MASTER: &str = "127.0.0.1:5678";
const OUR_WORKER: &str = "127.0.0.1:1235";
const OUR_MASTER: &str = "127.0.0.1:5679";
/// One of ours whose heartbeat an old release can't read.
const IN_JSON: &str = "127.0.0.1:1236";

/// The lock of those who take over for workers.
const LOCK: &str = "/lock/failover/workers";

/// A worker and a master of 1.3.6: both are whole.
pub(crate) async fn release_1_3(backend: Backend) {
    let namespace = Namespace::on(backend);
    // However much this machine has to do, they are normal.
    let worker = ["worker.listen.port=1234", "worker.heartbeat.interval=1", "worker.max.cpuload.avg=10000"];
    let master = ["master.listen.port=5678", "master.heartbeat.interval=1", "master.max.cpuload.avg=10000"];
    let client = Client::DolphinScheduler13;
    let mut worker = namespace.peer(client, "worker", &[&worker[..], &["worker.reserved.memory=0"]].concat());
    let mut master = namespace.peer(client, "master", &[&master[..], &["master.reserved.memory=0"]].concat());
    join!(worker.ask("started", &[]), master.ask("started", &[]));
    let ours = Ours::open(&namespace, HeartbeatFormat::Fields10).await;
    ours.sees(2).await;
    let [mine, chief] = ours.register().await;

    shows(&mut master, &["masters"], &[THEIR_MASTER, OUR_MASTER]).await;
    shows(&mut master, &["workers", "default"], &[THEIR_WORKER, OUR_WORKER]).await;
    // Its balancer gives ours tasks, too.
    shows(&mut master, &["weighed", "default"], &[THEIR_WORKER, OUR_WORKER]).await;
    lists(&mut master, &ours, &mine, Role::Worker).await;
    lists(&mut master, &ours, &chief, Role::Master).await;

    // JSON it passes over, and goes on with all others.
    let json = Ours::open(&namespace, HeartbeatFormat::Json).await;
    let unread = json.cluster.register(server(Role::Worker, IN_JSON)).await.expect("a registration");
    shows(&mut master, &["workers", "default"], &[THEIR_WORKER, OUR_WORKER, IN_JSON]).await;
    assert_eq!(master.ask("weighed", &["default"]).await, [THEIR_WORKER, OUR_WORKER]);
    assert_eq!(master.ask("listed", &["worker"]).await.len(), 2);

    locks_exclude(&mut master, ours.registry()).await;

    // A server that leaves in order is marked all the same.
    unread.leave().await.expect("it leaves");
    let marked =
        async || ours.cluster.marked_dead().await.expect("the marks").contains(&(Role::Worker, IN_JSON.into()));
    eventually("their master marks who has left", SOON, async || marked().await.then_some(())).await;
    marks_stop(&mut master, &mut worker, &ours, mine, &chief).await;
    worker.close().await;
    master.close().await;
}

/// What is published of 2.0.5: how a server registers, beats, finds out that it is dead, and lists others.
pub(crate) async fn release_2_0(backend: Backend) {
    let namespace = Namespace::on(backend);
    let mut peer = namespace.peer(Client::DolphinScheduler20, "worker", &[]);
    peer.ask("register", &["default", THEIR_WORKER]).await;
    let ours = Ours::open(&namespace, HeartbeatFormat::Fields13).await;
    let theirs = ours.sees(1).await.remove(0);
    assert_eq!(theirs.heartbeat.expect("it is read").worker_host_weight, Some(37));
    let [mine, chief] = ours.register().await;
    shows(&mut peer, &["masters"], &[OUR_MASTER]).await;
    shows(&mut peer, &["workers", "default"], &[THEIR_WORKER, OUR_WORKER]).await;
    lists(&mut peer, &ours, &mine, Role::Worker).await;
    lists(&mut peer, &ours, &chief, Role::Master).await;
    locks_exclude(&mut peer, ours.registry()).await;

    ours.cluster.mark_dead(&server(Role::Worker, THEIR_WORKER)).await.expect("a mark");
    peer.ask("stopped", &[]).await;
    peer.ask("mark", &["worker", OUR_WORKER]).await;
    is_declared_dead(mine, &chief).await;
    peer.close().await;
}

/// Our side of a cluster.
struct Ours {
    cluster: Cluster,
    format: HeartbeatFormat,
}

impl Ours {
    async fn open(namespace: &Namespace, format: HeartbeatFormat) -> Self {
        let settings = Settings::builder().section(SECTION).plugin_dir(beside());
        let settings = namespace.settings().into_iter().fold(settings, |settings, setting| settings.set(setting));
        let settings = settings
            .set(format!("registry.cluster.heartbeat-format={}", format.name()))
            .set("registry.cluster.max-heartbeat-interval=1s")
            .set("registry.cluster.max-cpu-load-avg=10000")
            .set("registry.cluster.reserved-memory=0");
        let options = Options::of(&settings.build().expect("settings")).expect("options");
        let cluster = Cluster::open(namespace.registry().await, options).await.expect("a view");
        Self { cluster, format }
    }

    fn registry(&self) -> &Registry {
        self.cluster.registry()
    }

    /// Waits until this many of theirs have told how they are, which they do a while after they have registered.
    async fn sees(&self, count: usize) -> Vec<Member> {
        let all = || self.cluster.members(MemberFilter::All).now();
        let normal = || all().iter().filter(|member| member.is_normal()).count() == count;
        wait_until("their heartbeats are read", SOON, normal).await;
        let members: Vec<_> = all().iter().map(|member| Member::clone(member)).collect();
        for member in &members {
            let heartbeat = member.heartbeat.as_ref().expect("it is read");
            assert_eq!((heartbeat.format, heartbeat.keeps_record), (self.format, false));
            for moment in [heartbeat.started(), heartbeat.reported()] {
                let ago = SystemTime::now().duration_since(moment.expect("a time")).expect("it is past");
                assert!(ago < SOON * 4, "it runs in this time zone, and that was {ago:?} ago");
            }
        }
        members
    }

    /// Registers a worker and a master.
    async fn register(&self) -> [Membership; 2] {
        let mut members = Vec::new();
        for server in [server(Role::Worker, OUR_WORKER), server(Role::Master, OUR_MASTER)] {
            members.push(self.cluster.register(server).await.expect("a registration"));
        }
        members.try_into().expect("there are two")
    }

    fn member(&self, address: &str) -> Member {
        let members = self.cluster.members(MemberFilter::All).now();
        let member = members.iter().find(|member| member.address == address);
        Member::clone(member.expect("it is registered"))
    }
}

fn server(role: Role, address: &str) -> Server {
    match role {
        Role::Master => Server::master(address),
        Role::Worker => Server::worker(address, ["default"]),
    }
    .expect("an address")
}

/// Waits until a server of theirs answers so.
async fn shows(peer: &mut Peer, request: &[&str], wanted: &[&str]) {
    let what = format!("they answer {request:?} with {wanted:?}");
    eventually(what, SOON, async || (peer.ask(request[0], &request[1..]).await == wanted).then_some(())).await;
}

/// Their list has ours, with its start and its process.
async fn lists(peer: &mut Peer, ours: &Ours, member: &Membership, role: Role) {
    let address = member.server().address();
    let started = ours.member(address).heartbeat.expect("ours").started().expect("a start");
    let started = started.duration_since(UNIX_EPOCH).expect("it is after 1970").as_millis();
    let wanted = format!("{address} {started} {}", std::process::id());
    let listed = peer.ask("listed", &[role.name()]).await;
    assert!(listed.contains(&wanted), "{listed:?} has no {wanted}");
}

async fn locks_exclude(peer: &mut Peer, registry: &Registry) {
    peer.ask("lock", &[]).await;
    let refused = registry.try_lock(LOCK).await.expect_err("theirs holds it");
    assert_eq!(refused.kind(), ErrorKind::NotAcquired, "{refused}");
    peer.ask("unlock", &[]).await;
    let guard = within("the lock is ours", SOON, registry.lock(LOCK).into_future()).await.expect("the lock");
    let release = async {
        let both = async || (registry.children(LOCK).await.expect("the queue").len() == 2).then_some(());
        eventually("theirs waits", SOON, both).await;
        assert!(!guard.is_lost());
        guard.release().await.expect("a release");
    };
    join!(peer.ask("lock", &[]), release);
    peer.ask("unlock", &[]).await;
}

/// A mark of ours stops theirs, and one of theirs stops ours and nobody else.
async fn marks_stop(master: &mut Peer, worker: &mut Peer, ours: &Ours, mine: Membership, chief: &Membership) {
    ours.cluster.mark_dead(&server(Role::Worker, THEIR_WORKER)).await.expect("a mark");
    worker.ask("stopped", &[]).await;
    master.ask("mark", &["worker", OUR_WORKER]).await;
    is_declared_dead(mine, chief).await;
}

async fn is_declared_dead(mine: Membership, chief: &Membership) {
    let stop = within("ours stops", SOON, mine.stopped()).await;
    assert!(matches!(*stop, Stop::DeclaredDead), "{stop}");
    assert!(matches!(chief.state(), MembershipState::Serving), "{:?}", chief.state());
}
