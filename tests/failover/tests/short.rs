//! A short run measures a fault of each kind; how long it takes is not asked here.

use std::{env, fs, process::Command};

#[test]
fn a_short_run_tells_each_clients_outage() {
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("failover.json");
    let plugins = env::current_exe().expect("this test").parent().expect("its folder").to_owned();
    let output = Command::new(env!("CARGO_BIN_EXE_registry-failover"))
        .args(["--rounds", "1", "--session", "4", "--lasts", "2"])
        .args(["--fault", "leader-killed", "--fault", "holder-killed", "--plugin-dir"])
        .arg(plugins)
        .arg("--json")
        .arg(&json)
        .output()
        .expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(json).expect("the report is written")).expect("it is JSON");
    let rows = report["rows"].as_array().expect("rows");
    let measured: Vec<_> = rows.iter().map(|row| (row["backend"].as_str(), row["fault"].as_str())).collect();
    let expected = ["etcd", "ZooKeeper"]
        .into_iter()
        .flat_map(|backend| ["leader killed", "holder of a lock killed"].map(|fault| (Some(backend), Some(fault))));
    assert_eq!(measured, expected.collect::<Vec<_>>());
    for row in rows {
        assert!(row["plugin"]["longest_ms"].as_u64().is_some_and(|longest| longest > 0), "{row}");
        assert!(row["theirs"].is_null(), "{row}");
    }
    assert!(String::from_utf8_lossy(&output.stdout).contains("not measured"));
}
