use std::sync::Arc;

use registry_plugin::{Backend, ErrorKind, Page, Scope, SessionState};
use registry_test_servers::{Proxy, ZooKeeper};
use serde_json::json;
use zookeeper_client::{Acls, Client as Raw, SessionState as ClientState};

use super::{support::*, writer::Writer};

/// The second clients of a proxied connection reach the server past the proxy.
struct Cut {
    proxy: Proxy,
    client: Arc<Client>,
    writer: Writer,
}

impl Cut {
    async fn new() -> Self {
        let namespace = fresh();
        let proxy = Proxy::to(server().address()).expect("a proxy");
        let section = json!({ "connect-string": proxy.address().to_string() });
        let client = Arc::new(connect_with(section, options(&namespace)).await.expect("a connection"));
        Cut { proxy, client, writer: Writer::new(&namespace).await }
    }

    /// Cuts the network for so long that the connection breaks, not the session.
    async fn cut(&self) {
        self.proxy.cut();
        let client = self.client.session.client().expect("it is open");
        until("the connection is broken", async || client.state() == ClientState::Disconnected).await;
    }

    /// Makes the network whole. What tried to connect meanwhile is not left to be answered late.
    fn heal(&self) {
        self.proxy.reset();
        self.proxy.heal();
    }

    /// Changes something of all kinds, while nobody looks.
    async fn change(&self) {
        self.writer.set("/a/changes", "2").await;
        self.writer.delete("/a/goes").await;
        self.writer.create("/a/comes", "2").await;
        self.writer.delete("/a/anew").await;
        self.writer.create("/a/anew", "2").await;
    }
}

const BEFORE: [&str; 5] = ["/a", "/a/anew", "/a/changes", "/a/goes", "/a/stays"];

async fn begin(writer: &Writer) {
    for at in BEFORE {
        writer.create(at, "1").await;
    }
}

/// What a watch tells of [`Cut::change`].
const CHANGED: [&str; 4] = ["+/a/comes 2", "-/a/goes 1", "/a/anew 2", "/a/changes 2"];

async fn tells_what_changed(watch: &mut Running) {
    let mut told = watch.synced().await;
    told.sort();
    assert_eq!(told, CHANGED);
}

#[tokio::test]
async fn changes_during_a_cut_are_told_then_synced() {
    let cut = Cut::new().await;
    begin(&cut.writer).await;
    let mut watch = watch(&cut.client, "/a", Scope::Subtree);
    assert_eq!(watch.synced().await.len(), BEFORE.len());
    cut.cut().await;
    cut.change().await;
    cut.heal();
    tells_what_changed(&mut watch).await;
    cut.writer.set("/a/stays", "2").await;
    assert_eq!(watch.next().await, "/a/stays 2", "it goes on, and is synced once");
}

#[tokio::test]
async fn a_connection_that_outlives_a_cut_breaks_no_watch() {
    let cut = Cut::new().await;
    begin(&cut.writer).await;
    let mut watch = watch(&cut.client, "/a", Scope::Subtree);
    watch.synced().await;
    let client = cut.client.session.client().expect("it is open");
    let mut states = client.state_watcher();
    cut.proxy.silent();
    cut.writer.set("/a/stays", "2").await;
    cut.proxy.heal();
    assert_eq!(watch.next().await, "/a/stays 2");
    assert_eq!(states.state(), ClientState::SyncConnected);
}

#[tokio::test]
async fn a_connection_that_was_reset_is_made_up_for() {
    let cut = Cut::new().await;
    begin(&cut.writer).await;
    let mut watches = [watch(&cut.client, "/a", Scope::Subtree), watch(&cut.client, "/a/changes", Scope::Node)];
    for watch in &mut watches {
        watch.synced().await;
    }
    for round in 0..5 {
        cut.proxy.reset();
        cut.writer.set("/a/changes", &round.to_string()).await;
        for watch in &mut watches {
            while watch.next().await != format!("/a/changes {round}") {}
        }
    }
}

#[tokio::test]
async fn changes_between_sessions_are_told_then_synced() {
    let cut = Cut::new().await;
    begin(&cut.writer).await;
    let mut watch = watch(&cut.client, "/a", Scope::Subtree);
    watch.synced().await;
    let lost = cut.client.id();
    cut.proxy.cut();
    cut.client.until_state(SessionState::Lost).await;
    cut.change().await;
    cut.heal();
    tells_what_changed(&mut watch).await;
    until("another session is open", async || cut.client.id() != lost).await;
    cut.writer.set("/a/stays", "2").await;
    // The connection of the lost session may have come back, too: it is synced once for each.
    while watch.next().await != "/a/stays 2" {}
}

#[tokio::test]
async fn a_watch_goes_on_when_the_server_ends_the_session() {
    let cut = Cut::new().await;
    begin(&cut.writer).await;
    let mut watch = watch(&cut.client, "/a", Scope::Children);
    watch.synced().await;
    for round in 0..2 {
        let lost = cut.client.id();
        let info = cut.client.session.client().expect("it is open").session().clone();
        // Out of the way, it doesn't take its session back.
        cut.proxy.cut();
        let connector = Raw::connector().with_session(info);
        let usurper = connector.connect(&server().connect_string()).await.expect("a connection");
        let mut states = usurper.state_watcher();
        drop(usurper);
        while !states.changed().await.is_terminated() {}
        cut.heal();
        until("another session is open", async || cut.client.id() != lost).await;
        cut.writer.set("/a/changes", &round.to_string()).await;
        while watch.next().await != format!("/a/changes {round}") {}
    }
}

#[tokio::test]
async fn a_watch_outlives_its_server() {
    let server = ZooKeeper::start().expect("a server");
    let section = json!({ "connect-string": server.connect_string() });
    let client = Arc::new(connect_with(section, options("ns")).await.expect("a connection"));
    let writer = Writer::at(&server.connect_string(), "ns").await;
    begin(&writer).await;
    let mut watch = watch(&client, "/a", Scope::Subtree);
    watch.synced().await;
    server.kill();
    client.until_state(SessionState::Suspended).await;
    server.restart().expect("a restart");
    let writer = Writer::at(&server.connect_string(), "ns").await;
    writer.set("/a/stays", "2").await;
    while watch.next().await != "/a/stays 2" {}
    writer.set("/a/stays", "3").await;
    while watch.next().await != "/a/stays 3" {}
}

#[tokio::test]
async fn a_watch_that_is_dropped_out_of_contact_leaves_nothing() {
    let cut = Cut::new().await;
    begin(&cut.writer).await;
    let mut stays = watch(&cut.client, "/a/changes", Scope::Node);
    let mut goes = watch(&cut.client, "/a", Scope::Subtree);
    stays.synced().await;
    goes.synced().await;
    cut.cut().await;
    goes.end().await;
    let mut comes = watch(&cut.client, "/a", Scope::Children);
    cut.change().await;
    cut.heal();
    assert_eq!(comes.synced().await.len(), BEFORE.len() - 1);
    assert_eq!(stays.synced().await, ["/a/changes 2"]);
    cut.writer.set("/a/changes", "3").await;
    assert_eq!([stays.next().await, comes.next().await], ["/a/changes 3", "/a/changes 3"]);
}

#[tokio::test]
async fn an_unreadable_entry_ends_its_watch_with_the_reason() {
    let namespace = fresh();
    let (client, writer) = (Arc::new(connect_to(&namespace).await), Writer::new(&namespace).await);
    begin(&writer).await;
    writer.client.auth("digest", b"somebody:else").await.expect("a user");
    writer.client.set_acl(&writer.path("/a"), &Acls::creator_all(), None).await.expect("another's");
    let watch = watch(&client, "/a", Scope::Subtree);
    let watched = watch.task.await.expect("no panic").expect_err("it may not be read");
    let listed = client.list(key("/a"), Page::first(10)).await.expect_err("nor here");
    for error in [watched, listed] {
        assert_eq!((error.kind(), error.key()), (ErrorKind::PermissionDenied, Some("/a")), "{error}");
    }
}

#[tokio::test]
async fn closing_is_not_held_up_by_watches() {
    let client = Arc::new(connect().await);
    let mut watches = [watch(&client, "/a", Scope::Subtree), watch(&client, "/b", Scope::Subtree)];
    for watch in &mut watches {
        watch.synced().await;
    }
    let present = Arc::downgrade(&client.session.client().expect("it is open"));
    client.close().await.expect("a close");
    until("nobody holds the client", async || present.upgrade().is_none()).await;
}
