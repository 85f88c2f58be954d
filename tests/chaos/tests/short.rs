//! A short run on each backend: clients at work, faults of every kind that its seed draws, and nothing that the judge finds wrong.

use std::{env, process::Command};

/// Half a minute with the servers' start and the clients' end.
const SECONDS: &str = "20";

fn play(backend: &str, seed: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let plugins = env::current_exe().expect("this test").parent().expect("its folder").to_owned();
    let output = Command::new(env!("CARGO_BIN_EXE_registry-chaos"))
        .args(["run", "--backend", backend, "--members", "3", "--seconds", SECONDS, "--seed", seed, "--plugin-dir"])
        .arg(plugins)
        .arg("--out")
        .arg(folder.path())
        .output()
        .expect("the run starts");
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        // What shows it is kept for whoever looks into it.
        panic!("the history is in {}\n{told}\n{errors}", folder.keep().display());
    }
    assert!(told.contains("nothing is wrong"), "{told}");
    // The seed cuts a client off for longer than its session lasts.
    assert!(!told.contains("servers taken over for: 0\n"), "{told}");
}

#[test]
fn nothing_is_wrong_after_a_short_run_on_etcd() {
    play("etcd", "3");
}

#[test]
fn nothing_is_wrong_after_a_short_run_on_zookeeper() {
    play("zookeeper", "3");
}
