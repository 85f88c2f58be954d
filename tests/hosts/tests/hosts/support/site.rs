//! A namespace on a server, where hosts meet.

use std::{
    net::SocketAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use registry_cluster::{Cluster, MemberFilter, Options};
use registry_host::{ErrorKind, Registry, Settings};
use registry_suite::{SOON, Server, beside, eventually, unique};
use registry_test_servers::{Etcd, Member, Proxy, ZooKeeper};

use super::{EventLog, Host, Registered};

/// A server of one member, whichever kind it is of.
pub(crate) trait Served: Server {
    fn name(&self) -> &'static str;
    fn member(&self) -> &Member;
}

impl Served for Etcd {
    fn name(&self) -> &'static str {
        "etcd"
    }

    fn member(&self) -> &Member {
        &self.members()[0]
    }
}

impl Served for ZooKeeper {
    fn name(&self) -> &'static str {
        "zookeeper"
    }

    fn member(&self) -> &Member {
        &self.members()[0]
    }
}

/// A namespace that nothing else uses, and the log of all who are there.
pub(crate) struct Site {
    server: Box<dyn Served>,
    namespace: String,
    session: u32,
    pub(crate) log: EventLog,
}

/// Plays on both kinds of server at once, as most of the time is spent waiting; sessions outlive hosts by so many
/// seconds.
pub(crate) async fn on_both(session: u32, play: impl AsyncFn(Site)) {
    let etcd = Shared(Etcd::shared().expect("an etcd server"));
    let zookeeper = Shared(ZooKeeper::shared().expect("a ZooKeeper server"));
    tokio::join!(play(Site::on(Box::new(etcd), session)), play(Site::on(Box::new(zookeeper), session)));
}

struct Shared<S: 'static>(&'static S);

impl<S: Served> Served for Shared<S> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn member(&self) -> &Member {
        self.0.member()
    }
}

impl<S: Served> Server for Shared<S> {
    fn sessions(&self) -> Vec<registry_host::SessionId> {
        self.0.sessions()
    }

    fn watches(&self) -> usize {
        self.0.watches()
    }
}

impl Site {
    /// One of each kind whose servers nobody else uses.
    pub(crate) fn own(session: u32) -> [Self; 2] {
        let etcd = Etcd::start().expect("an etcd server");
        let zookeeper = ZooKeeper::start().expect("a ZooKeeper server");
        [Site::on(Box::new(etcd), session), Site::on(Box::new(zookeeper), session)]
    }

    fn on(server: Box<dyn Served>, session: u32) -> Self {
        let log = EventLog::new(server.name());
        Site { server, namespace: unique("hosts"), session, log }
    }

    pub(crate) fn server(&self) -> &dyn Served {
        &*self.server
    }

    /// Starts a host.
    pub(crate) async fn host(&self, name: &str) -> Host {
        Host::start(self, name, &self.settings(self.server.member().address()), &[]).await
    }

    /// Starts a host with these arguments besides.
    pub(crate) async fn host_with(&self, name: &str, arguments: &[&str]) -> Host {
        Host::start(self, name, &self.settings(self.server.member().address()), arguments).await
    }

    /// Starts a host that reaches the server through a proxy, and has these arguments besides.
    pub(crate) async fn host_through(&self, way: &Proxy, name: &str, arguments: &[&str]) -> Host {
        Host::start(self, name, &self.settings(way.address()), arguments).await
    }

    /// The cluster as this process sees it.
    pub(crate) async fn observer(&self) -> Cluster {
        let settings = Settings::builder().section(registry_cluster::SECTION).plugin_dir(beside());
        let settings =
            self.settings(self.server.member().address()).iter().fold(settings, |settings, set| settings.set(set));
        let settings = settings.build().expect("settings");
        let options = Options::of(&settings).expect("options");
        let registry = Registry::open(settings).await.expect("a registry");
        Cluster::open(registry, options).await.expect("a view")
    }

    /// Whether the server has ended a session.
    pub(crate) fn has_ended(&self, session: u64) -> bool {
        // ZooKeeper may pass over one that has just been heard of, as it moves among those to be listed.
        (0..5).all(|_| self.server.sessions().iter().all(|living| living.0 != session))
    }

    /// Waits until an observer sees these servers in their sessions and nobody else; gives when each wrote its
    /// heartbeat.
    pub(crate) async fn sees(&self, observer: &Cluster, wanted: &[&Registered]) -> Vec<i64> {
        let mut wanted: Vec<_> =
            wanted.iter().map(|server| (&server.own.address, Some(server.own.incarnation))).collect();
        wanted.sort_unstable();
        let sees = || {
            let members = observer.members(MemberFilter::All).now();
            let there: Vec<_> = members.iter().map(|member| (&member.address, member.incarnation())).collect();
            (there == wanted)
                .then(|| members.iter().flat_map(|member| Some(member.heartbeat.as_ref().ok()?.report_time)).collect())
        };
        eventually(format!("{wanted:?} are seen on {}", self.server.name()), SOON * 4, async || sees()).await
    }

    /// Waits until an observer sees these servers and nobody else, all of whom have beaten after this was called.
    pub(crate) async fn sees_beat(&self, observer: &Cluster, wanted: &[&Registered]) {
        let called = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_millis() as i64;
        let beaten = async || self.sees(observer, wanted).await.iter().all(|wrote| *wrote > called).then_some(());
        eventually(format!("all beat on {}", self.server.name()), SOON * 4, beaten).await;
    }

    /// Waits until there is nothing to be taken over but what belongs to who is there; of these alone there is a dead
    /// mark.
    pub(crate) async fn has_nothing_left(&self, observer: &Cluster, marks: &[&str]) {
        let values = async |key: &str| match observer.registry().list(key).await {
            Ok(entries) => {
                // Neither folders nor the one that is asked for.
                let entries = entries.into_iter().filter(|entry| !entry.value.is_empty() && entry.key != key);
                entries.map(|entry| entry.value).collect()
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => panic!("{error}"),
        };
        let settled = async || {
            (values("/cluster/lives").await.len() == observer.members(MemberFilter::All).now().len()).then_some(())
        };
        eventually(format!("all is taken over for, on {}", self.server.name()), SOON * 2, settled).await;
        assert_eq!(values("/dead-servers").await, marks);
    }

    fn settings(&self, address: SocketAddr) -> Vec<String> {
        let backend = self.server.name();
        let server = match backend {
            "etcd" => format!("registry.etcd.endpoints=http://{address}"),
            _ => format!("registry.zookeeper.connect-string={address}"),
        };
        let mut settings = vec![format!("registry.type={backend}"), server];
        settings.push(format!("registry.namespace={}", self.namespace));
        settings.push(format!("registry.session-timeout={}s", self.session));
        // However much the machine has to do, all are normal.
        for option in ["max-heartbeat-interval=200ms", "max-cpu-load-avg=10000", "reserved-memory=0"] {
            settings.push(format!("registry.cluster.{option}"));
        }
        settings
    }
}
