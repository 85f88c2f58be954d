//! get, put, delete, children, list, status.

use registry_test_servers::Etcd;
use rustix::process::Signal;
use serde_json::json;

use crate::support::{OnEtcd, args, memory, run, run_with_input};

#[test]
fn a_value_comes_back_as_its_bytes_and_nothing_more() {
    let etcd = OnEtcd::new();
    let value = b"\x00\xff\r\n text \xc3".to_vec();
    let put = run_with_input(&mut etcd.command(&["put", "/bytes", "-"]), Some(value.clone()));
    assert_eq!(put.code, 0, "{put:?}");
    assert_eq!(etcd.run(&["get", "/bytes"]).stdout, value);
    let entry = &etcd.objects(&["get", "/bytes"])[0];
    assert_eq!((&entry["key"], &entry["value_base64"]), (&json!("/bytes"), &json!("AP8NCiB0ZXh0IMM=")));
    assert_eq!(etcd.text(&["list", "/bytes", "--values"]), "/bytes\t\\u{0}\\xff\\r\\n text \\xc3\n");
}

#[test]
fn put_prints_the_version_that_get_shows() {
    let etcd = OnEtcd::new();
    let version: u64 = etcd.text(&["put", "/a", "one"]).trim().parse().unwrap();
    let expected = json!({"key": "/a", "value": "one", "version": version, "created": version, "ephemeral": null});
    assert_eq!(etcd.objects(&["get", "/a"]), [expected]);
    let put = etcd.objects(&["put", "/a", "two"]);
    assert!(put[0]["version"].as_u64().unwrap() > version && put[0]["key"] == "/a");
    assert_eq!(etcd.text(&["get", "/a"]), "two");
}

#[test]
fn a_value_that_is_left_out_is_empty_and_one_may_be_negative() {
    let etcd = OnEtcd::new();
    etcd.text(&["put", "/a", "-5"]);
    assert_eq!(etcd.text(&["get", "/a"]), "-5");
    etcd.text(&["put", "/a"]);
    assert_eq!(etcd.text(&["get", "/a"]), "");
}

#[test]
fn a_missing_entry_is_a_no_with_a_line() {
    let etcd = OnEtcd::new();
    let ran = etcd.run(&["get", "/a"]);
    assert_eq!((ran.code, ran.stdout.len()), (1, 0));
    assert_eq!(ran.error(), "get /a: there is no such entry");
    let ran = etcd.run(&["get", "/a", "--output=json"]);
    let expected = json!({
        "kind": "NotFound", "outcome": "NotApplied", "operation": "get", "key": "/a",
        "message": "there is no such entry", "causes": []
    });
    assert_eq!((ran.code, ran.error_object()), (1, expected));
    let ran = run(&mut args(memory(), ["get", "/a"]));
    assert!(ran.code == 1 && ran.error().contains("memory, which ends with each command"), "{ran:?}");
}

#[test]
fn conditional_writes_say_what_they_found() {
    let etcd = OnEtcd::new();
    let version = etcd.text(&["put", "/a", "one", "--if-absent"]);
    let ran = etcd.run(&["put", "/a", "two", "--if-absent"]);
    assert_eq!(ran.code, 1);
    assert!(ran.error().starts_with("put /a: ") && ran.error().contains("there is such an entry"), "{}", ran.error());
    let wrong = (version.trim().parse::<u64>().unwrap() + 1).to_string();
    for command in [&["put", "/a", "two", "--if-version", &wrong][..], &["delete", "/a", "--if-version", &wrong]] {
        let ran = etcd.run(command);
        assert_eq!(ran.code, 1);
        assert!(ran.error().contains(&format!("not at version {wrong}")), "{}", ran.error());
    }
    etcd.text(&["put", "/a", "three", "--if-version", version.trim()]);
    assert_eq!(etcd.text(&["get", "/a"]), "three");
}

#[test]
fn delete_prints_how_many_went() {
    let etcd = OnEtcd::new();
    etcd.text(&["put", "/a/b/c", "x"]);
    assert_eq!(etcd.text(&["delete", "/none"]), "0\n");
    let ran = etcd.run(&["delete", "/a"]);
    assert_eq!(ran.code, 1);
    assert!(ran.error().starts_with("delete /a: "), "{}", ran.error());
    assert_eq!(etcd.text(&["delete", "/a/b/c"]), "1\n");
    assert_eq!(etcd.objects(&["delete", "/a", "--recursive"]), [json!({"key": "/a", "deleted": 2})]);
    assert_eq!(etcd.text(&["list", "/a"]), "");
}

#[test]
fn lists_are_sorted_a_line_each() {
    let etcd = OnEtcd::new();
    for (key, value) in [("/a/c", "3"), ("/a/b", "2\nlines"), ("/ab", "")] {
        etcd.text(&["put", key, value]);
    }
    assert_eq!(etcd.text(&["list", "/a"]), "/a\n/a/b\n/a/c\n");
    assert_eq!(etcd.text(&["list", "/a", "--values"]), "/a\t\n/a/b\t2\\nlines\n/a/c\t3\n");
    let keys: Vec<_> = etcd.objects(&["list", "/a"]).iter().map(|entry| entry["key"].clone()).collect();
    assert_eq!(keys, ["/a", "/a/b", "/a/c"]);
    assert_eq!(etcd.text(&["children", "/a"]), "b\nc\n");
    assert_eq!(etcd.text(&["children", "/"]), "a\nab\n");
    assert_eq!(etcd.objects(&["children", "/a"])[1], json!({"name": "c", "key": "/a/c"}));
    assert_eq!(etcd.run(&["children", "/none"]).code, 1);
    assert_eq!(etcd.run(&["list", "/"]).code, 2);
}

#[test]
fn an_ephemeral_entry_lives_until_ctrl_c_or_sigterm() {
    let etcd = OnEtcd::new();
    for signal in [Signal::INT, Signal::TERM] {
        let holder = etcd.start(&["put", "/up", "yes", "--ephemeral"]);
        let version = holder.line();
        let entry = &etcd.objects(&["get", "/up"])[0];
        assert_eq!(entry["version"].to_string(), version);
        assert!(u64::from_str_radix(entry["ephemeral"].as_str().unwrap(), 16).is_ok(), "{entry}");
        holder.signal(signal);
        let ended = holder.end();
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
        assert_eq!(etcd.run(&["get", "/up"]).code, 1, "it is gone when the command has ended");
    }
}

#[test]
fn an_ephemeral_entry_whose_session_is_lost_ends_the_command_with_3() {
    let etcd = OnEtcd::new();
    let holder = etcd.start(&["put", "/up", "yes", "--ephemeral", "--output", "json"]);
    holder.line();
    let session = etcd.objects(&["get", "/up"])[0]["ephemeral"].as_str().unwrap().to_owned();
    Etcd::shared().unwrap().etcdctl(["lease", "revoke", &session]).unwrap();
    let ended = holder.end();
    assert_eq!((ended.code, ended.error_object()["kind"].clone()), (3, json!("SessionLost")));
}

#[test]
fn status_tells_of_backend_plugin_server_and_session() {
    let etcd = OnEtcd::new();
    let status = &etcd.objects(&["status", "--set", "registry.session-timeout=7s"])[0];
    assert_eq!(status["backend"], "etcd");
    assert!(status["plugin"]["file"].as_str().unwrap().ends_with("libregistry_etcd.so"), "{status}");
    assert!(status["plugin"]["api_version"].as_str().unwrap().starts_with("1."), "{status}");
    let version = Etcd::shared().unwrap().version().unwrap();
    assert!(status["server"].as_str().unwrap().contains(&version), "{status}");
    assert_eq!((&status["session"]["timeout_ms"], &status["session"]["state"]), (&json!(7000), &json!("connected")));
    assert!(status["round_trip_us"].as_f64().unwrap() > 0.0);
    let text = etcd.text(&["status"]);
    for word in ["backend      etcd\n", "state        connected\n", "round trip   "] {
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn the_memory_backend_takes_the_same_commands() {
    assert_eq!(run(&mut args(memory(), ["put", "/a", "x"])).text(), "1\n");
    assert_eq!(run(&mut args(memory(), ["delete", "/a"])).text(), "0\n");
    assert!(run(&mut args(memory(), ["status"])).text().contains("backend      memory\n"));
}
