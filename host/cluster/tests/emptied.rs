//! Servers whose registry loses its data, whole or in part, on every backend.

mod support;

use std::{
    error,
    sync::{Arc, Mutex},
};

use registry_cluster::{Cluster, Departed, Failover, MemberFilter, Membership, MembershipState, Role, Stop, TakeOver};
use registry_host::{Guard, Registry, SettingsBuilder};
use registry_suite::{SOON, etcd, eventually, open, unique, wait_until, zookeeper};
use registry_test_servers::{Etcd, ZooKeeper};
use support::*;

/// The servers that a master has taken over for.
#[derive(Clone, Default)]
struct Taken(Arc<Mutex<Vec<String>>>);

impl Taken {
    fn now(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl TakeOver for Taken {
    async fn take_over(&self, departed: &Departed, _: &Guard) -> Result<(), Box<dyn error::Error + Send + Sync>> {
        self.0.lock().unwrap().push(departed.address.clone());
        Ok(())
    }
}

/// Two masters that take over, and a worker in two groups, each in a session of its own.
struct Site {
    clusters: Vec<Cluster>,
    members: Vec<Membership>,
    taken: Taken,
    failovers: Vec<Failover>,
}

impl Site {
    async fn open(settings: &SettingsBuilder, strategy: &str) -> Self {
        let strategy = format!("registry.disconnect-strategy={strategy}");
        let taken = Taken::default();
        let (mut clusters, mut members, mut failovers) = (Vec::new(), Vec::new(), Vec::new());
        for server in [master("m:1"), master("m:2"), worker("w:1", &["a", "b"])] {
            let cluster = cluster(settings, &[&strategy, "registry.session-timeout=4s"]).await;
            let member = register(&cluster, &server).await;
            if server.role() == Role::Master {
                failovers.push(member.fail_over(taken.clone()).await.expect("failover"));
            }
            clusters.push(cluster);
            members.push(member);
        }
        let site = Site { clusters, members, taken, failovers };
        site.is_whole("at first").await;
        site
    }

    /// Waits until all serve and all see all, each with its record and what tells of its session.
    async fn is_whole(&self, when: &str) {
        let serve = || self.members.iter().all(|member| matches!(member.state(), MembershipState::Serving));
        let seen = |cluster: &Cluster| {
            let mut there: Vec<_> =
                cluster.members(MemberFilter::All).now().iter().map(|member| member.incarnation()).collect();
            there.dedup();
            there == self.members.iter().map(|member| Some(member.incarnation())).collect::<Vec<_>>()
        };
        let what = format!("all serve and are seen, {when}");
        wait_until(what, SOON * 2, || serve() && self.clusters.iter().all(seen)).await;
        let registry = self.clusters[0].registry();
        let kept = async || {
            let (lives, sessions) = (keys_below(registry, "/cluster/lives"), keys_below(registry, "/cluster/sessions"));
            (lives.await.len() == 3 && sessions.await.len() == 3).then_some(())
        };
        eventually(format!("all have their records, {when}"), SOON * 2, kept).await;
    }
}

/// An administrator who may delete all of the servers' data, and parts of it.
async fn administrator(settings: &SettingsBuilder) -> (SettingsBuilder, Registry) {
    let outer = unique("emptied");
    let admin = open(settings.clone().set_value("registry.namespace", &outer)).await.expect("a registry");
    (settings.clone().set_value("registry.namespace", format!("{outer}/inner")), admin)
}

/// What is deleted, one after the other.
const PARTS: [&str; 6] = [
    "/inner",
    "/inner/nodes",
    "/inner/cluster",
    "/inner/cluster/lives",
    "/inner/nodes/worker",
    "/inner/cluster/sessions",
];

#[tokio::test]
async fn waiting_servers_register_again_after_a_deletion_without_take_over() {
    for settings in every() {
        let (settings, admin) = administrator(&settings).await;
        let mut site = Site::open(&settings, "wait").await;
        for part in PARTS {
            // The namespace itself is not an entry everywhere.
            let folder = if part == "/inner" { "/inner/nodes" } else { part };
            let created = async || admin.get(folder).await.expect("an answer").map(|entry| entry.created);
            let before = created().await;
            admin.delete_recursive(part).await.expect("a deletion");
            let anew = async || created().await.filter(|created| Some(*created) != before);
            eventually(format!("{folder} is there again"), SOON * 2, anew).await;
            site.is_whole(&format!("without {part}")).await;
        }
        assert_eq!(site.taken.now(), [] as [String; 0], "all were alive");
        // Who dies then is taken over for, once.
        drop(site.members.pop());
        wait_until("the worker is taken over for", SOON, || site.taken.now() == ["w:1"]).await;
        drop(site.failovers);
    }
}

#[tokio::test]
async fn servers_that_stop_say_that_data_were_deleted() {
    for settings in every() {
        for part in ["/inner", "/inner/nodes", "/inner/cluster"] {
            let (settings, admin) = administrator(&settings).await;
            let site = Site::open(&settings, "stop").await;
            admin.delete_recursive(part).await.expect("a deletion");
            for member in &site.members {
                let stop = stopped(member).await;
                assert!(matches!(&*stop, Stop::Emptied { .. }), "{part}: {stop}");
                assert!(stop.to_string().contains("the registry's data were deleted"), "{stop}");
            }
        }
    }
}

#[tokio::test]
async fn waiting_servers_register_again_in_an_emptied_registry() {
    let (lease, session) = (Etcd::start().expect("an etcd server"), ZooKeeper::start().expect("a ZooKeeper server"));
    for settings in [etcd(&lease), zookeeper(&session)] {
        let site = Site::open(&settings, "wait").await;
        let sessions = || site.clusters.iter().map(|one| one.registry().session().id()).collect::<Vec<_>>();
        let before = sessions();
        match settings.clone().build().expect("settings").registry_type() {
            "etcd" => lease.wipe().expect("an empty server"),
            _ => session.wipe().expect("an empty server"),
        }
        let others = || sessions().iter().zip(&before).all(|(now, before)| now != before);
        wait_until("other sessions have followed", SOON * 2, others).await;
        site.is_whole("on an empty server").await;
        assert_eq!(site.taken.now(), [] as [String; 0], "all were alive");
    }
}
