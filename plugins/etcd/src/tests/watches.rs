use std::sync::Arc;

use registry_plugin::{Effect, ErrorKind, Scope, WatchSink};
use tokio::time::timeout;

use super::support::*;
use crate::{history::Header, read::State, watch::Watch};

#[tokio::test]
async fn a_watch_begins_with_the_state_then_changes() {
    let client = Arc::new(connect().await);
    client.write(&[put("/a/b", "1"), put("/ab", ""), put("/a-", "")]).await.expect("puts");
    let mut watch = watch(&client, "/a", Scope::Subtree);
    assert_eq!(watch.synced().await, ["+/a ", "+/a/b 1"]);
    client.write(&[put("/a/c/d", "2"), put("/ab/x", ""), put("/a-/x", "")]).await.expect("puts");
    let mut told = [watch.next().await, watch.next().await];
    told.sort();
    assert_eq!(told, ["+/a/c ", "+/a/c/d 2"]);
    client.write(&[ephemeral("/a/b", "3")]).await.expect("a put");
    assert_eq!(watch.next().await, "/a/b 3");
    client.write(&[delete("/a/b")]).await.expect("a delete");
    assert_eq!(watch.next().await, "-/a/b 3");
}

#[tokio::test]
async fn scopes_cover_what_they_say() {
    let client = Arc::new(connect().await);
    client.write(&[put("/a/b/c", "1"), put("/a/d", "1")]).await.expect("puts");
    let mut node = watch(&client, "/a/b", Scope::Node);
    let mut children = watch(&client, "/a", Scope::Children);
    let mut root = watch(&client, "/", Scope::Subtree);
    let mut top = watch(&client, "/", Scope::Children);
    assert_eq!(node.synced().await, ["+/a/b "]);
    assert_eq!(children.synced().await, ["+/a/b ", "+/a/d 1"]);
    assert_eq!(root.synced().await, ["+/a ", "+/a/b ", "+/a/b/c 1", "+/a/d 1"]);
    assert_eq!(top.synced().await, ["+/a "]);
    client.write(&[put("/a/b/c", "2")]).await.expect("a put");
    client.write(&[put("/a/b", "2")]).await.expect("a put");
    client.write(&[put("/a", "2")]).await.expect("a put");
    assert_eq!(node.next().await, "/a/b 2");
    assert_eq!(children.next().await, "/a/b 2");
    assert_eq!([root.next().await, root.next().await, root.next().await], ["/a/b/c 2", "/a/b 2", "/a 2"]);
    assert_eq!(top.next().await, "/a 2");
}

#[tokio::test]
async fn a_watch_of_a_missing_key_waits_for_it() {
    let client = Arc::new(connect().await);
    let mut watch = watch(&client, "/a", Scope::Node);
    assert_eq!(watch.synced().await, [""; 0]);
    client.write(&[put("/a", "1")]).await.expect("a put");
    assert_eq!(watch.next().await, "+/a 1");
}

#[tokio::test]
async fn a_watch_ends_when_its_consumer_is_gone() {
    let client = Arc::new(connect().await);
    let mut watch = watch(&client, "/a", Scope::Subtree);
    watch.synced().await;
    watch.end().await;
}

#[tokio::test]
async fn a_state_of_many_pages_is_told_whole() {
    let client = Arc::new(connect().await);
    let keys: Vec<String> =
        (0..300).map(|n| format!("/a/{n:03}")).chain((0..300).map(|n| format!("/a/deep/{n:03}"))).collect();
    for keys in keys.chunks(30) {
        let operations: Vec<_> = keys.iter().map(|key| put(key, "v")).collect();
        client.write(&operations).await.expect("puts");
    }
    assert_eq!(watch(&client, "/a", Scope::Subtree).synced().await.len(), 602);
    assert_eq!(watch(&client, "/a", Scope::Children).synced().await.len(), 301);
}

#[tokio::test]
async fn the_last_of_many_states_arrives() {
    let client = Arc::new(connect().await);
    let mut watch = watch(&client, "/a", Scope::Subtree);
    watch.synced().await;
    for n in 0..1_000 {
        client.write(&[put("/a", &n.to_string())]).await.expect("a put");
    }
    while watch.next().await.trim_start_matches('+') != "/a 999" {}
    client.write(&[delete("/a")]).await.expect("a delete");
    assert_eq!(watch.next().await, "-/a 999");
}

#[tokio::test]
async fn a_watch_does_not_wait_for_an_unreachable_revision() {
    let client = connect().await;
    let (endpoints, history) = (&client.endpoints, client.endpoints.history());
    // As if it had come that far before somebody wiped it, between the reading of the state and the watch.
    let far = Header::come_to(history.mark().revision() + 1_000_000);
    history.check(history.mark(), &far, Effect::Repeatable).expect("nothing contradicts it");
    let (sink, _stream) = WatchSink::detached(key("/a"), Scope::Subtree);
    let (namespace, session) = (&client.namespace, &*client.session);
    let (access, key, scope) = (&client.access, key("/a"), Scope::Subtree);
    let watch = Watch { endpoints, namespace, access, session, key, scope, sink: &sink };
    let ((number, endpoint), at) = (endpoints.current(), history.mark());
    let connection = endpoint.connection().await.expect("a connection");
    let stream = watch.open(connection, &State { at, parts: None }).await.expect("a stream");
    let ended = timeout(LIMIT, watch.tell(stream, number, at)).await.expect("it looks").err();
    assert_eq!(ended.map(|error| error.kind()), Some(ErrorKind::SessionLost));
}
