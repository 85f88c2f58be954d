//! What is wrong is said in one line, with the code for it.

use registry_test_servers::Etcd;
use serde_json::json;

use crate::support::{On, args, bare, file, memory, plugin_dir, run, run_with_input};

#[test]
fn wrong_usage_is_one_line_and_2() {
    for (arguments, word) in [
        (&["get"][..], "<KEY>; see registry get --help"),
        (&["bogus"], "'bogus'"),
        (&["get", "/a", "--bogus"], "'--bogus'"),
        (&["watch", "/a", "--scope", "tree"], "subtree"),
        (&["watch", "/a", "--count", "0"], "--count"),
        (&["put", "/a", "x", "--if-absent", "--if-version", "1"], "--if-version"),
        (&["lock", "/a", "--timeout", "30", "--", "true"], "60s"),
        (&["standalone", "--servers", "1", "--kill-after", "1s"], "--servers 2"),
        (&["standalone", "--servers", "1"], "--no-tasks"),
        (&["--output", "xml", "get", "/a"], "json"),
    ] {
        let ran = run(&mut args(memory(), arguments));
        assert_eq!((ran.code, ran.stdout.len()), (2, 0), "{arguments:?}");
        assert!(ran.error().contains(word), "{arguments:?}: {}", ran.error());
    }
    let ran = run(&mut args(memory(), ["--output", "json", "bogus"]));
    assert_eq!((ran.code, &ran.error_object()["kind"]), (2, &json!("Usage")));
}

#[test]
fn bad_keys_and_values_are_refused_before_connecting() {
    let unreachable = ["--set", "registry.type=etcd", "--set", "registry.etcd.endpoints=127.0.0.1:1"];
    for arguments in [&["get", "a"][..], &["put", "/a//b", "x"], &["watch", "/a/"], &["lock", "", "--", "true"]] {
        let ran = run(args(memory(), unreachable).arg("--output=json").args(arguments));
        assert_eq!((ran.code, &ran.error_object()["kind"]), (2, &json!("InvalidKey")), "{arguments:?}");
    }
    let ran = run_with_input(args(memory(), unreachable).args(["put", "/a", "-"]), Some(vec![b'x'; 1_000_001]));
    assert_eq!(ran.code, 2);
    assert!(ran.error().contains("1000000"), "{}", ran.error());
}

#[test]
fn a_value_at_the_limit_is_written() {
    for on in On::each() {
        let put = run_with_input(&mut on.command(&["put", "/a", "-"]), Some(vec![b'x'; 1_000_000]));
        assert_eq!(put.code, 0, "{put:?}");
        assert_eq!(on.run(&["get", "/a"]).stdout.len(), 1_000_000);
    }
}

#[test]
fn wrong_configuration_names_the_full_key() {
    for (set, words) in [
        ("registry.typ=etcd", &["registry.typ", "did you mean registry.type?"][..]),
        ("registry.etcd.endpionts=a:1", &["registry.etcd.endpionts", "did you mean registry.etcd.endpoints?"]),
        ("registry.etcd.retry-delay=5", &["registry.etcd.retry-delay", "\"5\"", "60s"]),
        ("registry.operation-timeout=soon", &["registry.operation-timeout", "\"soon\"", "60s"]),
        ("registry.namespace=/a", &["registry.namespace", "\"/a\""]),
        ("nonsense", &["KEY=VALUE"]),
    ] {
        let ran = run(&mut args(memory(), ["--set", "registry.type=etcd", "--set", set, "get", "/a"]));
        assert_eq!(ran.code, 2, "{set}: {ran:?}");
        for word in words {
            assert!(ran.error().contains(word), "{set}: {}", ran.error());
        }
    }
    let (_folder, path) = file("r.yaml", "registry:\n  etcd:\n   - oops: [\n");
    let ran = run(args(memory(), ["get", "/a"]).arg("--config").arg(&path));
    assert_eq!(ran.code, 2);
    assert!(ran.error().contains("r.yaml"), "{}", ran.error());
    let ran = run(&mut args(memory(), ["get", "/a", "--config", "/nonexistent.yaml"]));
    assert_eq!(ran.code, 2);
    assert!(ran.error().contains("/nonexistent.yaml: can't be read"), "{}", ran.error());
}

#[test]
fn an_unknown_type_lists_what_was_found_and_where() {
    let ran = run(&mut args(memory(), ["--set", "registry.type=zookeper", "get", "/a"]));
    assert_eq!(ran.code, 4);
    for word in ["'zookeper'", "etcd (", "memory (", &plugin_dir().display().to_string()] {
        assert!(ran.error().contains(word), "{word}: {}", ran.error());
    }
    let missing = "/nonexistent/plugins";
    let ran =
        run(&mut args(bare(), ["--set", &format!("registry.plugin-dirs={missing}"), "get", "/a", "--output=json"]));
    assert_eq!((ran.code, &ran.error_object()["kind"]), (4, &json!("PluginRejected")));
    assert!(ran.error_object()["message"].as_str().unwrap().contains("/nonexistent/plugins (missing)"), "{ran:?}");
}

#[test]
fn an_unreachable_server_fails_within_the_connection_timeout() {
    // At the one nobody listens; the other takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_endpoint = silent.local_addr().unwrap().to_string();
    for (plugin, servers, limit, silence) in [
        ("etcd", "endpoints", "connection-timeout", "no answer within 1s"),
        ("zookeeper", "connect-string", "block-until-connected", "stays silent"),
    ] {
        for (endpoint, words) in [("127.0.0.1:1", "Connection refused"), (&silent_endpoint, silence)] {
            let endpoints = format!("--set=registry.{plugin}.{servers}={endpoint}");
            let limit = format!("--set=registry.{plugin}.{limit}=1s");
            let options = [&format!("--set=registry.type={plugin}"), &endpoints, &limit];
            let ran = run(args(memory(), options).args(["get", "/a"]));
            assert_eq!(ran.code, 3, "{ran:?}");
            assert!(ran.error().contains(endpoint) && ran.error().contains(words), "{}", ran.error());
        }
    }
}

#[test]
fn a_wrong_password_is_3_and_never_shown() {
    let etcd = Etcd::builder().auth("me", "right").start().unwrap();
    let endpoint = format!("--set=registry.etcd.endpoints={}", etcd.endpoint());
    let login = |password: &str| {
        let password = format!("--set=registry.etcd.password={password}");
        let options = ["--set=registry.type=etcd", &endpoint, "--set=registry.etcd.user=me", &password];
        run(&mut args(memory(), [&options[..], &["put", "/a", "x", "-vvv"]].concat()))
    };
    let wrong = login("hunter2");
    assert_eq!(wrong.code, 3, "{wrong:?}");
    assert!(!wrong.stderr.contains("hunter2"), "{wrong:?}");
    let right = login("right");
    assert_eq!(right.code, 0, "{right:?}");
    // Variables that are there for something else count, too: when they are the cause they are named.
    let mut command = args(memory(), ["--set=registry.type=etcd", &endpoint, "get", "/a"]);
    let other = run(command.env("REGISTRY_USER", "somebody").env("REGISTRY_PASSWORD", "hunter2"));
    assert_eq!(other.code, 3, "{other:?}");
    assert!(other.error().contains("environment variable REGISTRY_USER counts as registry.etcd.user"), "{other:?}");
    assert!(!other.stderr.contains("hunter2"), "{other:?}");
}

#[test]
fn the_plugins_log_lines_appear() {
    for (plugin, on) in ["etcd", "zookeeper"].into_iter().zip(On::each()) {
        let quiet = on.run(&["get", "/a"]);
        assert_eq!(quiet.error(), "get /a: there is no such entry");
        let ran = run(on.command(&["status"]).env("RUST_LOG", "registry_plugin=trace"));
        assert_eq!(ran.code, 0);
        let told = |line: &str| line.contains("registry_plugin") && line.contains(&format!("registry_{plugin}"));
        assert!(ran.stderr.lines().any(told), "{ran:?}");
    }
}
