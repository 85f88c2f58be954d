//! Providers and consumers of Dubbo in Go and Java, and ours: each finds and calls the others.
//!
//! Their interface has one name, so each trial has a server of its own.

mod caller;
mod echo;
mod ours;
mod place;
mod theirs;

use std::time::Duration;

use registry_discovery::tonic::Level;
use registry_host::SessionState;
use registry_suite::eventually;
use tokio::join;

use self::{
    caller::{Calling, Calls},
    ours::{Consumer, Provider},
    place::Place,
    theirs::Language,
};
use crate::backend::Backend;

/// How long something may take that waits for a session to end, or for Java to begin.
const LIMIT: Duration = Duration::from_secs(120);

/// By so many calls every provider is called, as good as certainly.
const CALLS: usize = 30;

/// By interface and by application: Go's provider, Java's and ours are called by Go's consumer, Java's and ours. One
/// that is stopped or killed is called no more.
pub(crate) async fn go_and_java_on_zookeeper(_: Backend) {
    let place = Place::zookeeper();
    let go = place.provider(Language::Go, "all", place.address());
    let java = place.provider(Language::Java, "all", place.address());
    let ours = Provider::start(&place, place.address(), Level::Both).await;
    join!(go.begin(), java.begin());
    for (level, in_go, in_java) in
        [(Level::Interface, "interface", "interface"), (Level::Application, "service", "instance")]
    {
        let in_go = place.consumer(Language::Go, in_go, place.address());
        let in_java = place.consumer(Language::Java, in_java, place.address());
        let in_rust = Consumer::open(&place, place.address(), level).await;
        join!(in_go.begin(), in_java.begin());
        let all = ["go", "java", "rust"];
        join!(calls_only(&in_go, &all, level), calls_only(&in_java, &all, level), calls_only(&in_rust, &all, level),);
        join!(in_go.close(), in_java.close());
        in_rust.close().await;
    }
    let (in_go, in_rust) = (
        place.consumer(Language::Go, "interface", place.address()),
        Consumer::open(&place, place.address(), Level::Both).await,
    );
    in_go.begin().await;
    ours.stop().await;
    join!(calls_only(&in_go, &["go", "java"], Level::Both), calls_only(&in_rust, &["go", "java"], Level::Both));
    java.kill().await;
    join!(calls_only(&in_go, &["go"], Level::Both), calls_only(&in_rust, &["go"], Level::Both));
    eventually("Java's provider is gone", LIMIT, async || (in_rust.providers().len() == 1).then_some(())).await;
    join!(go.close(), in_go.close());
    in_rust.close().await;
}

/// Go's provider and ours are called by Go's consumer and ours, by interface and by application.
pub(crate) async fn go_on_etcd(_: Backend) {
    let place = Place::etcd();
    let go = place.provider(Language::Go, "all", place.address());
    go.begin().await;
    // It gives up where anything is written while it adds itself to a mapping: first of all it is alone.
    let alone = Consumer::open(&place, place.address(), Level::Application).await;
    calls_only(&alone, &["go"], Level::Application).await;
    alone.close().await;
    let ours = Provider::start(&place, place.address(), Level::Both).await;
    let all = ["go", "rust"];
    for (level, in_go) in [(Level::Interface, "interface"), (Level::Application, "service")] {
        let in_go = place.consumer(Language::Go, in_go, place.address());
        let in_rust = Consumer::open(&place, place.address(), level).await;
        in_go.begin().await;
        join!(calls_only(&in_go, &all, level), calls_only(&in_rust, &all, level));
        in_go.close().await;
        in_rust.close().await;
    }
    let in_rust = Consumer::open(&place, place.address(), Level::Both).await;
    calls_only(&in_rust, &all, Level::Both).await;
    // Its lease ends half a minute later; until then nobody answers there.
    go.kill().await;
    calls_only(&in_rust, &["rust"], Level::Both).await;
    eventually("Go's provider is gone", LIMIT, async || (in_rust.providers().len() == 1).then_some(())).await;
    in_rust.close().await;
    ours.stop().await;
}

/// Go's consumer and Java's call two providers of ours while one of them loses its session, without one failed call;
/// and one alone, but for the time that it is not registered.
pub(crate) async fn calls_of_ours_go_on(_: Backend) {
    let place = Place::zookeeper();
    let proxy = place.proxy();
    let first = Provider::start(&place, &proxy.address().to_string(), Level::Interface).await;
    let second = Provider::start(&place, place.address(), Level::Interface).await;
    let looking = Consumer::open(&place, place.address(), Level::Interface).await;
    let in_go = Calling::begin(place.consumer(Language::Go, "interface", place.address())).await;
    let in_java = Calling::begin(place.consumer(Language::Java, "interface", place.address())).await;
    let both = || async { join!(in_go.has_called(first.name()), in_java.has_called(first.name())) };
    both().await;
    join!(in_go.has_called(second.name()), in_java.has_called(second.name()));
    let lose = async || {
        proxy.cut();
        eventually("it is not registered", LIMIT, async || (!looking.knows(first.port()).await).then_some(())).await;
        proxy.heal();
        eventually("it is registered again", LIMIT, async || looking.knows(first.port()).await.then_some(())).await;
    };
    let begun = (in_go.mark(), in_java.mark());
    lose().await;
    both().await;
    in_go.has_not_failed_since(begun.0);
    in_java.has_not_failed_since(begun.1);

    second.stop().await;
    join!(in_go.has_gone_on(), in_java.has_gone_on());
    lose().await;
    join!(in_go.has_gone_on(), in_java.has_gone_on());
    join!(in_go.end(), in_java.end());
    looking.close().await;
    first.stop().await;
}

/// Our consumer calls a provider in Go and one in Java while either of them, and then itself, loses its session,
/// without one failed call; and one alone, but for the time that it is not registered.
pub(crate) async fn calls_of_theirs_go_on(_: Backend) {
    let place = Place::zookeeper();
    let (to_go, to_java, to_ours) = (place.proxy(), place.proxy(), place.proxy());
    let go = place.provider(Language::Go, "interface", &to_go.address().to_string());
    let java = place.provider(Language::Java, "interface", &to_java.address().to_string());
    join!(go.begin(), java.begin());
    let looking = Consumer::open(&place, place.address(), Level::Interface).await;
    let ours = Consumer::open(&place, &to_ours.address().to_string(), Level::Interface).await;
    let session = ours.session();
    let ours = Calling::begin(ours).await;
    join!(ours.has_called("go"), ours.has_called("java"));
    let begun = ours.mark();
    for (proxy, name, port) in [(&to_go, "go", go.port()), (&to_java, "java", java.port())] {
        proxy.cut();
        eventually("it is not registered", LIMIT, async || (!looking.knows(port).await).then_some(())).await;
        proxy.heal();
        eventually("it is registered again", LIMIT, async || looking.knows(port).await.then_some(())).await;
        ours.has_called(name).await;
    }
    to_ours.cut();
    let before = session.id();
    eventually("our session is lost", LIMIT, async || (session.state() == SessionState::Lost).then_some(())).await;
    to_ours.heal();
    eventually("there is another", LIMIT, async || (session.id() != before).then_some(())).await;
    join!(ours.has_called("go"), ours.has_called("java"));
    ours.has_not_failed_since(begun);

    java.close().await;
    ours.has_gone_on().await;
    to_go.cut();
    eventually("it is not registered", LIMIT, async || (!looking.knows(go.port()).await).then_some(())).await;
    to_go.heal();
    eventually("it is registered again", LIMIT, async || looking.knows(go.port()).await.then_some(())).await;
    ours.has_gone_on().await;
    ours.end().await;
    looking.close().await;
    go.close().await;
}

/// Waits until a consumer calls these, each of them, and nobody else, without an error.
async fn calls_only(consumer: &impl Calls, wanted: &[&str], level: Level) {
    let what = format!("{} calls {wanted:?} by {level:?}", consumer.who());
    let mut last = String::new();
    let called = async || {
        let got = consumer.call(CALLS).await;
        let names: Vec<_> = got.keys().map(|answer| caller::name(answer)).collect();
        let told = format!("{got:?}");
        if told != last {
            eprintln!("{}: {told:.999}", consumer.who());
            last = told;
        }
        (names == wanted).then_some(())
    };
    eventually(what, LIMIT, called).await;
}
