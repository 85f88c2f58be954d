//! servers.

use rustix::process::Signal;
use serde_json::json;

use crate::support::On;

const WORKER: &str = r#"{"startupTime":1700000000000,"reportTime":1700000010000,"cpuUsage":0.25,"memoryUsage":0.5,"loadAverage":1.5,"processId":7,"serverStatus":2}"#;

/// The lines of the table, each with one space where there are more.
fn table(on: &On) -> Vec<String> {
    let text = on.text(&["servers"]);
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn servers_are_shown_with_heartbeats_and_dead_marks() {
    for on in On::each() {
        assert_eq!(table(&on), ["ROLE GROUP ADDRESS STATUS CPU MEMORY LOAD BEAT UP PROCESS REASON"]);
        let put = |key: &str, value: &str| {
            let put = on.start(&["put", key, value, "--ephemeral"]);
            put.line();
            put
        };
        let _servers = [
            put("/nodes/master/m:1", "{}"),
            put("/nodes/worker/gpu/w:1", WORKER),
            put("/nodes/worker/old:1", "0.25,0.5,1.0,7.5,8.0,0.3,1700000000000,1700000010000,0,4711"),
            put("/nodes/worker/gpu/x:1", "not a heartbeat"),
        ];
        let lines = table(&on);
        assert_eq!(lines.len(), 5, "{lines:?}");
        assert_eq!(lines[1], "master - m:1 normal 0% 0% 0.00 ? ? 0");
        assert!(lines[2].starts_with("worker gpu w:1 busy 25% 50% 1.50 ") && lines[2].ends_with(" 7"), "{lines:?}");
        assert!(
            lines[3].starts_with("worker gpu x:1 unreadable ? ? ? ? ? ? the heartbeat is not JSON and has 1 fields"),
            "{lines:?}"
        );
        assert!(lines[4].starts_with("worker - old:1 normal 25% 50% 1.00 "), "{lines:?}");

        assert_eq!(on.text(&["servers", "mark-dead", "w:1"]), "worker w:1 is marked as dead\n");
        assert_eq!(on.text(&["get", "/dead-servers/worker_w:1"]), "worker_w:1");
        on.text(&["servers", "mark-dead", "gone:1", "--role", "master"]);
        let objects = on.objects(&["servers"]);
        let worker = &objects[1];
        assert_eq!(
            (&worker["role"], &worker["group"], &worker["address"], &worker["status"], &worker["dead_mark"]),
            (&json!("worker"), &json!("gpu"), &json!("w:1"), &json!("busy"), &json!(true))
        );
        assert_eq!((&worker["heartbeat"]["cpuUsage"], &worker["reason"]), (&json!(0.25), &json!(null)));
        assert!(objects[2]["reason"].as_str().unwrap().contains("1 fields"), "{objects:?}");
        let gone = json!({
            "role": "master", "group": null, "address": "gone:1", "status": "gone", "reason": null, "dead_mark": true,
            "age_ms": null, "heartbeat": null
        });
        assert_eq!(objects[4], gone);
    }
}

#[test]
fn servers_of_old_releases_are_shown_with_unmeasured_values() {
    // Its clock is far ahead of ours.
    const AHEAD: &str = "0.5,-1.0,-1.0,7.5,8.0,0.3,1700000000000,7000000000000,0,4711,37,100,0";
    let on = On::etcd();
    let put = |key: &str, value: &str| {
        let put = on.start(&["put", key, value, "--ephemeral"]);
        put.line();
        put
    };
    let _servers = [put("/nodes/worker/gpu/a:1", AHEAD), put("/nodes/worker/gpu/b:1", "")];
    let lines = table(&on);
    assert!(lines[1].starts_with("worker gpu a:1 normal 50% - - ") && lines[1].contains("s ahead "), "{lines:?}");
    assert!(lines[2].starts_with("worker gpu b:1 starting ? ? ? ? ? ? no heartbeat yet"), "{lines:?}");
    let objects = on.objects(&["servers"]);
    let (said, ahead) = (&objects[0]["heartbeat"], objects[0]["age_ms"].as_i64().unwrap());
    assert_eq!(
        (&said["memoryUsage"], &said["loadAverage"], &said["cpuUsage"]),
        (&json!(null), &json!(null), &json!(0.5))
    );
    assert!(ahead < 0, "{ahead}");
    assert_eq!((&objects[1]["status"], &objects[1]["reason"]), (&json!("starting"), &json!("no heartbeat yet")));
}

#[test]
fn a_server_that_nobody_knows_is_not_marked() {
    for on in On::each() {
        let ran = on.run(&["servers", "mark-dead", "nobody:1"]);
        assert_eq!(ran.code, 1);
        assert!(ran.error().contains("no server is registered at nobody:1; --role"), "{ran:?}");
        let ran = on.run(&["servers", "mark-dead", "nobody"]);
        assert_eq!(ran.code, 2);
        assert!(ran.error().contains("accepted: host:port"), "{ran:?}");
    }
}

#[test]
fn an_abnormal_server_is_shown_with_the_reason() {
    let beat =
        |more: &str| format!(r#"{{"startupTime":1,"processId":7,"maxCpuloadAvg":4.0,"reservedMemory":0.3,{more}}}"#);
    for on in On::each() {
        let put = |key: &str, value: &str| {
            let put = on.start(&["put", key, value, "--ephemeral"]);
            put.line();
            put
        };
        let _servers = [
            put("/nodes/master/m:1", &beat(r#""loadAverage":9.1,"availablePhysicalMemorySize":0.2"#)),
            put(
                "/nodes/worker/a/w:1",
                &beat(r#""workerWaitingTaskCount":9,"workerExecThreadCount":4,"serverStatus":2"#),
            ),
        ];
        let lines = table(&on);
        assert!(lines[1].starts_with("master - m:1 abnormal 0% "), "{lines:?}");
        assert!(lines[1].ends_with(" 7 load 9.1 > 4, memory 0.2 GB < 0.3"), "{lines:?}");
        assert!(lines[2].starts_with("worker a w:1 busy 0% "), "{lines:?}");
        assert!(lines[2].ends_with(" 7 9 waiting tasks > 4"), "{lines:?}");
        assert_eq!(on.objects(&["servers"])[0]["reason"], "load 9.1 > 4, memory 0.2 GB < 0.3");
    }
}

#[test]
fn dead_servers_are_forgotten_and_live_ones_refused() {
    for on in On::each() {
        let lives = on.start(&["put", "/nodes/worker/gpu/w:1", WORKER, "--ephemeral"]);
        lives.line();
        let session = on.start(&["put", "/cluster/sessions/master_m:1", "1-7", "--ephemeral"]);
        session.line();
        let record = |role: &str, address: &str| {
            let key = format!("/cluster/lives/{role}_{address}");
            on.text(&[
                "put",
                &format!("{key}/1-7"),
                &format!(r#"{{"role":"{role}","address":"{address}","keys":[],"startupTime":1,"processId":7}}"#),
            ]);
        };
        for (role, address) in [("worker", "w:1"), ("worker", "w:2"), ("master", "w:2"), ("master", "m:1")] {
            on.text(&["servers", "mark-dead", address, "--role", role]);
            record(role, address);
        }
        let ran = on.run(&["servers", "forget", "w:1"]);
        assert_eq!(ran.code, 1);
        assert!(ran.error().contains("the worker w:1 lives: it is registered in the group gpu"), "{ran:?}");
        let ran = on.run(&["servers", "forget", "m:1"]);
        assert!(ran.code == 1 && ran.error().contains("the master m:1 lives: its session "), "{ran:?}");
        assert_eq!(
            on.text(&["servers", "forget", "w:2", "--role=worker"]),
            "worker w:2 is forgotten: a dead mark and the record of a life
"
        );
        let ran = on.run(&["servers", "forget", "w:2", "--role=worker"]);
        assert!(ran.code == 1 && ran.error().contains("nothing is left of a server at w:2"), "{ran:?}");
        let all = on.objects(&["servers", "forget", "--all-gone"]);
        assert_eq!(all, [json!({"role": "master", "address": "w:2", "dead_mark": true, "lives": 1})]);
        assert_eq!(
            on.text(&["children", "/dead-servers"]),
            "master_m:1
worker_w:1
"
        );
        assert_eq!(
            on.text(&["children", "/cluster/lives"]),
            "master_m:1
worker_w:1
"
        );
        session.signal(Signal::INT);
        assert_eq!(session.end().code, 0);
        assert_eq!(
            on.text(&["servers", "forget", "--all-gone"]),
            "master m:1 is forgotten: a dead mark and the record of a life
"
        );
    }
    for wrong in [&["servers", "forget"][..], &["servers", "forget", "a:1", "--all-gone"], &["servers", "forget", "a"]]
    {
        assert_eq!(On::etcd().run(wrong).code, 2, "{wrong:?}");
    }
}

#[test]
fn a_watch_tells_who_joins_beats_leaves_and_is_marked() {
    for on in On::each() {
        let watch = on.start(&["servers", "--watch"]);
        let server = on.start(&["put", "/nodes/worker/gpu/w:1", WORKER, "--ephemeral"]);
        assert!(watch.line().starts_with("joined\tworker\tgpu\tw:1\tbusy\t25%\t50%\t1.50\t"));
        on.text(&["servers", "mark-dead", "w:1"]);
        assert!(watch.line().starts_with("marked\tworker\t-\tw:1\tgone, marked dead\t"));
        server.signal(Signal::INT);
        assert_eq!(server.end().code, 0);
        assert!(watch.line().starts_with("left\tworker\tgpu\tw:1\tbusy, marked dead\t"));
        watch.signal(Signal::INT);
        let ended = watch.end();
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    }
}
