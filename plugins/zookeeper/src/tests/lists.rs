use registry_plugin::Backend;

use super::{jute, support::*, writer::Writer};

async fn both() -> (Client, Writer) {
    let namespace = fresh();
    (connect_to(&namespace).await, Writer::new(&namespace).await)
}

#[tokio::test]
async fn a_list_is_sorted_by_the_bytes_of_whole_keys() {
    let (client, writer) = both().await;
    for at in ["/a", "/a/b", "/a/b/x", "/a/b-c", "/a/b/y", "/a/b0", "/ab", "/a-b"] {
        writer.create(at, "").await;
    }
    assert_eq!(client.keys("/a").await, ["/a", "/a/b", "/a/b-c", "/a/b/x", "/a/b/y", "/a/b0"]);
    assert_eq!(client.keys("/a/b").await, ["/a/b", "/a/b/x", "/a/b/y"]);
    assert_eq!(client.keys("/a/b/x").await, ["/a/b/x"]);
}

#[tokio::test]
async fn a_list_of_what_is_not_there_is_empty() {
    let (client, writer) = both().await;
    writer.create("/a", "").await;
    assert_eq!(client.keys("/a/b").await, [""; 0]);
    assert_eq!(client.keys("/b").await, [""; 0]);
}

#[tokio::test]
async fn entries_of_all_sizes_are_listed_whole() {
    let (client, writer) = both().await;
    let mut entries = vec![("/a".to_owned(), String::new())];
    for n in 0..700 {
        // Small ones let the reader expect small ones: then come large ones, up to the largest that may be put.
        let size = match n {
            0..500 => n % 3,
            500..520 => 1_000_000,
            _ => n * 40,
        };
        entries.push((format!("/a/{n:03}"), "x".repeat(size)));
    }
    entries.push(("/a/000/deep".to_owned(), "d".repeat(300_000)));
    for (at, value) in &entries {
        writer.create(at, value).await;
    }
    entries.sort();
    let listed = client.all("/a", 10).await;
    assert_eq!(listed.len(), entries.len());
    for (entry, (at, value)) in listed.iter().zip(&entries) {
        assert_eq!((&entry.key, entry.value.len()), (at, value.len()));
        assert_eq!(
            client.find(at).await.map(|found| (found.version, found.created)),
            Some((entry.version, entry.created))
        );
    }
}

#[tokio::test]
async fn foreign_data_is_passed_over_with_all_below() {
    let (client, writer) = both().await;
    let mut at = String::new();
    for n in 0..34 {
        at.push_str(&format!("/{n}"));
        writer.create(&at, "").await;
    }
    assert_eq!(client.keys("/0").await.len(), 32);
    let deepest: String = (0..32).map(|n| format!("/{n}")).collect();
    assert_eq!(client.keys(&deepest).await, [&*deepest]);
    assert_eq!(client.children(key(&deepest)).await.expect("it is there"), [""; 0]);
}

#[tokio::test]
async fn a_null_value_reads_as_an_empty_one() {
    let (client, writer) = both().await;
    writer.create("/a", "").await;
    jute::create_null(server().address(), &writer.path("/a/null"));
    jute::create_null(server().address(), &writer.path("/a/null/below"));
    let listed = client.all("/a", 10).await;
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().all(|entry| entry.value.is_empty()));
    let found = client.find("/a/null").await.expect("it is there");
    assert_eq!((&found.value, found.version), (&listed[1].value, listed[1].version));
}
