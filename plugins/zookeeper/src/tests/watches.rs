use std::sync::Arc;

use registry_plugin::{Backend, Scope};

use super::{support::*, writer::Writer};

async fn both() -> (Arc<Client>, Writer) {
    let namespace = fresh();
    (Arc::new(connect_to(&namespace).await), Writer::new(&namespace).await)
}

#[tokio::test]
async fn a_watch_begins_with_the_state_then_changes() {
    let (client, writer) = both().await;
    for (at, value) in [("/a", ""), ("/a/b", "1"), ("/ab", ""), ("/a-", "")] {
        writer.create(at, value).await;
    }
    let mut watch = watch(&client, "/a", Scope::Subtree);
    assert_eq!(watch.synced().await, ["+/a ", "+/a/b 1"]);
    writer.create("/ab/x", "").await;
    writer.create("/a-/x", "").await;
    writer.create("/a/c", "2").await;
    assert_eq!(watch.next().await, "+/a/c 2");
    writer.set("/a/c", "3").await;
    assert_eq!(watch.next().await, "/a/c 3");
    writer.delete("/a/c").await;
    assert_eq!(watch.next().await, "-/a/c 3");
    writer.create("/a/c", "4").await;
    assert_eq!(watch.next().await, "+/a/c 4");
}

#[tokio::test]
async fn scopes_cover_what_they_say() {
    let (client, writer) = both().await;
    for at in ["/a", "/a/b", "/a/b/c", "/a/d"] {
        writer.create(at, "1").await;
    }
    let mut node = watch(&client, "/a/b", Scope::Node);
    let mut children = watch(&client, "/a", Scope::Children);
    let mut root = watch(&client, "/", Scope::Subtree);
    let mut top = watch(&client, "/", Scope::Children);
    assert_eq!(node.synced().await, ["+/a/b 1"]);
    assert_eq!(children.synced().await, ["+/a/b 1", "+/a/d 1"]);
    assert_eq!(root.synced().await, ["+/a 1", "+/a/b 1", "+/a/d 1", "+/a/b/c 1"]);
    assert_eq!(top.synced().await, ["+/a 1"]);
    for at in ["/a/b/c", "/a/b", "/a"] {
        writer.set(at, "2").await;
        assert_eq!(root.next().await, format!("{at} 2"));
    }
    writer.set("", "the root is not an entry").await;
    writer.set("/a/d", "2").await;
    assert_eq!(node.next().await, "/a/b 2");
    assert_eq!([children.next().await, children.next().await], ["/a/b 2", "/a/d 2"]);
    assert_eq!(top.next().await, "/a 2");
    assert_eq!(root.next().await, "/a/d 2");
}

#[tokio::test]
async fn a_watch_of_a_missing_key_waits_for_it() {
    let (client, writer) = both().await;
    let mut node = watch(&client, "/a/b", Scope::Node);
    let mut below = watch(&client, "/a/b", Scope::Children);
    assert_eq!(node.synced().await, [""; 0]);
    assert_eq!(below.synced().await, [""; 0]);
    for at in ["/a", "/a/b", "/a/b/c"] {
        writer.create(at, "1").await;
    }
    assert_eq!(node.next().await, "+/a/b 1");
    assert_eq!(below.next().await, "+/a/b/c 1");
}

#[tokio::test]
async fn a_take_over_is_a_put_alone() {
    let (client, writer) = both().await;
    writer.create("/a", "0").await;
    let mut watch = watch(&client, "/a", Scope::Node);
    watch.synced().await;
    for n in 1..=300 {
        writer.take_over("/a", &n.to_string()).await;
        let told = watch.next().await;
        assert_eq!(told, format!("/a {n}"));
    }
    let last = client.find("/a").await.expect("it is there");
    assert!(last.is_ephemeral());
}

#[tokio::test]
async fn a_watch_ends_alone_with_its_consumer() {
    let (client, writer) = both().await;
    let mut first = watch(&client, "/a", Scope::Subtree);
    let mut second = watch(&client, "/a", Scope::Subtree);
    let mut below = watch(&client, "/a/b", Scope::Subtree);
    first.synced().await;
    second.synced().await;
    below.synced().await;
    first.end().await;
    writer.create("/a", "1").await;
    assert_eq!(second.next().await, "+/a 1");
    second.end().await;
    writer.create("/a/b", "1").await;
    assert_eq!(below.next().await, "+/a/b 1");
}

#[tokio::test]
async fn the_server_watches_nothing_once_nobody_does() {
    let server = registry_test_servers::ZooKeeper::start().expect("a server");
    let section = serde_json::json!({ "connect-string": server.connect_string() });
    let client = Arc::new(connect_with(section, options("ns")).await.expect("a connection"));
    let paths = || server.ask("wchs").expect("an answer");
    let mut watches = [watch(&client, "/a", Scope::Node), watch(&client, "/a", Scope::Subtree)];
    for watch in &mut watches {
        watch.synced().await;
    }
    assert!(paths().contains("Total watches:1"), "one for both: {}", paths());
    for watch in watches {
        watch.end().await;
    }
    until("the server watches nothing", async || paths().contains("Total watches:0")).await;
}

#[tokio::test]
async fn the_last_of_many_states_arrives() {
    let (client, writer) = both().await;
    writer.create("/a", "").await;
    let mut watch = watch(&client, "/a", Scope::Subtree);
    watch.synced().await;
    for n in 0..1_000 {
        writer.set("/a", &n.to_string()).await;
    }
    while watch.next().await != "/a 999" {}
    writer.delete("/a").await;
    assert_eq!(watch.next().await, "-/a 999");
}

#[tokio::test]
async fn ten_thousand_new_children_are_all_told() {
    let (client, writer) = both().await;
    writer.create("/a", "").await;
    let keys: Vec<_> = (0..10_000).map(|n| format!("/a/{n:05}")).collect();
    writer.create_all(&keys[..5_000], "value").await;
    let mut watch = watch(&client, "/a", Scope::Children);
    writer.create_all(&keys[5_000..], "value").await;
    let mut told = watch.synced().await;
    while told.len() < keys.len() {
        told.push(watch.next().await);
    }
    told.sort_unstable();
    assert!(told.iter().eq(&keys.iter().map(|key| format!("+{key} value")).collect::<Vec<_>>()));
}

#[tokio::test]
async fn a_slow_consumer_is_told_each_key_once() {
    let (client, writer) = both().await;
    writer.create("/a", "").await;
    let mut slow = watch(&client, "/a", Scope::Subtree);
    let mut quick = watch(&client, "/a", Scope::Subtree);
    assert_eq!(slow.next().await, "+/a ");
    quick.synced().await;
    for n in 0..500 {
        writer.create("/a/b", &n.to_string()).await;
        writer.set("/a", &n.to_string()).await;
        writer.delete("/a/b").await;
    }
    writer.create("/a/b", "last").await;
    while quick.next().await.trim_start_matches('+') != "/a/b last" {}
    // Both hear of the same changes, but not at the same moment.
    let mut told = Vec::new();
    let all = ["/a 499", "/a/b last"];
    while !all.iter().all(|last| told.iter().any(|event| event == last)) {
        told.push(slow.next().await.trim_start_matches('+').to_owned());
    }
    assert!(told.len() < 20, "{told:?}");
}

/// Every hundredth watch stays until it has seen the present state of what is written all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_changing_watches_lose_nothing() {
    let (client, writer) = both().await;
    for at in ["/a", "/a/b", "/a/b/c"] {
        writer.create(at, "").await;
    }
    let mut stays = watch(&client, "/a/b", Scope::Subtree);
    stays.synced().await;
    let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writing = tokio::spawn({
        let over = over.clone();
        async move {
            let mut n = 0;
            while !over.load(std::sync::atomic::Ordering::SeqCst) {
                n += 1;
                writer.set("/a/b/c", &n.to_string()).await;
                writer.create("/a/x", "").await;
                writer.delete("/a/x").await;
            }
            writer.set("/a/b/c", "last").await;
            writer.set("/a/b", "last").await;
            writer
        }
    });
    let paths = [("/a", Scope::Subtree), ("/a/b/c", Scope::Node), ("/", Scope::Subtree), ("/a/b", Scope::Children)];
    let mut stayed = Vec::new();
    for round in 0..2_000 {
        let (at, scope) = paths[round % paths.len()];
        let mut coming = watch(&client, at, scope);
        match round % 5 {
            // Before the server has answered.
            0 => tokio::task::yield_now().await,
            // While the state is read or changes are told.
            1 => drop(coming.next().await),
            _ => drop(coming.synced().await),
        }
        if round % 100 == 99 {
            stayed.push(coming);
        }
    }
    over.store(true, std::sync::atomic::Ordering::SeqCst);
    writing.await.expect("all is written");
    for watch in stayed.iter_mut().chain([&mut stays]) {
        while watch.next().await != "/a/b/c last" {}
    }
}

#[tokio::test]
async fn readers_and_watchers_agree_in_the_end() {
    let (client, writer) = both().await;
    writer.create("/a", "").await;
    let mut watch = watch(&client, "/a", Scope::Subtree);
    let mut held = std::collections::BTreeMap::new();
    for round in 0..300_u32 {
        let at = format!("/a/{}", round.wrapping_mul(7_919) % 13);
        match round % 3 {
            0 => writer.create(&at, &round.to_string()).await,
            1 => drop(writer.client.set_data(&writer.path(&at), round.to_string().as_bytes(), None).await),
            _ => drop(writer.client.delete(&writer.path(&at), None).await),
        }
    }
    writer.create("/a/last", "").await;
    loop {
        match watch.next().await {
            told if told == "+/a/last " => break,
            told if told == "synced" => {}
            told => {
                let (key, value) = told.trim_start_matches(['+', '-']).split_once(' ').expect("two words");
                match told.starts_with('-') {
                    true => held.remove(key),
                    false => held.insert(key.to_owned(), value.to_owned()),
                };
            }
        }
    }
    let mut listed = client.all("/a", 1_000).await;
    listed.retain(|entry| entry.key != "/a/last");
    let listed: Vec<_> =
        listed.into_iter().map(|entry| (entry.key, String::from_utf8_lossy(&entry.value).into_owned())).collect();
    assert!(held.into_iter().eq(listed));
    client.close().await.expect("a close");
}
