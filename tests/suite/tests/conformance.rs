//! Every law of the contract on every backend, each a test of its own: `memory::1.1::the_root_is_no_entry`.
//!
//! `MEMBERS=3` tries etcd and ZooKeeper on clusters of so many servers, and `LAG=50` has one of them hear everything so
//! many milliseconds late.
//!
//! memory is tried through the loaded plugin and linked in directly: a law that fails on both is broken by the backend,
//! one that fails on the loaded one alone is broken by the boundary.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use libtest_mimic::{Arguments, Failed, Trial};
use registry_conformance::{Court, Law, Outcome, laws, try_law};
use registry_host::{Error, ErrorKind, Plugin, Result, Settings};
use registry_suite::{beside, unique};
use registry_test_servers::{Etcd, Member, PeerNetwork, ZooKeeper};
use tokio::runtime::Runtime;

/// Laws wait more than they work, so more of them run at once than there are processors.
const AT_ONCE: usize = 12;

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    let runtime = Arc::new(Runtime::new().expect("a runtime starts"));
    let backends: Vec<_> = BACKENDS.iter().map(|backend| Arc::new(Backend::new(*backend, runtime.clone()))).collect();
    let trials = backends.iter().flat_map(|backend| laws().iter().map(|law| backend.clone().trial(law))).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let dirty = backends.iter().filter(|backend| !backend.leaves_nothing()).count();
    conclusion.exit_if_failed();
    std::process::exit(if dirty == 0 { 0 } else { 101 });
}

/// A backend's name, and what opens a court on it.
type Opening = (&'static str, fn(&Runtime) -> Result<Court>);

const BACKENDS: [Opening; 5] = [
    ("memory", |runtime| {
        let settings = Settings::builder().plugin_dir(beside()).set("registry.type=memory");
        runtime.block_on(Court::open(settings.set_value("registry.memory.name", unique("conformance"))))
    }),
    ("memory_linked", |runtime| {
        // Also in the empty namespace.
        let settings = Settings::builder().set("registry.type=memory").set("registry.namespace=");
        let settings = settings.set_value("registry.memory.name", unique("conformance"));
        runtime.block_on(Court::with_plugin(Plugin::linked(registry_memory::linked_plugin())?, settings))
    }),
    // The one that docs/writing-a-backend.md shows.
    ("smallest", |runtime| {
        runtime.block_on(Court::open(Settings::builder().plugin_dir(beside()).set("registry.type=smallest")))
    }),
    ("etcd", |runtime| {
        static SERVERS: OnceLock<Started<Etcd>> = OnceLock::new();
        let servers = started(&SERVERS, || {
            let servers = Etcd::builder().members(members()).network().start()?;
            lag(servers.network()?, servers.members(), servers.leader()?);
            Ok(servers)
        })?;
        let settings = Settings::builder().plugin_dir(beside()).set("registry.type=etcd");
        runtime.block_on(Court::open(settings.set_value("registry.etcd.endpoints", servers.endpoints().join(","))))
    }),
    ("zookeeper", |runtime| {
        static SERVERS: OnceLock<Started<ZooKeeper>> = OnceLock::new();
        let servers = started(&SERVERS, || {
            let servers = ZooKeeper::builder().members(members()).network().start()?;
            lag(servers.network()?, servers.members(), servers.leader()?);
            Ok(servers)
        })?;
        let settings = Settings::builder().plugin_dir(beside()).set("registry.type=zookeeper");
        runtime.block_on(Court::open(settings.set_value("registry.zookeeper.connect-string", servers.connect_string())))
    }),
];

/// Servers that end with the process.
type Started<S> = registry_test_servers::Result<S>;

fn started<S>(servers: &'static OnceLock<Started<S>>, start: fn() -> Started<S>) -> Result<&'static S> {
    let unavailable = |error: &registry_test_servers::Error| Error::new(ErrorKind::Unavailable, error.to_string());
    servers.get_or_init(start).as_ref().map_err(unavailable)
}

/// How many servers each backend has.
fn members() -> usize {
    number("MEMBERS").map_or(1, |members| members as usize)
}

/// Has one that follows lag behind, if that is wanted.
fn lag(network: &PeerNetwork, members: &[Member], leader: &Member) {
    if let Some(lag) = number("LAG") {
        let follower = members.iter().find(|member| member.endpoint() != leader.endpoint());
        network.delay(follower.expect("one of several MEMBERS follows"), Duration::from_millis(lag));
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|number| number.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// Who may be excused from a law for want of a capability.
const WITHOUT_ALL_CAPABILITIES: [&str; 1] = ["zookeeper"];

/// A backend, opened when the first law is tried on it.
struct Backend {
    opening: Opening,
    runtime: Arc<Runtime>,
    court: OnceLock<Result<Court>>,
}

impl Backend {
    fn new(opening: Opening, runtime: Arc<Runtime>) -> Self {
        Backend { opening, runtime, court: OnceLock::new() }
    }

    fn trial(self: Arc<Self>, law: &'static Law) -> Trial {
        let name = format!("{}::{}::{}", self.opening.0, law.clause, law.name);
        Trial::test(name, move || {
            let court = self.court.get_or_init(|| (self.opening.1)(&self.runtime));
            let court = court.as_ref().map_err(|error| Failed::from(error.to_string()))?;
            match self.runtime.block_on(try_law(court, law)) {
                Outcome::Held => Ok(()),
                Outcome::NotApplicable(_) if WITHOUT_ALL_CAPABILITIES.contains(&self.opening.0) => Ok(()),
                outcome => Err(Failed::from(outcome.to_string())),
            }
        })
    }

    /// Says what the laws have left behind, and closes the court.
    fn leaves_nothing(&self) -> bool {
        let Some(Ok(court)) = self.court.get() else { return true };
        let left = self.runtime.block_on(async {
            let left = court.left_behind().await?;
            court.close().await.map(|()| left)
        });
        if let Ok([]) = left.as_deref() {
            return true;
        }
        eprintln!("on {} the laws left behind: {left:?}", self.opening.0);
        false
    }
}
