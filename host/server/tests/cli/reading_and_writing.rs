//! get, put, delete, children, list, status.

use registry_test_servers::{Etcd, Proxy, ZooKeeper};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{On, Ran, Running, args, eventually, file, memory, run, run_with_input};

#[test]
fn a_value_comes_back_as_its_bytes_and_nothing_more() {
    for on in On::each() {
        let value = b"\x00\xff\r\n text \xc3".to_vec();
        let put = run_with_input(&mut on.command(&["put", "/bytes", "-"]), Some(value.clone()));
        assert_eq!(put.code, 0, "{put:?}");
        assert_eq!(on.run(&["get", "/bytes"]).stdout, value);
        let entry = &on.objects(&["get", "/bytes"])[0];
        assert_eq!((&entry["key"], &entry["value_base64"]), (&json!("/bytes"), &json!("AP8NCiB0ZXh0IMM=")));
        assert_eq!(on.text(&["list", "/bytes", "--values"]), "/bytes\t\\u{0}\\xff\\r\\n text \\xc3\n");
    }
}

#[test]
fn put_prints_the_version_that_get_shows() {
    for on in On::each() {
        let version: u64 = on.text(&["put", "/a", "one"]).trim().parse().unwrap();
        let expected = json!({"key": "/a", "value": "one", "version": version, "created": version, "ephemeral": null});
        assert_eq!(on.objects(&["get", "/a"]), [expected]);
        let put = on.objects(&["put", "/a", "two"]);
        assert!(put[0]["version"].as_u64().unwrap() > version && put[0]["key"] == "/a");
        assert_eq!(on.text(&["get", "/a"]), "two");
    }
}

#[test]
fn a_value_may_be_left_out_or_negative() {
    for on in On::each() {
        on.text(&["put", "/a", "-5"]);
        assert_eq!(on.text(&["get", "/a"]), "-5");
        on.text(&["put", "/a"]);
        assert_eq!(on.text(&["get", "/a"]), "", "standard input is empty");
        on.text(&["put", "/a", "x"]);
        on.text(&["put", "/a", ""]);
        assert_eq!(on.text(&["get", "/a"]), "");
    }
}

#[test]
fn piped_input_is_the_value_when_none_is_given() {
    for on in On::each() {
        let put = run_with_input(&mut on.command(&["put", "/a"]), Some(b"new\n".to_vec()));
        assert_eq!((put.code, put.stderr.as_str()), (0, ""));
        assert_eq!(on.text(&["get", "/a"]), "new\n");
    }
}

#[test]
fn a_missing_entry_is_a_no_with_a_line() {
    for on in On::each() {
        let ran = on.run(&["get", "/a"]);
        assert_eq!((ran.code, ran.stdout.len()), (1, 0));
        assert_eq!(ran.error(), "get /a: there is no such entry");
        let ran = on.run(&["get", "/a", "--output=json"]);
        let expected = json!({
            "kind": "NotFound", "outcome": "NotApplied", "operation": "get", "key": "/a",
            "message": "/a: there is no such entry", "causes": []
        });
        assert_eq!((ran.code, ran.error_object()), (1, expected));
        let ran = run(&mut args(memory(), ["get", "/a"]));
        assert!(ran.code == 1 && ran.error().contains("memory, which ends with each command"), "{ran:?}");
    }
}

#[test]
fn conditional_writes_say_what_they_found() {
    for on in On::each() {
        let version = on.text(&["put", "/a", "one", "--if-absent"]);
        let version = version.trim();
        let ran = on.run(&["put", "/a", "two", "--if-absent"]);
        assert_eq!(ran.code, 1);
        let found = format!("there is such an entry already, at version {version}");
        assert!(ran.error().starts_with("put /a: ") && ran.error().contains(&found), "{}", ran.error());
        let wrong = (version.trim().parse::<u64>().unwrap() + 1).to_string();
        let check = format!(r#"{{"checks": [{{"key": "/a", "version": {wrong}}}], "operations": [{{"put": "/b"}}]}}"#);
        let (_folder, file) = file("txn.json", check);
        for command in [
            &["put", "/a", "two", "--if-version", &wrong][..],
            &["delete", "/a", "--if-version", &wrong],
            &["txn", file.to_str().unwrap()],
        ] {
            let ran = on.run(command);
            assert_eq!(ran.code, 1);
            let found = format!("the entry is at version {version}, not at version {wrong}");
            assert!(ran.error().contains(&found), "{}", ran.error());
        }
        let ran = on.run(&["put", "/none", "x", "--if-version", "5"]);
        assert!(ran.error().contains("there is no such entry, at version 5"), "{}", ran.error());
        on.text(&["put", "/a", "three", "--if-version", version]);
        assert_eq!(on.text(&["get", "/a"]), "three");
    }
}

#[test]
fn delete_prints_how_many_went() {
    for on in On::each() {
        on.text(&["put", "/a/b/c", "x"]);
        assert_eq!(on.text(&["delete", "/none"]), "0\n");
        let ran = on.run(&["delete", "/a"]);
        assert_eq!(ran.code, 1);
        assert!(ran.error().starts_with("delete /a: "), "{}", ran.error());
        assert_eq!(on.text(&["delete", "/a/b/c"]), "1\n");
        assert_eq!(on.objects(&["delete", "/a", "--recursive"]), [json!({"key": "/a", "deleted": 2})]);
        assert_eq!(on.text(&["list", "/a"]), "");
    }
}

#[test]
fn lists_are_sorted_a_line_each() {
    for on in On::each() {
        for (key, value) in [("/a/c", "3"), ("/a/b", "2\nlines"), ("/ab", "")] {
            on.text(&["put", key, value]);
        }
        assert_eq!(on.text(&["list", "/a"]), "/a\n/a/b\n/a/c\n");
        assert_eq!(on.text(&["list", "/a", "--values"]), "/a\t\n/a/b\t2\\nlines\n/a/c\t3\n");
        let keys: Vec<_> = on.objects(&["list", "/a"]).iter().map(|entry| entry["key"].clone()).collect();
        assert_eq!(keys, ["/a", "/a/b", "/a/c"]);
        assert_eq!(on.text(&["children", "/a"]), "b\nc\n");
        assert_eq!(on.text(&["children", "/"]), "a\nab\n");
        assert_eq!(on.objects(&["children", "/a"])[1], json!({"name": "c", "key": "/a/c"}));
        assert_eq!(on.run(&["children", "/none"]).code, 1);
    }
}

#[test]
fn an_ephemeral_entry_lives_until_a_signal_ends_the_command() {
    for on in On::each() {
        for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
            let holder = on.start(&["put", "/up", "yes", "--ephemeral"]);
            let version = holder.line();
            let entry = &on.objects(&["get", "/up"])[0];
            assert_eq!(entry["version"].to_string(), version);
            assert!(u64::from_str_radix(entry["ephemeral"].as_str().unwrap(), 16).is_ok(), "{entry}");
            holder.signal(signal);
            let ended = holder.end();
            assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
            assert_eq!(on.run(&["get", "/up"]).code, 1, "it is gone when the command has ended");
        }
    }
}

#[test]
fn an_ephemeral_entrys_lost_session_ends_with_3() {
    let put = ["put", "/up", "yes", "--ephemeral", "--output", "json", "--set", "registry.session-timeout=2s"];
    let etcd = On::etcd();
    let revoked = etcd.start(&put);
    revoked.line();
    let session = etcd.objects(&["get", "/up"])[0]["ephemeral"].as_str().unwrap().to_owned();
    Etcd::shared().unwrap().etcdctl(["lease", "revoke", &session]).unwrap();
    let proxy = Proxy::to(ZooKeeper::shared().unwrap().address()).unwrap();
    let cut_off = On::zookeeper_at(proxy.address()).start(&put);
    cut_off.line();
    proxy.cut();
    for ended in [revoked.end(), cut_off.end()] {
        assert_eq!((ended.code, ended.error_object()["kind"].clone()), (3, json!("SessionLost")));
    }
}

#[test]
fn the_strategy_wait_recreates_an_ephemeral_entry() {
    let options = ["--set", "registry.session-timeout=2s", "--set", "registry.disconnect-strategy=wait"];
    let put = [&["put", "/up", "yes", "--ephemeral"], &options[..]].concat();
    for ((on, proxy), direct) in On::each_behind_a_proxy().into_iter().zip(On::each()) {
        let holder = on.start(&put);
        let first: u64 = holder.line().parse().unwrap();
        proxy.cut();
        let direct = on.at(direct.address());
        eventually("the entry goes with its session", || direct.run(&["get", "/up"]).code == 1);
        proxy.heal();
        assert!(holder.line().parse::<u64>().unwrap() > first);
        assert_eq!(direct.text(&["get", "/up"]), "yes");
        holder.signal(Signal::TERM);
        assert_eq!(holder.end().code, 0);
    }
}

#[test]
fn a_taken_or_deleted_ephemeral_entry_ends_with_76() {
    let put = ["put", "/up", "mine", "--ephemeral", "--output=json", "--set=registry.session-timeout=2s"];
    for on in On::each() {
        let holders = ["/replaced", "/deleted"].map(|key| {
            let holder = on.start(&[&["put", key], &put[2..]].concat());
            holder.line();
            holder
        });
        let version = on.text(&["put", "/replaced", "theirs"]);
        on.text(&["delete", "/deleted"]);
        let [replaced, deleted] = holders.map(Running::end);
        assert_eq!((replaced.code, deleted.code), (76, 76));
        let told = |ran: &Ran| ran.stderr.lines().last().unwrap().to_owned();
        assert!(told(&replaced).contains(&format!("in its place, at version {}, persistent", version.trim())));
        assert!(told(&deleted).contains("deleted by somebody else"), "{deleted:?}");
        assert_eq!(on.text(&["get", "/replaced"]), "theirs");
    }
}

#[test]
fn status_tells_of_backend_plugin_server_and_session() {
    let versions = [Etcd::shared().unwrap().version().unwrap(), ZooKeeper::shared().unwrap().version().unwrap()];
    let forms = ["etcd", "zookeeper"].into_iter().zip(versions).zip(On::each()).map(|((backend, version), on)| {
        let status = on.objects(&["status", "--set", "registry.session-timeout=7s"]).remove(0);
        assert_eq!(status["backend"], backend);
        let file = status["plugin"]["file"].as_str().unwrap();
        assert!(file.ends_with(&format!("libregistry_{backend}.so")), "{status}");
        assert!(status["plugin"]["api_version"].as_str().unwrap().starts_with("1."), "{status}");
        assert!(status["server"].as_str().unwrap().contains(&version), "{status}");
        let session = &status["session"];
        assert_eq!((&session["timeout_ms"], &session["state"]), (&json!(7000), &json!("connected")));
        assert!(status["round_trip_us"].as_f64().unwrap() > 0.0);
        let text = on.text(&["status"]);
        for word in [&format!("backend      {backend}\n"), "state        connected\n", "round trip   "] {
            assert!(text.contains(word), "{text}");
        }
        let names = |object: &Value| object.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        [names(&status), names(&status["plugin"]), names(session)]
    });
    let forms: Vec<_> = forms.collect();
    assert_eq!(forms[0], forms[1], "the same is told of each");
}

#[test]
fn the_memory_backend_takes_the_same_commands() {
    assert_eq!(run(&mut args(memory(), ["put", "/a", "x"])).text(), "1\n");
    assert_eq!(run(&mut args(memory(), ["delete", "/a"])).text(), "0\n");
    assert!(run(&mut args(memory(), ["status"])).text().contains("backend      memory\n"));
}
