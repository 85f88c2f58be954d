//! A short run measures every row; how fast is not asked here.

use std::{env, fs, process::Command};

#[test]
fn a_short_run_measures_every_pair_and_writes_them_down() {
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("bench.json");
    let plugins = env::current_exe().expect("this test").parent().expect("its folder").to_owned();
    let output = Command::new(env!("CARGO_BIN_EXE_registry-bench"))
        .args(["--rounds", "1", "--calls", "64", "--tasks", "20", "--workers", "20", "--kills", "1", "--idle", "1"])
        .arg("--plugin-dir")
        .arg(plugins)
        .arg("--json")
        .arg(&json)
        .output()
        .expect("the benchmark starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(json).expect("the report is written")).expect("it is JSON");
    let told = String::from_utf8_lossy(&output.stdout);
    for (number, peer) in ["Go clientv3", "Curator"].into_iter().enumerate() {
        assert_eq!(report["left_out"][number], peer, "what is not measured is told of");
        assert!(told.contains(&format!("{peer} was not measured")), "{told}");
    }
    let figures = report["figures"].as_array().expect("figures");
    for figure in figures {
        assert!(figure["value"].as_f64().is_some_and(|value| value.is_finite() && value >= 0.0), "{figure}");
    }
    for (name, count) in [("memory tasks", 5), ("etcd ", 13), ("zookeeper ", 13), ("spawning", 3), ("a task writes", 2)]
    {
        let found = figures.iter().filter(|figure| figure["name"].as_str().is_some_and(|is| is.starts_with(name)));
        assert_eq!(found.count(), count, "{name} in {figures:?}");
    }
    let rows = report["rows"].as_array().expect("rows");
    let of_servers = ["etcd", "ZooKeeper"].into_iter().flat_map(|server| {
        ["get", "put on an existing key", "put to its event"].map(|operation| format!("{server} {operation}"))
    });
    for operation in of_servers.chain(["memory get".to_owned()]) {
        let measured: Vec<_> = rows
            .iter()
            .filter(|row| row["operation"].as_str().is_some_and(|name| name.starts_with(&operation)))
            .collect();
        assert!(!measured.is_empty(), "{operation} was not measured");
        for row in measured {
            let ratio = row["latency_ratio"].as_f64().expect("a ratio");
            assert!(ratio.is_finite() && ratio > 0.0, "{row}");
        }
    }
}
