//! What is different on a terminal.

use std::process::Command;

use crate::support::{OnEtcd, run};

/// Runs a command of the program on a terminal.
fn on_terminal(command: &Command, environment: &[(&str, &str)]) -> String {
    let quoted = |word: &std::ffi::OsStr| format!("'{}'", word.to_str().unwrap());
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).map(quoted).collect();
    let mut script = Command::new("script");
    script.args(["-qec", &words.join(" "), "/dev/null"]).env("TERM", "xterm").envs(environment.iter().copied());
    let ran = run(&mut script);
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.text()
}

#[test]
fn a_value_is_given_a_newline_on_a_terminal_only() {
    let etcd = OnEtcd::new();
    etcd.text(&["put", "/a", "x"]);
    assert_eq!(etcd.text(&["get", "/a"]), "x");
    assert_eq!(on_terminal(&etcd.command(&["get", "/a"]), &[]), "x\r\n");
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let etcd = OnEtcd::new();
    let plugins = etcd.command(&["plugins"]);
    assert!(on_terminal(&plugins, &[]).contains('\x1b'));
    assert!(!on_terminal(&plugins, &[("NO_COLOR", "1")]).contains('\x1b'));
    assert!(!on_terminal(&plugins, &[("TERM", "dumb")]).contains('\x1b'));
    assert!(!etcd.text(&["plugins"]).contains('\x1b'));
}

#[test]
fn the_table_of_servers_is_drawn_in_place() {
    let etcd = OnEtcd::new();
    let drawn = on_terminal(&etcd.command(&["standalone", "--for", "2s"]), &[]);
    assert!(drawn.contains("ADDRESS") && drawn.contains("3 of 3"), "{drawn}");
    assert!(drawn.contains("\x1b[J"), "{drawn}");
}
