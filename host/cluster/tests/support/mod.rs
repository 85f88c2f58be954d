//! Clusters for the tests.

#![allow(dead_code)] // Each test takes what it needs.

use std::sync::Arc;

use registry_cluster::{Cluster, Member, Members, Membership, Options, SECTION, Server, Stop};
use registry_host::{Registry, SettingsBuilder};
use registry_suite::{Ending, SOON, memory, open, wait_until, within};

/// The settings of every backend; what they open sees the same entries.
pub(crate) fn every() -> Vec<SettingsBuilder> {
    [memory()].into_iter().chain(Ending::each().map(|(settings, _)| settings)).collect()
}

/// A registry's cluster, with these options beside a short interval.
pub(crate) async fn cluster(settings: &SettingsBuilder, assignments: &[&str]) -> Cluster {
    let settings = settings.clone().section(SECTION).set("registry.cluster.max-heartbeat-interval=100ms");
    let settings = settings.set("registry.cluster.max-cpu-load-avg=10000").set("registry.cluster.reserved-memory=0");
    let settings = assignments.iter().fold(settings, |settings, assignment| settings.set(*assignment));
    let built = settings.clone().build().expect("settings");
    let options = Options::of(&built).expect("options");
    let registry = open(settings).await.expect("a registry");
    Cluster::open(registry, options).await.expect("a view")
}

pub(crate) async fn register(cluster: &Cluster, server: &Server) -> Membership {
    within("a registration", SOON, cluster.register(server.clone())).await.expect("a registration")
}

pub(crate) fn master(address: &str) -> Server {
    Server::master(address).expect("a master")
}

pub(crate) fn worker(address: &str, groups: &[&str]) -> Server {
    Server::worker(address, groups).expect("a worker")
}

pub(crate) fn addresses(members: &Members) -> Vec<String> {
    members.now().iter().map(|member| member.address.clone()).collect()
}

/// Waits until a view shows these addresses and nobody else.
pub(crate) async fn shows(members: &Members, wanted: &[&str]) {
    wait_until(format!("{wanted:?} are shown"), SOON * 2, || addresses(members) == wanted).await;
}

/// Waits until a member is as it should be.
pub(crate) async fn member(members: &Members, what: &str, mut is: impl FnMut(&Member) -> bool) -> Arc<Member> {
    wait_until(what, SOON, || members.now().iter().any(|member| is(member))).await;
    members.now().into_iter().find(|member| is(member)).expect(what)
}

pub(crate) async fn stopped(membership: &Membership) -> Arc<Stop> {
    within("the server is told to stop", SOON * 2, membership.stopped()).await
}

pub(crate) async fn keys_below(registry: &Registry, key: &str) -> Vec<String> {
    let entries = registry.list(key).await.expect("a list");
    // The folders are persistent and empty, and the one that is asked for is none of those below it.
    let entries = entries.into_iter().filter(|entry| !entry.value.is_empty() && entry.key != key);
    entries.map(|entry| entry.key).collect()
}
