//! Servers that fall silent, while others could have the session. All that could notice the silence by itself takes an
//! hour.

use std::{sync::Arc, time::Duration};

use registry_plugin::{Backend, ErrorKind, Options, Outcome, Scope, SessionState};
use registry_test_servers::{Member, Proxy, ZooKeeper};
use serde_json::json;
use tokio::spawn;

use super::{locking::*, support::*};
use crate::session::Link;

const HOUR: Duration = Duration::from_secs(3600);

fn start(members: usize) -> ZooKeeper {
    ZooKeeper::builder().members(members).setting("maxSessionTimeout=14400000").start().expect("servers")
}

fn patient() -> Options {
    let mut options = options(&fresh());
    (options.session_timeout, options.operation_timeout) = (HOUR * 4, HOUR * 4);
    options
}

async fn connect_at(servers: &str, options: Options) -> Arc<Client> {
    let section = json!({ "connect-string": servers, "connection-timeout": "1h" });
    Arc::new(connect_with(section, options).await.expect("a connection"))
}

fn link(client: &Client) -> Arc<Link> {
    client.session.client().expect("it is open")
}

async fn until_moved(client: &Client, former: usize) {
    until("the session is at another server", async || link(client).server() != former).await;
}

/// A client at a member that does not lead.
async fn at_a_follower(servers: &ZooKeeper) -> (Arc<Client>, &Member) {
    loop {
        let client = connect_at(&servers.connect_string(), patient()).await;
        let leader = servers.leader().expect("a leader");
        let used = &servers.members()[link(&client).server()];
        if used.number() != leader.number() {
            return (client, used);
        }
        client.close().await.expect("a close");
    }
}

/// One server that is reached in two ways, as if it were two.
struct TwoWays {
    server: ZooKeeper,
    ways: [Proxy; 2],
}

impl TwoWays {
    fn start() -> Self {
        let server = start(1);
        let ways = [(); 2].map(|()| Proxy::to(server.address()).expect("a proxy"));
        TwoWays { server, ways }
    }

    /// A client of these two, and one that goes neither way.
    async fn clients(&self) -> (Arc<Client>, Arc<Client>) {
        let options = patient();
        let both = self.ways.each_ref().map(|way| way.address().to_string()).join(",");
        (connect_at(&both, options.clone()).await, connect_at(&self.server.connect_string(), options).await)
    }

    fn way(&self, client: &Client) -> &Proxy {
        &self.ways[link(client).server()]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_is_left_for_one_that_answers() {
    let servers = start(3);
    let (client, used) = at_a_follower(&servers).await;
    client.write(&[put("/k", "1"), ephemeral("/e", "1")]).await.expect("entries");
    let (id, former) = (client.id(), Arc::downgrade(&link(&client)));
    let held = client.lock().await;
    let mut watch = watch(&client, "/k", Scope::Node);
    assert_eq!(watch.synced().await, ["+/k 1"]);
    used.stop().expect("it runs");
    let entry = within(client.get(key("/k"))).await.expect("an answer");
    assert_eq!(entry.map(|entry| entry.value), Some("1".into()));
    assert_ne!(link(&client).server(), used.number());
    assert_eq!((client.id(), client.state()), (id, Some(SessionState::Connected)));
    within(client.write(&[put("/k", "2")])).await.expect("a put");
    while watch.next().await != "/k 2" {}
    client.unlock(held).await;
    assert_eq!(client.find("/e").await.and_then(|entry| entry.ephemeral), Some(id));
    until("nobody holds the former client", async || former.upgrade().is_none()).await;
    used.cont().expect("it runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_held_back_dies_with_the_connection() {
    let servers = start(3);
    let (client, used) = at_a_follower(&servers).await;
    client.write(&[put("/k", "1")]).await.expect("an entry");
    used.stop().expect("it runs");
    let writing = spawn({
        let client = client.clone();
        async move { client.write(&[put("/new", "1")]).await }
    });
    until_moved(&client, used.number()).await;
    within(client.write(&[put("/k", "2")])).await.expect("others are not held up");
    assert!(!writing.is_finished());
    used.cont().expect("it runs");
    let error = within(writing).await.expect("no panic").expect_err("the session has moved");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unavailable, Outcome::Unknown), "{error}");
    assert_eq!(client.find("/new").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_write_is_not_repeated_by_another_server() {
    let servers = TwoWays::start();
    for comes in [true, false] {
        let (client, other) = servers.clients().await;
        client.write(&[put("/k", "1")]).await.expect("an entry");
        let (way, former) = (servers.way(&client), link(&client));
        way.silent();
        let writing = spawn({
            let client = client.clone();
            async move { client.write(&[put("/new", "1")]).await }
        });
        until_moved(&client, former.server()).await;
        drop(former);
        if comes {
            way.heal();
            within(writing).await.expect("no panic").expect("the answer");
        } else {
            way.reset();
            let error = within(writing).await.expect("no panic").expect_err("no answer");
            assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unavailable, Outcome::Unknown), "{error}");
            way.heal();
        }
        let entry = other.find("/new").await.expect("it was written");
        assert_eq!(entry.created, entry.version.into(), "once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_request_keeps_its_entry_across_servers() {
    let servers = TwoWays::start();
    for waits in [true, false] {
        let (client, other) = servers.clients().await;
        // The lock's key is there.
        let held = client.lock().await;
        client.unlock(held).await;
        let way = servers.way(&client);
        way.silent();
        let held = within(client.ask(waits)).await.expect("the lock is free");
        assert_eq!(other.queued().await, [name(&held)]);
        assert_eq!(other.ever_made().await, 2, "there was no second one");
        client.unlock(held).await;
        way.heal();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_answers_the_session_stays_where_it_is() {
    let servers = TwoWays::start();
    let (client, _) = servers.clients().await;
    client.write(&[put("/k", "1")]).await.expect("an entry");
    let (former, connections) = (link(&client), *client.session.connections().borrow());
    servers.ways.iter().for_each(Proxy::silent);
    let reading = spawn({
        let client = client.clone();
        async move { client.get(key("/k")).await }
    });
    // The server is looked at, in vain.
    within(former.silence()).await;
    servers.ways.iter().for_each(Proxy::heal);
    within(reading).await.expect("no panic").expect("an answer");
    assert_eq!((link(&client).server(), *client.session.connections().borrow()), (former.server(), connections));
}
