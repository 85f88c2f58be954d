//! watch.

use std::io::Read as _;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::json;

use crate::support::{On, Running, eventually};

#[test]
fn a_watch_tells_state_then_synced_then_changes() {
    for on in On::each() {
        on.text(&["put", "/a/b", "one"]);
        let watch = on.start(&["watch", "/a"]);
        assert!(watch.line().starts_with("put\t/a\t"));
        assert!(watch.line().ends_with("\tone"));
        assert_eq!(watch.line(), "synced");
        let version = on.text(&["put", "/a/b", "two\nlines"]);
        // The line is there although the watch goes on.
        assert_eq!(watch.line(), format!("put\t/a/b\t{}\ttwo\\nlines", version.trim()));
        on.text(&["delete", "/a/b"]);
        assert_eq!(watch.line(), format!("delete\t/a/b\t{}\ttwo\\nlines", version.trim()));
        watch.signal(Signal::INT);
        let ended = watch.end();
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    }
}

#[test]
fn events_are_objects_of_the_documented_form() {
    for on in On::each() {
        let watch = on.start(&["watch", "/a", "--scope", "node", "--output", "json", "--count", "3"]);
        assert_eq!(watch.line(), r#"{"event":"synced"}"#);
        let first: u64 = on.text(&["put", "/a", "one"]).trim().parse().unwrap();
        let second: u64 = on.text(&["put", "/a", "two"]).trim().parse().unwrap();
        on.text(&["put", "/a/b", "not of the scope"]);
        on.text(&["delete", "/a", "--recursive"]);
        let told = watch.end();
        assert_eq!(told.code, 0);
        let told: Vec<serde_json::Value> =
            told.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let entry = |value, version| json!({"key": "/a", "value": value, "version": version, "created": first, "ephemeral": null});
        let put = |new: bool, entry: serde_json::Value| {
            let mut put = entry;
            put["event"] = json!("put");
            put["new"] = json!(new);
            put
        };
        let delete = json!({"event": "delete", "key": "/a", "last": entry("two", second)});
        assert_eq!(told, [put(true, entry("one", first)), put(false, entry("two", second)), delete]);
    }
}

#[test]
fn until_synced_ends_with_what_is_there() {
    for on in On::each() {
        on.text(&["put", "/a/b", "x"]);
        let told = on.text(&["watch", "/a", "--scope", "children", "--until-synced"]);
        let lines: Vec<_> = told.lines().collect();
        assert!(lines.len() == 2 && lines[0].starts_with("put\t/a/b\t") && lines[1] == "synced", "{told}");
    }
}

#[test]
fn a_count_is_of_puts_and_deletes() {
    for on in On::each() {
        on.text(&["put", "/a/b", "x"]);
        let watch = on.start(&["watch", "/a", "--count", "3"]);
        watch.line_where(|line| line == "synced");
        on.text(&["delete", "/a/b"]);
        assert!(watch.line().starts_with("delete\t/a/b\t"));
        assert_eq!(watch.end().code, 0);
    }
}

#[test]
fn a_reader_that_goes_away_ends_a_program_quietly() {
    for on in On::each() {
        on.text(&["put", "/a/b", "x"]);
        let mut watch = on.command(&["watch", "/a"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0];
        watch.stdout.take().unwrap().read_exact(&mut first).unwrap();
        // The pipe has no reader any more, and the next event finds out.
        on.text(&["put", "/a/b", "y"]);
        eventually("the watch ends", || watch.try_wait().unwrap().is_some());
        let ended = watch.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), ended.stderr.len()), (Some(0), 0), "{ended:?}");
    }
}

#[test]
fn a_stuck_reader_does_not_hinder_ending() {
    for on in On::each() {
        let big = "x".repeat(100_000);
        let mut watch = on.command(&["watch", "/big"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        // More than a pipe holds, twice over.
        for _ in 0..3 {
            on.text(&["put", "/big", &big]);
        }
        rustix::process::kill_process(rustix::process::Pid::from_child(&watch), Signal::TERM).unwrap();
        eventually("the watch ends", || watch.try_wait().unwrap().is_some());
        drop(watch.stdout.take());
    }
}

#[test]
fn a_watch_goes_on_in_another_process_for_ephemerals() {
    for on in On::each() {
        let watch = on.start(&["watch", "/up", "--output", "json"]);
        watch.line();
        let holder: Running = on.start(&["put", "/up", "yes", "--ephemeral"]);
        assert!(watch.line().contains(r#""new":true"#));
        holder.signal(Signal::TERM);
        assert!(watch.line().starts_with(r#"{"event":"delete""#));
    }
}
