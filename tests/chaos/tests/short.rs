//! Short runs on each backend: clients at work, faults that a seed draws, and nothing that the judge finds wrong.

use std::{env, process::Command};

use registry_test_servers::mount_namespace;

/// Half a minute with the servers' start and the clients' end.
const SECONDS: &str = "20";

/// Gives what is told of it.
fn play(backend: &str, seed: &str, more: &[&str]) -> String {
    let run = ["run", "--backend", backend, "--members", "3", "--seconds", SECONDS, "--seed", seed];
    play_so(&[&run[..], more].concat())
}

fn play_so(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let plugins = env::current_exe().expect("this test").parent().expect("its folder").to_owned();
    let output = Command::new(env!("CARGO_BIN_EXE_registry-chaos"))
        .args(arguments)
        .arg("--plugin-dir")
        .arg(plugins)
        .arg("--out")
        .arg(folder.path())
        .output()
        .expect("the run starts");
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        // The evidence is kept.
        panic!("the history is in {}\n{told}\n{errors}", folder.keep().display());
    }
    assert!(told.contains("nothing is wrong"), "{told}");
    told.into_owned()
}

fn play_all(backend: &str) {
    let told = play(backend, "3", &[]);
    // The seed cuts a client off for longer than its session lasts.
    assert!(!told.contains("servers taken over for: 0\n"), "{told}");
}

#[test]
fn nothing_is_wrong_after_a_short_run_on_etcd() {
    play_all("etcd");
}

#[test]
fn nothing_is_wrong_after_a_short_run_on_zookeeper() {
    play_all("zookeeper");
}

#[test]
fn every_task_comes_to_its_true_end_on_etcd() {
    let told = play_so(&["tasks", "--backend", "etcd", "--tasks", "60", "--seconds", "30", "--seed", "1"]);
    assert!(!told.contains("of later attempts: 0\n"), "{told}");
}

#[test]
fn nothing_is_wrong_after_disks_were_full() {
    if mount_namespace().is_none() {
        eprintln!("no disk is filled here: the system gives no mount namespace");
        return;
    }
    for backend in ["etcd", "zookeeper"] {
        let told = play(backend, "3", &["--disks", "--faults", "disk-full"]);
        assert!(told.contains("| disk-full |"), "{told}");
    }
}
