//! lock.

use rustix::process::Signal;
use serde_json::json;

use crate::support::{On, args, memory, run};

#[test]
fn the_command_sees_its_lock_and_its_code_is_ours() {
    for on in On::each() {
        let script = r#"echo "$REGISTRY_LOCK_KEY $REGISTRY_LOCK_ENTRY $REGISTRY_LOCK_TOKEN"; exit 7"#;
        let ran = on.run(&["lock", "/l", "--", "sh", "-c", script]);
        assert_eq!((ran.code, ran.stderr.as_str()), (7, ""));
        let text = ran.text();
        let words: Vec<_> = text.split_whitespace().collect();
        assert_eq!(words[0], "/l");
        assert!(words[1].starts_with("/l/"), "{words:?}");
        assert!(words[2].parse::<u64>().unwrap() > 0);
        assert_eq!(on.text(&["list", "/l"]), "/l\n", "the queue is empty when the command has ended");
    }
}

#[test]
fn a_held_lock_is_not_acquired_by_try_or_limit() {
    for on in On::each() {
        let holder = on.start(&["lock", "/l", "--", "sh", "-c", "echo held; exec sleep 600"]);
        assert_eq!(holder.line(), "held");
        for limit in [&["--try"][..], &["--timeout", "1s"]] {
            let ran = on.run(&[&["lock", "/l", "--output", "json"], limit, &["--", "echo", "had"]].concat());
            assert_eq!((ran.code, ran.stdout.len(), &ran.error_object()["kind"]), (1, 0, &json!("NotAcquired")));
            let holding = format!("process {}, since 2", holder.id());
            assert!(ran.stderr.contains("held by /l/") && ran.stderr.contains(&holding), "{ran:?}");
        }
        holder.signal(Signal::TERM);
        assert_eq!(holder.end().code, 128 + 15, "the signal was passed on, and the command's end is ours");
        assert_eq!(on.text(&["lock", "/l", "--try", "--", "echo", "had"]), "had\n");
    }
}

#[test]
fn the_next_in_the_queue_gets_the_lock() {
    for on in On::each() {
        let holder = on.start(&["lock", "/l", "--", "sh", "-c", "echo $REGISTRY_LOCK_TOKEN; exec sleep 600"]);
        let first: u64 = holder.line().parse().unwrap();
        let waiter = on.start(&["lock", "/l", "--timeout", "60s", "--", "sh", "-c", "echo $REGISTRY_LOCK_TOKEN"]);
        holder.signal(Signal::INT);
        assert_eq!(holder.end().code, 128 + 2);
        let second: u64 = waiter.line().parse().unwrap();
        assert!(second > first, "tokens grow: {first}, {second}");
        assert_eq!(waiter.end().code, 0);
    }
}

#[test]
fn a_waiter_that_is_interrupted_leaves_the_queue() {
    for on in On::each() {
        let holder = on.start(&["lock", "/l", "--", "sh", "-c", "echo held; exec sleep 600"]);
        holder.line();
        let waiter = on.start(&["lock", "/l", "--", "echo", "had"]);
        crate::support::eventually("the waiter stands in the queue", || {
            on.text(&["children", "/l"]).lines().count() == 2
        });
        waiter.signal(Signal::TERM);
        let ended = waiter.end();
        assert_eq!((ended.code, ended.stdout.len()), (128 + 15, 0));
        assert_eq!(on.text(&["children", "/l"]).lines().count(), 1);
    }
}

#[test]
fn a_lost_lock_ends_the_command_with_75() {
    for on in On::each() {
        let holder =
            on.start(&["lock", "/l", "--output=json", "--", "sh", "-c", "echo $REGISTRY_LOCK_ENTRY; sleep 600"]);
        let entry = holder.line();
        assert_eq!(on.text(&["delete", &entry]), "1\n");
        let ended = holder.end();
        assert_eq!((ended.code, &ended.error_object()["kind"]), (75, &json!("LockLost")));
    }
}

#[test]
fn a_command_is_asked_to_end_before_it_is_killed() {
    // The longer the session, the more time there is.
    let on = On::etcd();
    let script = "trap 'echo told; exit 3' TERM; echo $REGISTRY_LOCK_ENTRY; sleep 600 & wait";
    let holder = on.start(&["lock", "/l", "--set=registry.session-timeout=200s", "--", "sh", "-c", script]);
    on.text(&["delete", &holder.line()]);
    assert_eq!(holder.line(), "told");
    assert_eq!(holder.end().code, 75);
}

#[test]
fn a_command_that_outstays_its_lock_is_killed() {
    for on in On::each() {
        let script = "trap '' TERM; echo $REGISTRY_LOCK_ENTRY; while :; do sleep 0.1; done";
        let holder = on.start(&["lock", "/l", "--", "sh", "-c", script]);
        on.text(&["delete", &holder.line()]);
        assert_eq!(holder.end().code, 75);
    }
}

#[test]
fn a_transaction_can_check_the_lock_that_a_command_holds() {
    for on in On::each() {
        let holder = on.start(&[
            "lock",
            "/l",
            "--",
            "sh",
            "-c",
            "echo $REGISTRY_LOCK_ENTRY $REGISTRY_LOCK_TOKEN; exec sleep 600",
        ]);
        let held = holder.line();
        let (entry, token) = held.split_once(' ').unwrap();
        let txn = json!({"checks": [{"held": entry, "token": token.parse::<u64>().unwrap()}], "operations": [{"put": "/task"}]});
        let (_folder, file) = crate::support::file("txn.json", txn.to_string());
        let file = file.to_str().unwrap();
        assert_eq!(on.run(&["txn", file]).code, 0);
        holder.signal(Signal::TERM);
        holder.end();
        let ran = on.run(&["txn", file]);
        assert_eq!(ran.code, 1);
        assert!(ran.error().contains(&format!("checks[0], {entry} held with token {token}")), "{}", ran.error());
    }
}

#[test]
fn a_command_that_is_not_there_gets_the_shells_codes() {
    let ran = run(&mut args(memory(), ["lock", "/l", "--", "/nonexistent/program"]));
    assert_eq!(ran.code, 127);
    assert!(ran.error().contains("/nonexistent/program"), "{}", ran.error());
    assert_eq!(run(&mut args(memory(), ["lock", "/l", "--", "/etc/passwd"])).code, 126);
    assert_eq!(run(&mut args(memory(), ["lock", "/l"])).code, 2);
}
