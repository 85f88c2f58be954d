//! standalone.

use std::collections::BTreeSet;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{On, Running, args, memory, run};

/// The next change that is told.
fn change(running: &Running) -> (String, String, Value) {
    let line = running.line();
    let change: Value = serde_json::from_str(&line).unwrap();
    let word = |name: &str| change[name].as_str().unwrap_or_default().to_owned();
    (word("event"), word("address"), change)
}

/// Waits until so many have joined; gives their addresses.
fn joined(running: &Running, count: usize) -> BTreeSet<String> {
    let joined = (0..count).map(|_| match change(running) {
        (event, address, _) if event == "joined" => address,
        other => panic!("expected one to join: {other:?}"),
    });
    let joined: BTreeSet<_> = joined.collect();
    assert_eq!(joined.len(), count);
    joined
}

#[test]
fn three_servers_find_each_other_on_memory_and_leave_together() {
    let running = Running::start(&mut args(memory(), ["standalone"]));
    for there in 1..=3 {
        let line = running.line();
        assert!(line.contains("joined") && line.ends_with(&format!("{there} there")), "{line}");
    }
    running.signal(Signal::INT);
    let ended = running.end();
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert!(ended.text().ends_with("closed     3 sessions, their entries are gone\n"), "{ended:?}");
}

#[test]
fn an_abandoned_server_is_seen_to_go_when_its_session_has_timed_out() {
    let arguments = ["standalone", "--kill-after=500ms", "--set=registry.session-timeout=2s", "--output=json"];
    let [etcd, zookeeper] = On::each().map(|on| on.command(&arguments));
    for mut command in [args(memory(), arguments), etcd, zookeeper] {
        let running = Running::start(&mut command);
        joined(&running, 3);
        let (event, address, abandoned) = change(&running);
        assert_eq!(event, "abandoned");
        let (event, gone, left) = change(&running);
        assert_eq!((event.as_str(), gone, &left["members"]), ("left", address, &Value::from(2)));
        // The session was last heard of up to a third of its timeout before.
        let waited = left["after_ms"].as_u64().unwrap() - abandoned["after_ms"].as_u64().unwrap();
        assert!(waited >= 1000, "{waited} ms are no session timeout");
        running.signal(Signal::TERM);
        assert_eq!(running.end().code, 0);
    }
}

#[test]
fn servers_report_their_figures_every_second() {
    for on in On::each() {
        let running = on.start(&["standalone", "--servers", "1", "--output", "json"]);
        let (_, address, _) = change(&running);
        let key = format!("/nodes/worker/default/{address}");
        let watch = on.start(&["watch", &key, "--scope=node", "--count=3", "--output=json"]);
        let mut versions = Vec::new();
        while versions.len() < 3 {
            let event: Value = serde_json::from_str(&watch.line()).unwrap();
            if event["event"] == "put" {
                assert!(event["ephemeral"].is_string(), "{event}");
                let report: Value = serde_json::from_str(event["value"].as_str().unwrap()).unwrap();
                assert_eq!(report["address"], address);
                for figure in ["pid", "cpu_percent", "memory_bytes", "load_1m"] {
                    assert!(report[figure].is_number(), "{figure}: {report}");
                }
                assert!(report["started"].is_string() && report["reported"].is_string(), "{report}");
                versions.push(event["version"].as_u64().unwrap());
            }
        }
        assert!(versions.is_sorted(), "{versions:?}");
        running.signal(Signal::TERM);
        assert_eq!(running.end().code, 0);
        assert_eq!(on.run(&["get", &key]).code, 1, "the entry is gone when the program has ended");
    }
}

#[test]
fn two_processes_see_each_others_servers() {
    for on in On::each() {
        let one = on.start(&["standalone", "--servers", "2", "--output", "json"]);
        let mut first = joined(&one, 2);
        let two = on.start(&["standalone", "--servers", "2", "--output", "json"]);
        let all = joined(&two, 4);
        let second = joined(&one, 2);
        first.extend(second.iter().cloned());
        assert_eq!(first, all);
        two.signal(Signal::INT);
        assert_eq!(two.end().code, 0);
        let gone: BTreeSet<_> = (0..2)
            .map(|_| change(&one))
            .map(|(event, address, _)| {
                assert_eq!(event, "left");
                address
            })
            .collect();
        assert_eq!(gone, second);
        one.signal(Signal::INT);
        assert_eq!(one.end().code, 0);
    }
}

#[test]
fn it_ends_by_itself_after_the_time_it_is_given() {
    let ran = run(&mut args(memory(), ["standalone", "--servers", "2", "--for", "300ms"]));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(ran.text().lines().last().unwrap().contains("closed     2 sessions"), "{ran:?}");
}
