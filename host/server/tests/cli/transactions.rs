//! txn.

use serde_json::json;

use crate::support::{On, args, file, memory, run, run_with_input};

#[test]
fn a_transaction_prints_a_line_for_each_operation() {
    for on in On::each() {
        on.text(&["put", "/old/entry", "x"]);
        let version: u64 = on.text(&["put", "/c", "x"]).trim().parse().unwrap();
        let txn = json!({
            "checks": [{"key": "/a", "absent": true}, {"key": "/old", "present": true}, {"key": "/c", "version": version}],
            "operations": [{"put": "/a", "value": "x", "ephemeral": false}, {"delete": "/old/entry"}, {"delete": "/none"}],
        });
        let ran = run_with_input(&mut on.command(&["txn", "-"]), Some(txn.to_string().into_bytes()));
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        let text = ran.text();
        let lines: Vec<u64> = text.lines().map(|line| line.parse().unwrap()).collect();
        assert!(lines.len() == 3 && lines[0] > version && lines[1..] == [1, 0], "{lines:?}");
        assert_eq!(on.text(&["get", "/a"]), "x");
    }
}

#[test]
fn a_failed_condition_names_the_checks_and_writes_nothing() {
    for on in On::each() {
        on.text(&["put", "/a", "x"]);
        let (_folder, file) = file(
            "txn.json",
            r#"{"checks":[{"key":"/a","present":true},{"key":"/b","present":true}],"operations":[{"put":"/b"}]}"#,
        );
        let ran = on.run(&["txn", file.to_str().unwrap()]);
        assert_eq!(ran.code, 1);
        assert!(ran.error().contains("checks[1], /b present") && !ran.error().contains("checks[0]"), "{}", ran.error());
        assert_eq!(on.run(&["get", "/b"]).code, 1);
        let ran = on.run(&["txn", file.to_str().unwrap(), "--output", "json"]);
        assert_eq!(ran.error_object()["kind"], "ConditionFailed");
        assert_eq!(ran.error_object()["causes"], json!(["checks[1], /b present"]));
    }
}

#[test]
fn values_may_be_any_bytes() {
    for on in On::each() {
        let txn = br#"{"operations": [{"put": "/a", "value_base64": "/wA="}]}"#;
        let put = run_with_input(&mut on.command(&["txn", "-", "--output", "json"]), Some(txn.to_vec()));
        assert!(put.text().starts_with(r#"{"put":"/a","version":"#), "{put:?}");
        assert_eq!(on.run(&["get", "/a"]).stdout, b"\xff\0");
    }
}

#[test]
fn a_wrong_file_is_refused_with_the_place() {
    for (text, place) in [
        (r#"{"checks": [], "opperations": []}"#, "`opperations`"),
        ("{\n\n  \"checks\": 7}", "line 3"),
        (r#"{"operations": [{"put": "/a"}, {"delete": "/b", "value": ""}]}"#, "operations[1]"),
        (r#"{"operations": [{"put": "a"}]}"#, "operations[0]"),
    ] {
        let (_folder, file) = file("txn.json", text);
        let ran = run(&mut args(memory(), ["txn", file.to_str().unwrap()]));
        assert_eq!(ran.code, 2, "{text}");
        assert!(ran.error().contains("txn.json: ") && ran.error().contains(place), "{}", ran.error());
    }
    let ran = run(&mut args(memory(), ["txn", "/nonexistent.json"]));
    assert_eq!(ran.code, 2);
    assert!(ran.error().contains("/nonexistent.json: can't be read"), "{}", ran.error());
}

#[test]
fn a_transaction_beyond_the_limits_is_wrong_input() {
    let operations: Vec<_> = (0..33).map(|n| json!({"put": format!("/{n}")})).collect();
    let txn = json!({"operations": operations}).to_string();
    let ran = run_with_input(&mut args(memory(), ["txn", "-", "--output", "json"]), Some(txn.into_bytes()));
    assert_eq!((ran.code, &ran.error_object()["kind"]), (2, &json!("InvalidTxn")));
    let ran = run_with_input(&mut args(memory(), ["txn", "-"]), Some(vec![b' '; 9_000_000]));
    assert_eq!(ran.code, 2);
    assert!(ran.error().contains("standard input: has more than"), "{}", ran.error());
}
