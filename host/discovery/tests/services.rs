//! Services are registered, found and followed, on every backend.

use std::{sync::Arc, time::Duration};

use registry_discovery::{
    Change, Discovery, Options, RegistrationState, Role, SECTION, Service, ServiceSet, ServiceUrl, Subscription,
};
use registry_host::{ErrorKind, Registry, Scope, SettingsBuilder};
use registry_suite::{Ending, SOON, eventually, memory, open, wait_until, within};

/// The settings of every backend; what they open sees the same entries.
fn every() -> Vec<SettingsBuilder> {
    [memory()].into_iter().chain(Ending::each().map(|(settings, _)| settings)).collect()
}

async fn discovery(settings: &SettingsBuilder, assignments: &[&str]) -> Discovery {
    let settings = assignments.iter().fold(settings.clone().section(SECTION), |settings, set| settings.set(*set));
    let options = Options::of(&settings.clone().build().expect("settings")).expect("options");
    Discovery::on(open(settings).await.expect("a registry"), options)
}

fn provider(port: u16) -> ServiceUrl {
    ServiceUrl::new("tri", "10.0.0.7", port, "demo.Outer$Echo").with("methods", "Echo").with("side", "provider")
}

fn echo() -> Service {
    Service::new("demo.Outer$Echo")
}

fn ports(set: &ServiceSet) -> Vec<u16> {
    set.urls().iter().filter_map(|url| url.port).collect()
}

async fn shows(subscription: &mut Subscription, wanted: &[u16]) -> Arc<ServiceSet> {
    let shown = async {
        loop {
            let set = subscription.next_set().await.expect("it goes on");
            if ports(&set) == wanted {
                return set;
            }
        }
    };
    within(format!("{wanted:?} are shown"), SOON, shown).await
}

async fn keys(registry: &Registry) -> Vec<String> {
    registry.list("/dubbo").await.expect("a list").into_iter().map(|entry| entry.key).collect()
}

#[tokio::test]
async fn a_service_is_followed_as_its_providers_come_and_go() {
    for settings in every() {
        let (own, others) = (discovery(&settings, &[]).await, discovery(&settings, &[]).await);
        assert!(own.is_available());
        let mut changes = others.subscribe(&echo()).await.expect("a subscription");
        let mut next = async || within("a change", SOON, changes.next()).await.expect("it goes on");
        assert!(matches!(next().await, Change::All(set) if set.urls().is_empty()));

        let first = own.register(provider(1)).await.expect("a provider");
        assert!(matches!(next().await, Change::Joined(url) if *url == provider(1)));
        // One that is started again is the same one, and says something else.
        let again = others.register(provider(1).with("timestamp", "1700000000")).await.expect("its next process");
        assert!(matches!(next().await, Change::Changed(url) if url.timestamp_ms() == Some(1_700_000_000_000)));
        first.unregister().await.expect("unregistered");
        again.unregister().await.expect("unregistered");
        assert!(matches!(next().await, Change::Left(_)));

        let of_version = others.register(provider(2).with("version", "2")).await.expect("another version");
        assert_eq!(own.lookup(&echo()).await.expect("a lookup"), []);
        assert_eq!(own.lookup(&echo().of_version("*")).await.expect("a lookup"), [Arc::new(of_version.url().clone())]);
        drop(of_version);

        let consumer = ServiceUrl::new("consumer", "10.0.0.8", None, "demo.Outer$Echo").with("side", "consumer");
        let consumer = own.register(consumer).await.expect("a consumer");
        let persistent = own.register(provider(3).with("dynamic", "false")).await.expect("one that stays");
        eventually("the one that was dropped is gone", SOON, async || {
            own.lookup(&echo().of_version("*")).await.ok().filter(|found| found.len() == 1)
        })
        .await;
        let key = "/dubbo/demo.Outer%24Echo/consumers/consumer%3A%2F%2F10.0.0.8%2Fdemo.Outer%24Echo%3Fside%3Dconsumer";
        assert_eq!(consumer.key(), key);
        let entry = own.registry().get(persistent.key()).await.expect("an answer").expect("it is there");
        assert_eq!((entry.ephemeral, entry.value.len()), (None, 0));
        own.close().await.expect("closed");
        assert_eq!(
            keys(others.registry()).await,
            [
                "/dubbo",
                "/dubbo/demo.Outer%24Echo",
                "/dubbo/demo.Outer%24Echo/consumers",
                "/dubbo/demo.Outer%24Echo/providers",
                persistent.key(),
            ]
        );
        assert_eq!(own.register(provider(4)).await.map(drop).expect_err("it is closed").kind(), ErrorKind::Closed);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_registration_is_named() {
    let own = discovery(&memory(), &[]).await;
    let _registered = own.register(provider(1)).await.expect("a provider");
    let twice = own.register(provider(1).with("weight", "5")).await.map(drop).expect_err("it is registered");
    assert_eq!(twice.kind(), ErrorKind::ConditionFailed);
    assert!(twice.to_string().contains("10.0.0.7:1"), "{twice}");
    let unknown = own.unregister(&provider(2)).await.expect_err("nobody has registered it");
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
    let mut long = provider(3);
    long.parameters.insert("methods".to_owned(), "m".repeat(32_768));
    for (url, field) in [
        (ServiceUrl { path: String::new(), ..provider(3) }, "path"),
        (ServiceUrl::new("tri", "h", 1, "demo.A"), "methods"),
        (provider(3).with("category", "servers"), "category"),
        (provider(3).with("side", "both"), "side"),
        (ServiceUrl { host: String::new(), ..provider(3) }, "host"),
        (long, "methods"),
    ] {
        let refused = own.register(url).await.map(drop).expect_err(field);
        assert_eq!(refused.kind(), ErrorKind::InvalidKey, "{field}: {refused}");
        assert!(refused.to_string().contains(field), "{refused}");
    }
    assert_eq!(ports(&own.look_up(Role::Provider, &echo()).await.expect("a lookup")), [1]);
}

#[tokio::test]
async fn after_a_lost_session_each_is_registered_again() {
    for (settings, ending) in Ending::each() {
        let own = discovery(&ending.awaits(settings.clone()), &[]).await;
        let others = discovery(&settings, &[]).await;
        let mut registrations = Vec::new();
        for port in 1..=20 {
            registrations.push(own.register(provider(port)).await.expect("a provider"));
        }
        let mut changes = others.subscribe(&echo()).await.expect("a subscription");
        shows(&mut changes, &(1..=20).collect::<Vec<_>>()).await;
        ending.of(own.registry()).await;
        eventually("all are there, of the new session", SOON, async || {
            let entries = others.registry().list("/dubbo").await.ok()?;
            let new = Some(own.registry().session().id());
            (entries.iter().filter(|entry| entry.ephemeral == new).count() == 20).then_some(())
        })
        .await;
        own.close().await.expect("closed");
        shows(&mut changes, &[]).await;
    }
}

#[tokio::test]
async fn what_another_has_taken_is_registered_again_once_he_has_gone() {
    for settings in every() {
        let (own, other) = (discovery(&settings, &[]).await, discovery(&settings, &[]).await);
        let registered = own.register(provider(1)).await.expect("a provider");
        let _beside = own.register(provider(2)).await.expect("another one");
        let mut states = registered.states();
        let taken = other.register(provider(1)).await.expect("the same one, of another process");
        let missing = states.wait_for(|state| matches!(state, RegistrationState::Missing(_)));
        within("it is reported", SOON, missing).await.expect("a state");
        // The other one is left alone.
        let owner = async || own.registry().get(registered.key()).await.expect("an answer").and_then(|e| e.ephemeral);
        let there = owner().await;
        assert!(there.is_some() && there != Some(own.registry().session().id()));
        taken.unregister().await.expect("unregistered");
        let back = states.wait_for(|state| matches!(state, RegistrationState::Registered));
        within("it is registered again", SOON * 2, back).await.expect("a state");
        assert_eq!(owner().await, Some(own.registry().session().id()));

        own.registry().delete(registered.key()).await.expect("a delete of its own gives it up");
        other.registry().delete(_beside.key()).await.expect("a delete of somebody else's");
        let found = async || own.lookup(&echo()).await.ok().filter(|found| found.len() == 1);
        eventually("what somebody has deleted comes back", SOON * 2, found).await;
    }
}

#[tokio::test]
async fn what_go_and_java_registered_is_found_whatever_else_stands_there() {
    for settings in every() {
        let discovery = discovery(&settings, &[]).await;
        let mut changes = discovery.subscribe(&Service::new("demo.EchoService")).await.expect("a subscription");
        for tree in [include_str!("fixtures/go-etcd.jsonl"), include_str!("fixtures/java-etcd.jsonl")] {
            for line in tree.lines() {
                let entry: serde_json::Value = serde_json::from_str(line).expect("an entry");
                let (key, value) = (entry["key"].as_str().expect("a key"), entry["value"].as_str().expect("a value"));
                let put = discovery.registry().put(key, value);
                if entry["ephemeral"] == true { put.ephemeral().await } else { put.await }.expect("a put");
            }
        }
        let set = shows(&mut changes, &[46801, 46861]).await;
        assert!(set.unreadable().is_empty());
        for wrong in ["x", "%", "tri%3A%2F%2F%3A1%2Fdemo.EchoService"] {
            let key = format!("/dubbo/demo.EchoService/providers/{wrong}");
            discovery.registry().put(&key, "").await.expect("a put");
        }
        let set = eventually("what can't be read is named", SOON, async || {
            changes.next_set().await.filter(|set| set.unreadable().len() == 3)
        });
        let set = set.await;
        assert_eq!(ports(&set), [46801, 46861]);
        assert!(set.unreadable().iter().any(|found| found.key.ends_with("/providers/x")));
    }
}

#[tokio::test]
async fn an_emptied_set_keeps_the_last_ones_if_asked() {
    let settings = memory();
    let own = discovery(&settings, &[]).await;
    let others = discovery(&settings, &["registry.discovery.empty-protection=true"]).await;
    let (mut kept, mut emptied) =
        (others.subscribe(&echo()).await.expect("a subscription"), own.subscribe(&echo()).await.expect("another"));
    let registered = own.register(provider(1)).await.expect("a provider");
    shows(&mut kept, &[1]).await;
    shows(&mut emptied, &[1]).await;
    registered.unregister().await.expect("unregistered");
    assert!(within("the last one is kept", SOON, kept.next_set()).await.expect("a set").is_stale());
    assert_eq!(ports(&kept.set().expect("a set")), [1]);
    shows(&mut emptied, &[]).await;
    let _registered = own.register(provider(2)).await.expect("a provider");
    assert!(!shows(&mut kept, &[2]).await.is_stale());
}

#[tokio::test]
async fn destroyed_with_many_nothing_hangs() {
    let settings = memory();
    let (own, others) = (discovery(&settings, &[]).await, discovery(&settings, &[]).await);
    let mut registrations = Vec::new();
    let many: u16 = 2_000;
    for number in 0..many {
        let url =
            ServiceUrl::new("tri", "10.0.0.7", number, format!("demo.Echo{}", number % 100)).with("methods", "Echo");
        registrations.push(own.register(url).await.expect("a provider"));
    }
    let mut subscriptions = Vec::new();
    for number in 0..100 {
        let service = Service::new(format!("demo.Echo{number}"));
        subscriptions.push(own.subscribe(&service).await.expect("a subscription"));
    }
    // Some are on their way, some wait for a change that does not come.
    let waiting: Vec<_> = subscriptions
        .into_iter()
        .map(|mut changes| tokio::spawn(async move { while changes.next().await.is_some() {} }))
        .collect();
    let coming: Vec<_> = (many..many + 20)
        .map(|number| {
            let own = own.clone();
            tokio::spawn(
                async move { own.register(provider(number)).await.map(std::mem::forget).map_err(|e| e.kind()) },
            )
        })
        .collect();
    within("it is closed", SOON, own.close()).await.expect("closed");
    for waiting in waiting {
        within("a subscription ends", SOON, waiting).await.expect("no panic");
    }
    for coming in coming {
        let registered = within("a registration ends", SOON, coming).await.expect("no panic");
        assert!(matches!(registered, Ok(()) | Err(ErrorKind::Closed)), "{registered:?}");
    }
    let left = |entries: Vec<registry_host::Entry>| entries.iter().filter(|entry| entry.ephemeral.is_some()).count();
    assert_eq!(others.registry().list("/dubbo").await.map(left).expect("a list"), 0);
    let mut watch = others.registry().watch("/dubbo", Scope::Subtree).await.expect("a watch");
    wait_until("the registry itself goes on", Duration::from_secs(1), || true).await;
    assert!(watch.next().await.is_some());
}
