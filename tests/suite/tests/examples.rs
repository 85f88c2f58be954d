//! The examples of `registry-host` do what they say, on the memory backend.

use std::{path::PathBuf, process::Command};

use registry_suite::beside;

/// Runs an example, and gives the lines that it has printed.
fn run(name: &str) -> Vec<String> {
    let file: PathBuf = beside().parent().expect("a target folder").join("examples").join(name);
    assert!(file.exists(), "{} is not built: cargo build --locked --workspace --lib --bins --examples", file.display());
    let ran = Command::new(&file).env_clear().env("REGISTRY_PLUGIN_DIRS", beside()).output().expect("it runs");
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{name}: {errors}");
    String::from_utf8(ran.stdout).expect("text").lines().map(str::to_owned).collect()
}

#[test]
fn only_the_holder_of_a_lock_writes() {
    let expected =
        ["acquired", "nobody else can have it now", "written by the holder", "released: the same write is refused"];
    assert_eq!(run("lock"), expected);
}

#[test]
fn a_watch_tells_what_is_there_and_what_changes() {
    let lines = run("watch");
    assert_eq!(lines[..2], ["/nodes/a is there", "that was all"]);
    assert!(lines.contains(&"/nodes/a is gone".to_owned()), "{lines:?}");
}

#[test]
fn others_see_who_leads() {
    assert_eq!(run("leader"), ["nobody leads", "10.0.0.7:1234 leads", "the plan is written", "nobody leads"]);
}

#[test]
fn settings_come_from_several_layers() {
    let lines = run("config");
    for line in [
        "registry.memory.namespace = example",
        "registry.memory.session-timeout = 20s",
        "registry.disconnect-strategy = wait",
        "registry.disconnect-max-wait = 60s",
    ] {
        assert!(lines.contains(&line.to_owned()), "{line} is not in {lines:#?}");
    }
    let refused = lines.last().expect("a line");
    assert!(refused.starts_with(r#"refused: registry.operation-timeout: "5" has no unit"#), "{refused}");
}

#[test]
fn entries_are_copied_from_one_registry_to_another() {
    assert_eq!(run("two_backends"), ["/config is in both", "/config/limits is in both"]);
}
