//! Verifying in a child process.

use std::time::Duration;

use registry_host::{Plugin, plugin};

use crate::support::{CHILD, Folder, built, fixture, memory, refused, verify};

#[test]
fn a_child_says_of_a_plugin_what_this_process_would() {
    for file in [memory(), built().join("libregistry_etcd.so"), fixture("panicking")] {
        assert_eq!(verify(&file).unwrap(), *Plugin::load(&file, None).unwrap().metadata());
    }
}

#[test]
fn a_library_that_ends_its_process_gets_its_line() {
    let file = fixture("dying");
    let text = refused(&file, verify(&file));
    assert_eq!(
        text,
        "loading it ends the process with SIGABRT (these are my last words): it is damaged, copy or build it again"
    );
}

#[test]
fn a_library_that_exits_silently_gets_its_line() {
    let folder = Folder::new();
    let file = folder.install("leaving.so", &fixture("dying"));
    let text = refused(&file, verify(&file));
    assert_eq!(text, "loading it ends the process with code 0: it is damaged, copy or build it again");
}

#[test]
fn a_library_that_hangs_is_given_up() {
    let folder = Folder::new();
    let file = folder.install("hanging.so", &fixture("dying"));
    let text = refused(&file, plugin::verify_in_child(CHILD, &[], &file, None, Duration::from_millis(300)));
    assert_eq!(text, "it was not loaded within 300ms: it is damaged, or waits for something");
}

#[test]
fn a_child_that_can_not_be_started_is_told() {
    let file = memory();
    let text = refused(&file, plugin::verify_in_child("/nonexistent", &[], &file, None, Duration::from_secs(1)));
    assert!(text.starts_with("no process to load it in can be started: No such file"), "{text}");
}
