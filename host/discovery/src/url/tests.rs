use proptest::prelude::*;

use super::{
    Service, ServiceUrl,
    escape::{escape, unescape},
};

#[test]
fn what_go_and_java_wrote_is_read() {
    let mut read = 0;
    for tree in [
        include_str!("../../tests/fixtures/go-zookeeper.jsonl"),
        include_str!("../../tests/fixtures/go-etcd.jsonl"),
        include_str!("../../tests/fixtures/java-zookeeper.jsonl"),
        include_str!("../../tests/fixtures/java-etcd.jsonl"),
        include_str!("../../tests/fixtures/go-1.5-zookeeper.jsonl"),
        include_str!("../../tests/fixtures/go-escapes.jsonl"),
    ] {
        let entries = tree.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        for entry in entries {
            let key = entry["key"].as_str().unwrap();
            let mut above = key.rsplit('/');
            let leaf = above.next().unwrap();
            if !above.next().is_some_and(|role| ["providers", "consumers"].contains(&role)) {
                continue;
            }
            let url = ServiceUrl::from_leaf(leaf).unwrap_or_else(|error| panic!("{key}: {error}"));
            let interface = above.next().unwrap();
            assert_eq!(escape(url.interface()), interface, "{key}");
            assert_eq!(ServiceUrl::from_leaf(&url.leaf().unwrap()), Ok(url.clone()), "{key}");
            assert!(url.timestamp_ms().is_some_and(|ms| (1_700_000_000_000..1_900_000_000_000).contains(&ms)), "{key}");
            read += 1;
        }
    }
    assert_eq!(read, 10);
}

#[test]
fn a_value_is_read_as_go_and_java_escape_it() {
    // The same value, as each of them has written it: `a b+c`, and what falls apart in both.
    let go = "tri%3A%2F%2Fh%3A1%2Fdemo.A%3Fnote%3Da+b%2Bc%26d%3De%25%2F%C3%A9~%2A";
    let java = "tri%3A%2F%2Fh%3A1%2Fdemo.A%3Fnote%3Da+b%2Bc%26d%3De%25%2F%C3%A9%7E*";
    for leaf in [go, java, &go.to_ascii_lowercase().replace("demo.a", "demo.A")] {
        let url = ServiceUrl::from_leaf(leaf).unwrap();
        assert_eq!((url.parameter("note"), url.parameter("d")), (Some("a b+c"), Some("e%/é~*")), "{leaf}");
    }
}

#[test]
fn what_is_no_url_is_refused_by_the_part_that_is_wrong() {
    for (text, field) in [
        ("x", "protocol"),
        ("", "protocol"),
        ("://h:1/demo.A", "protocol"),
        ("tri://:1/demo.A", "host"),
        ("tri:///demo.A", "host"),
        ("tri://h:65536/demo.A", "port"),
        ("tri://h:port/demo.A", "port"),
        ("tri://h:1", "path"),
        ("tri://h:1/?methods=a", "path"),
    ] {
        let error = ServiceUrl::parse(text).expect_err(text);
        assert_eq!(error.field(), field, "{text}: {error}");
    }
    for leaf in ["%", "%zz", "tri%3A%2F%2Fh%2Fdemo.A%3Fa%3D%FF"] {
        assert_eq!(ServiceUrl::from_leaf(leaf).expect_err(leaf).field(), "escape");
    }
}

#[test]
fn what_others_could_not_read_is_never_written() {
    let good = ServiceUrl::new("tri", "10.0.0.7", 1, "demo.Outer$Echo");
    assert!(good.leaf().is_ok());
    for (url, field) in [
        (ServiceUrl { protocol: String::new(), ..good.clone() }, "protocol"),
        (ServiceUrl { host: String::new(), ..good.clone() }, "host"),
        (ServiceUrl { host: "a/b".to_owned(), ..good.clone() }, "host"),
        (ServiceUrl { path: String::new(), ..good.clone() }, "path"),
        (ServiceUrl { path: "demo?A".to_owned(), ..good.clone() }, "path"),
        (good.with("", "x"), "parameters"),
    ] {
        assert_eq!(url.leaf().expect_err(field).field(), field);
    }
}

#[test]
fn the_same_provider_has_the_same_identity_whatever_else_it_says() {
    let one = ServiceUrl::parse("tri://h:1/demo.A?timestamp=1&version=0.0.0&group=").unwrap();
    let other = ServiceUrl::parse("tri://h:1/x?interface=demo.A&timestamp=2").unwrap();
    assert_eq!(one.identity(), other.identity());
    for another in ["dubbo://h:1/demo.A", "tri://h:2/demo.A", "tri://h:1/demo.A?group=g", "tri://h:1/demo.A?version=1"]
    {
        assert_ne!(ServiceUrl::parse(another).unwrap().identity(), one.identity(), "{another}");
    }
}

#[test]
fn a_service_includes_its_own_group_and_version_only() {
    let url = |more: &str| ServiceUrl::parse(&format!("tri://h:1/demo.A?{more}")).unwrap();
    for (service, provider, includes) in [
        ("demo.A", "", true),
        ("demo.A", "version=0.0.0", true),
        ("demo.A", "group=g", false),
        ("g/demo.A", "group=g", true),
        ("g/demo.A", "", false),
        ("f,g/demo.A", "group=g", true),
        ("*/demo.A", "group=g", true),
        ("*/demo.A:*", "version=2", true),
        ("demo.A:1", "version=2", false),
        ("demo.B", "", false),
    ] {
        let service: Service = service.parse().unwrap();
        assert_eq!(service.includes(&url(provider)), includes, "{service} {provider}");
    }
    for wrong in ["", "/demo.A", ":1", "a/b/c"] {
        wrong.parse::<Service>().expect_err(wrong);
    }
}

proptest! {
    #[test]
    fn a_segment_is_read_as_it_was_written(text in ".*") {
        let escaped = escape(&text);
        prop_assert!(escaped.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+%".contains(&byte)));
        prop_assert_eq!(unescape(&escaped), Some(text));
    }

    #[test]
    fn a_url_is_read_as_it_was_written(
        protocol in "[a-z][a-z0-9+.-]{0,8}",
        host in "([a-z0-9.-]{1,20}|[0-9a-f]{1,4}::[0-9a-f]{1,4})",
        port in proptest::option::of(any::<u16>()),
        path in "[A-Za-z$_][A-Za-z0-9.$_/é~*!]{0,30}",
        parameters in proptest::collection::btree_map("(?s).{1,10}", any::<String>(), 0..6),
    ) {
        let url = ServiceUrl { protocol, host, port, path, parameters };
        let leaf = url.leaf().unwrap();
        prop_assert_eq!(ServiceUrl::from_leaf(&leaf), Ok(url));
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>(), leaf in "[a-z:/?&=%A-F0-9+]{0,40}") {
        let _ = (ServiceUrl::parse(&text), ServiceUrl::from_leaf(&leaf));
    }
}
