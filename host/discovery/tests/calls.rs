//! Providers and consumers of one process, in memory: what is called, and what is not.

use std::collections::BTreeSet;

use registry_discovery::{
    Discovery, SECTION, Service, ServiceUrl,
    choice::Policy,
    tonic::{Channel, HASH_KEY, Level, Opening, channel, serve},
};
use registry_host::Settings;
use registry_suite::{SOON, beside, eventually, unique, within};
use tokio::{sync::oneshot, task::JoinHandle};
use tonic::{Code, Request, Response, Status, transport::Server};

use self::demo::{
    echo_service_client::EchoServiceClient,
    echo_service_server::{EchoService, EchoServiceServer},
};

#[allow(unreachable_pub)]
mod demo {
    tonic::include_proto!("demo");
}

/// A registry in memory that several sessions share.
struct Place(String);

impl Place {
    fn new() -> Self {
        Place(unique("calls"))
    }

    async fn discovery(&self) -> Discovery {
        let settings = Settings::builder().section(SECTION).plugin_dir(beside()).set_value("registry.type", "memory");
        let settings = settings.set_value("registry.memory.name", &self.0).build().expect("settings");
        Discovery::open(&settings).await.expect("a registry")
    }

    async fn provider(&self, parameters: &[(&str, &str)], level: Level) -> Provider {
        Provider::start(self.discovery().await, parameters, level).await
    }

    async fn consumer(&self, set: impl FnOnce(Opening) -> Opening) -> Channel {
        let discovery = self.discovery().await;
        set(channel(&discovery, Service::new("demo.EchoService"))).await.expect("a channel")
    }
}

struct Provider {
    /// What it answers with.
    name: String,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

#[derive(Clone)]
struct Echo(String);

#[tonic::async_trait]
impl EchoService for Echo {
    async fn echo(&self, _: Request<String>) -> Result<Response<String>, Status> {
        Ok(Response::new(self.0.clone()))
    }
}

impl Provider {
    async fn start(discovery: Discovery, parameters: &[(&str, &str)], level: Level) -> Self {
        let name = unique("provider");
        let mut service = ServiceUrl::new("tri", "127.0.0.1", 0, "demo.EchoService").with("methods", "Echo");
        for (parameter, value) in parameters {
            service = service.with(*parameter, *value);
        }
        let router = Server::builder().add_service(EchoServiceServer::new(Echo(name.clone())));
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(async move {
            serve(&discovery, service, router)
                .level(level)
                .until(async { drop(stopped.await) })
                .await
                .expect("it serves");
        });
        Provider { name, stop, serving }
    }

    async fn stop(self) {
        drop(self.stop);
        within("it ends", SOON, self.serving).await.expect("no panic");
    }
}

async fn call(channel: &Channel) -> Result<String, Status> {
    let mut client = EchoServiceClient::new(channel.clone());
    within("an answer", SOON, client.echo("hi".to_owned())).await.map(Response::into_inner)
}

/// Who answers a number of calls.
async fn answers(channel: &Channel) -> BTreeSet<String> {
    let mut answers = BTreeSet::new();
    for _ in 0..40 {
        answers.insert(call(channel).await.unwrap_or_else(|status| status.message().to_owned()));
    }
    answers
}

/// Waits until these answer, and nobody else.
async fn only(channel: &Channel, wanted: &[&Provider]) {
    let wanted: BTreeSet<_> = wanted.iter().map(|provider| provider.name.clone()).collect();
    eventually(format!("{wanted:?} answer"), SOON, async || (answers(channel).await == wanted).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_stops_fails_no_call() {
    let place = Place::new();
    let channel = place.consumer(|opening| opening.policy(Policy::RoundRobin)).await;
    let refused = call(&channel).await.expect_err("nobody is there");
    assert_eq!(
        (refused.code(), refused.message()),
        (Code::Unavailable, "no provider of demo.EchoService is registered")
    );
    let (first, second) = (place.provider(&[], Level::Interface).await, place.provider(&[], Level::Interface).await);
    only(&channel, &[&first, &second]).await;
    let stopping = tokio::spawn(second.stop());
    while !stopping.is_finished() {
        call(&channel).await.expect("one of them answers");
    }
    only(&channel, &[&first]).await;
    first.stop().await;
    assert!(call(&channel).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_application_a_provider_is_asked_what_it_provides() {
    let place = Place::new();
    let parameters = [("application", "echo"), ("group", "blue"), ("version", "1.2.3")];
    let by_application = place.provider(&parameters, Level::Application).await;
    let by_both = place.provider(&parameters, Level::Both).await;
    let other = place.provider(&[("application", "other")], Level::Both).await;
    let discovery = place.discovery().await;
    let blue: Service = "blue/demo.EchoService:1.2.3".parse().expect("a service");
    let blue = channel(&discovery, blue).policy(Policy::RoundRobin).await.expect("a channel");
    only(&blue, &[&by_application, &by_both]).await;
    let plain = place.consumer(|opening| opening.level(Level::Application)).await;
    only(&plain, &[&other]).await;
    let both =
        discovery.registry().get("/dubbo/mapping/demo.EchoService").await.expect("an answer").expect("a mapping");
    let named: BTreeSet<_> = std::str::from_utf8(&both.value).expect("text").split(',').collect();
    assert_eq!(named, BTreeSet::from(["echo", "other"]));
    by_application.stop().await;
    only(&blue, &[&by_both]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_are_obeyed_while_they_stand() {
    let place = Place::new();
    let east = place.provider(&[("zone", "east"), ("application", "echo")], Level::Interface).await;
    let west = place.provider(&[("zone", "west"), ("application", "echo")], Level::Interface).await;
    let channel = place.consumer(|opening| opening.policy(Policy::RoundRobin).application("shop")).await;
    only(&channel, &[&east, &west]).await;
    let registry = place.discovery().await.registry().clone();
    // Which address is whose is not told; by this rule one of them is left.
    let (address, _) = channel.providers().remove(0);
    let disabled = format!("configs:\n- parameters: {{disabled: 'true'}}\n  providerAddresses: ['{address}']\n");
    let put = async |key: &str, rule: &str| {
        registry.put(&format!("/dubbo/config/dubbo/{key}"), rule).await.expect("a rule is put");
    };
    for (key, rule, left) in [
        ("demo.EchoService::.condition-router", "conditions: ['method=Echo => zone=east']", Some(&east)),
        ("shop.condition-router", "conditions: ['=> zone!=east']", Some(&west)),
        ("echo.tag-router", "tags:\n- name: gray\n  match: [{key: zone, value: {exact: east}}]", Some(&west)),
        ("demo.EchoService::.configurators", &disabled, None),
    ] {
        put(key, rule).await;
        match left {
            Some(left) => only(&channel, &[left]).await,
            None => eventually("one is left", SOON, async || (answers(&channel).await.len() == 1).then_some(())).await,
        }
        // One that can't be read changes nothing.
        let before = answers(&channel).await;
        put(key, "conditions: ['?']\ntags: [{}]\nconfigs: [{side: x}]").await;
        assert_eq!(answers(&channel).await, before, "{key}");
        registry.delete(&format!("/dubbo/config/dubbo/{key}")).await.expect("it is there");
        only(&channel, &[&east, &west]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_and_a_sticky_channel_stay_with_one() {
    let place = Place::new();
    let (first, second) = (place.provider(&[], Level::Interface).await, place.provider(&[], Level::Interface).await);
    let hashed = place.consumer(|opening| opening.policy(Policy::ConsistentHash)).await;
    let sticky = place.consumer(Opening::sticky).await;
    let connected = || hashed.providers().iter().chain(&sticky.providers()).filter(|(_, connected)| *connected).count();
    eventually("all are connected", SOON, async || (connected() == 4).then_some(())).await;
    assert_eq!(answers(&sticky).await.len(), 1);
    let mut chosen = BTreeSet::new();
    for key in 0..20 {
        let mut of_key = BTreeSet::new();
        for _ in 0..5 {
            let mut request = Request::new("hi".to_owned());
            request.metadata_mut().insert(HASH_KEY, key.into());
            let mut client = EchoServiceClient::new(hashed.clone());
            of_key.insert(client.echo(request).await.expect("an answer").into_inner());
        }
        assert_eq!(of_key.len(), 1, "key {key}");
        chosen.extend(of_key);
    }
    assert_eq!(chosen, BTreeSet::from([first.name.clone(), second.name.clone()]));
}
