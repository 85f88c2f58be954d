use registry_plugin::{Backend, ErrorKind, Key};

use super::support::*;

#[tokio::test]
async fn an_entry_comes_back_byte_for_byte() {
    let client = connect().await;
    assert_eq!(client.find("/a").await, None);
    let value = [0, 255, b'\n', 0];
    let operation =
        registry_plugin::Operation::Put { key: key("/a"), value: &value, mode: registry_plugin::Mode::Persistent };
    let version = client.write(&[operation]).await.expect("a put").version(0);
    let entry = client.find("/a").await.expect("an entry");
    assert_eq!((&entry.value[..], Some(entry.version), entry.ephemeral), (&value[..], version, None));
    assert_eq!(entry.created, entry.version.into());
}

#[tokio::test]
async fn children_are_the_direct_ones() {
    let client = connect().await;
    client
        .write(&[put("/a/b/c", ""), put("/a/b-c", ""), put("/a/d/e/f", ""), put("/ab/x", ""), put("/a/b/z", "")])
        .await
        .expect("puts");
    assert_eq!(client.children(key("/a")).await.expect("names"), ["b", "b-c", "d"]);
    assert_eq!(client.children(key("/a/b/c")).await.expect("names"), [""; 0]);
    assert_eq!(client.children(Key::ROOT).await.expect("names"), ["a", "ab"]);
    assert_eq!(client.children(key("/no")).await.map_err(|error| error.kind()), Err(ErrorKind::NotFound));
    assert_eq!(connect().await.children(Key::ROOT).await.expect("names"), [""; 0]);
}

#[tokio::test]
async fn children_span_pages_and_skip_deep_keys() {
    let client = connect().await;
    let keys: Vec<String> = (0..3_000)
        .map(|n| format!("/a/deep/{n:05}"))
        .chain((0..1_500).map(|n| format!("/a/wide-{n:05}")))
        .chain(["/a/z".to_owned()])
        .collect();
    for keys in keys.chunks(32) {
        let operations: Vec<_> = keys.iter().map(|key| put(key, "")).collect();
        client.write(&operations).await.expect("puts");
    }
    let names = client.children(key("/a")).await.expect("names");
    assert_eq!(names.len(), 1_502);
    assert!(names.is_sorted() && names[0] == "deep" && names[1_501] == "z");
    assert_eq!(client.keys("/a").await.len(), 4_503);
}

#[tokio::test]
async fn a_listing_is_sorted_by_bytes_and_respects_path_boundaries() {
    let client = connect().await;
    client
        .write(&[put("/a/b/c", "1"), put("/a/b-c", "2"), put("/ab", ""), put("/a-", ""), put("/a", "0")])
        .await
        .expect("puts");
    assert_eq!(client.keys("/a").await, ["/a", "/a/b", "/a/b-c", "/a/b/c"]);
    assert_eq!(client.keys("/no").await, [""; 0]);
    for limit in [1, 2, 3] {
        let listed: Vec<_> = client.all("/a", limit).await.into_iter().map(|entry| entry.key).collect();
        assert_eq!(listed, ["/a", "/a/b", "/a/b-c", "/a/b/c"], "pages of {limit}");
    }
}

#[tokio::test]
async fn a_listing_has_the_revision_of_page_one() {
    let client = connect().await;
    client.write(&[put("/a/1", ""), put("/a/2", ""), put("/a/3", "")]).await.expect("puts");
    let first = client.list(key("/a"), registry_plugin::Page::first(2)).await.expect("a page");
    let registry_plugin::Listing::Page { entries, next: Some(next) } = first else { panic!("{first:?} has no next") };
    assert_eq!(entries.len(), 2);
    client.write(&[put("/a/4", ""), delete("/a/3")]).await.expect("writes");
    let second = client.list(key("/a"), registry_plugin::Page::after(next, 100)).await.expect("a page");
    let registry_plugin::Listing::Page { entries, next: None } = second else { panic!("{second:?} has a next") };
    assert_eq!(entries.into_iter().map(|entry| entry.key).collect::<Vec<_>>(), ["/a/2", "/a/3"]);
}

#[tokio::test]
async fn a_listing_of_large_values_comes_in_small_pages() {
    let client = connect().await;
    let value = "v".repeat(1_000_000);
    for n in 0..8 {
        client.write(&[put(&format!("/a/{n}"), &value)]).await.expect("a put");
    }
    let mut page = registry_plugin::Page::first(5);
    let mut largest = 0;
    loop {
        let listing = client.list(key("/a"), page).await.expect("a page");
        let registry_plugin::Listing::Page { entries, next } = listing else { panic!("begun again") };
        largest = largest.max(entries.len());
        match next {
            Some(next) => page = registry_plugin::Page::after(next, 1000),
            None => break,
        }
    }
    assert!(largest <= 5, "a page of {largest} entries");
}

#[tokio::test]
async fn foreign_data_is_not_shown_but_counts() {
    let namespace = fresh();
    let client = connect_to(&namespace).await;
    for foreign in ["/a/b/", "/a//c", "/", "/hole/x/y"] {
        server().etcdctl(["put", &format!("{namespace}{foreign}"), "v"]).expect("a foreign key");
    }
    client.write(&[put("/a", "")]).await.expect("a put");
    assert_eq!(client.keys("/a").await, ["/a"]);
    assert_eq!(client.children(key("/a")).await.expect("names"), ["b"]);
    assert_eq!(client.children(Key::ROOT).await.expect("names"), ["a", "hole"]);
    assert_eq!(client.children(key("/hole")).await.expect("names"), ["x"]);
    let refused = client.write(&[delete("/a")]).await.map_err(|error| error.kind());
    assert_eq!(refused, Err(ErrorKind::HasChildren));
    let refused = client.write(&[ephemeral("/hole", "")]).await.map_err(|error| error.kind());
    assert_eq!(refused, Err(ErrorKind::HasChildren));
    client.write(&[put("/hole/x/z", "")]).await.expect("a put below a hole");
    assert_eq!(client.keys("/hole").await, ["/hole", "/hole/x", "/hole/x/y", "/hole/x/z"]);
    let deleted = client.write(&[registry_plugin::Operation::DeleteRecursive(key("/a"))]).await.expect("a delete");
    assert_eq!(deleted.deleted(), 3);
}

#[tokio::test]
async fn the_server_says_its_version() {
    let version = server().version().expect("a version");
    let address = server().address();
    assert_eq!(connect().await.server().await.expect("words"), format!("etcd {version} at {address}"));
}
