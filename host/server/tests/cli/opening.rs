//! Servers that don't answer: by when a command does, and what it says meanwhile.

use std::time::Instant;

use registry_test_servers::Proxy;
use serde_json::{Value, json};

use crate::support::{LONG, On, Ran, run};

/// Servers that take connections and say nothing, with more patience for them than a test has.
fn silent() -> [(On, Proxy); 2] {
    let silent = On::each_behind_a_proxy();
    silent.iter().for_each(|(_, proxy)| proxy.silent());
    silent
}

/// What is run with a limit of so long, which must be what ends it.
fn limited(on: &On, arguments: &[&str]) -> Ran {
    let patience = match on.backend() {
        "etcd" => "--set=registry.etcd.connection-timeout=1h",
        _ => "--set=registry.zookeeper.block-until-connected=1h",
    };
    let begun = Instant::now();
    let ran = run(&mut on.command(&[&[patience, "--set=registry.operation-timeout=1h"], arguments].concat()));
    assert!(begun.elapsed() < LONG, "the limit ends it");
    ran
}

#[test]
fn opening_has_a_limit_and_says_what_is_tried() {
    for (on, proxy) in silent() {
        let address = proxy.address().to_string();
        for arguments in [&["get", "/a"][..], &["standalone", "--no-page", "--no-tasks", "--for", "1s"]] {
            let ran = limited(&on, &[&["--timeout", "2s"], arguments].concat());
            assert_eq!((ran.code, ran.stdout.len()), (3, 0), "{ran:?}");
            let said =
                format!("registry: no session with {} after 1s: {address}: no answer yet; still trying", on.backend());
            assert_eq!(ran.opening, [said]);
            assert!(ran.error().contains(&address), "{}", ran.error());
        }
        let ran = limited(&on, &["lock", "/l", "--output", "json", "--timeout", "2s", "--", "echo", "had"]);
        assert_eq!((ran.code, ran.stdout.len()), (3, 0), "{ran:?}");
        let progress: Value = serde_json::from_str(&ran.opening[0]).unwrap();
        assert_eq!(progress["opening"]["servers"], json!([{"server": address, "failure": null}]));
        assert_eq!(ran.error_object()["outcome"], json!("NotApplied"));
    }
}
