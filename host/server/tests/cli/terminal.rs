//! What is different on a terminal.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::support::{On, Running, args, exit_code, file, memory, run};

/// Runs a command of the program on a terminal.
fn on_terminal(command: &Command, environment: &[(&str, &str)]) -> String {
    let ran = run(script(command).envs(environment.iter().copied()));
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.text()
}

/// What gives a command of the program a terminal.
fn script(command: &Command) -> Command {
    let quoted = |word: &std::ffi::OsStr| format!("'{}'", word.to_str().unwrap());
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).map(quoted).collect();
    // A shell that stays would be ended by the key of Ctrl-C, and its code be told instead of the program's.
    let line = format!("exec {}", words.join(" "));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm");
    script
}

#[test]
fn a_value_is_given_a_newline_on_a_terminal_only() {
    for on in On::each() {
        on.text(&["put", "/a", "x"]);
        assert_eq!(on.text(&["get", "/a"]), "x");
        assert_eq!(on_terminal(&on.command(&["get", "/a"]), &[]), "x\r\n");
    }
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    for on in On::each() {
        let plugins = on.command(&["plugins"]);
        assert!(on_terminal(&plugins, &[]).contains('\x1b'));
        assert!(!on_terminal(&plugins, &[("NO_COLOR", "1")]).contains('\x1b'));
        assert!(!on_terminal(&plugins, &[("TERM", "dumb")]).contains('\x1b'));
        assert!(!on.text(&["plugins"]).contains('\x1b'));
    }
}

#[test]
fn the_table_of_servers_is_drawn_in_place() {
    for on in On::each() {
        // It has 80 columns, as nobody says otherwise: less than a row with a reason needs.
        let little = "--set=registry.cluster.reserved-memory=1000000";
        let drawn = on_terminal(&on.command(&["standalone", "--no-page", "--no-tasks", "--for", "2s", little]), &[]);
        assert!(drawn.contains("3 of 3"), "{drawn}");
        for heading in ["ADDRESS", "STATE", "SEEN BY", "STATUS", "CPU", "MEMORY", "LOAD", "BEAT", "UP"] {
            assert!(drawn.contains(heading), "{heading}: {drawn}");
        }
        assert!(drawn.contains("\x1b[J"), "{drawn}");
        assert!(drawn.lines().any(|line| line.contains("reason: ") && line.contains(" GB < 1000000")), "{drawn}");
    }
}

#[test]
fn the_table_of_tasks_is_live_until_a_key() {
    for on in On::each() {
        let (keyboard, mut keys) = std::io::pipe().unwrap();
        let watch = Running::start(script(&on.command(&["tasks", "--watch", "--group", "gpu"])).stdin(keyboard));
        watch.line_where(|line| line.contains("COMMAND"));
        let master = on.start(&["--set=master.listen-port=0", "master"]);
        master.line_where(|line| line.contains("serves"));
        for (id, group) in [("unseen", "default"), ("seen", "gpu")] {
            assert_eq!(run(&mut on.command(&["submit", "--id", id, "--group", group, "--", "true"])).code, 0);
        }
        watch.line_where(|line| line.contains("seen") && line.contains("waiting") && !line.contains("unseen"));
        // The reason, below its row, in a terminal of 80 columns.
        watch.line_where(|line| line.contains("0 of 0"));
        on.text(&["cancel", "seen"]);
        watch.line_where(|line| line.contains("seen") && line.contains("cancelled"));
        keys.write_all(b"\x03").unwrap();
        assert_eq!(watch.end().code, 0);
        master.signal(Signal::TERM);
        assert_eq!(master.end().code, 0);
    }
}

#[test]
fn the_table_of_servers_is_live_until_a_key() {
    for on in On::each() {
        let (keyboard, mut keys) = std::io::pipe().unwrap();
        let watch = Running::start(script(&on.command(&["servers", "--watch"])).stdin(keyboard));
        watch.line_where(|line| line.contains("ADDRESS"));
        let server = on.start(&["put", "/nodes/worker/gpu/w:1", "{}", "--ephemeral"]);
        watch.line_where(|line| line.contains("gpu") && line.contains("w:1"));
        on.text(&["servers", "mark-dead", "w:1"]);
        // The cell is folded.
        watch.line_where(|line| line.contains("w:1") && line.contains(", marked"));
        server.signal(Signal::INT);
        assert_eq!(server.end().code, 0);
        // It is drawn over what was there.
        watch.line_where(|line| line.contains("\x1b[J"));
        keys.write_all(b"\x03").unwrap();
        assert_eq!(watch.end().code, 0);
    }
}

#[test]
fn a_command_under_a_lock_follows_job_control() {
    let bash = args(Command::new("bash"), ["--norc", "--noediting", "-i"]);
    let (keyboard, mut keys) = std::io::pipe().unwrap();
    let shell = Running::start(script(&bash).stdin(keyboard));
    let mut press = |text: &str| keys.write_all(text.as_bytes()).unwrap();
    // A prompt that is a line of its own.
    press("PS1='pro''mpt\\n'\n");
    let lock = args(memory(), ["lock", "/l", "--", "sh", "-c", "echo rea\"\"dy; exec sed -u s/^/got-/"]);
    let quoted = |word: &std::ffi::OsStr| format!("'{}' ", word.to_str().unwrap());
    let line: String = std::iter::once(lock.get_program()).chain(lock.get_args()).map(quoted).collect();
    press(&format!("{line}\n"));
    shell.line_where(|line| line.trim_end().ends_with("ready"));
    press("one\n");
    shell.line_where(|line| line.trim_end().ends_with("got-one"));
    press("\x1a");
    shell.line_where(|line| line.contains("Stopped"));
    // The shell has the terminal.
    press("echo shell-$((1 + 1))\n");
    shell.line_where(|line| line.contains("shell-2"));
    press("fg\n");
    shell.line_where(|line| line.contains("got-/"));
    press("two\n");
    shell.line_where(|line| line.trim_end().ends_with("got-two"));
    press("\x03");
    // What is typed before may be flushed with the key.
    shell.line_where(|line| line.trim_end().ends_with("prompt"));
    press("echo code-$?\n");
    shell.line_where(|line| line.contains("code-130"));
    press("exit 7\n");
    assert_eq!(shell.end().code, 7);
}

#[test]
fn a_command_in_a_pipeline_leaves_the_terminal_alone() {
    let lock = args(memory(), ["lock", "/l", "--", "sh", "-c", "echo ready; exec sleep 600"]);
    let quoted = |word: &std::ffi::OsStr| format!("'{}' ", word.to_str().unwrap());
    let line: String = std::iter::once(lock.get_program()).chain(lock.get_args()).map(quoted).collect();
    let mut pipeline = Command::new("script");
    // The second one reads from the terminal, as a pager does.
    let second = "{ read line; read key </dev/tty; echo $line-$key; }";
    pipeline.args(["-qec", &format!("{line} | {second}"), "/dev/null"]).env("TERM", "dumb");
    let (keyboard, mut keys) = std::io::pipe().unwrap();
    let pipeline = Running::start(pipeline.stdin(keyboard));
    keys.write_all(b"a\n").unwrap();
    pipeline.line_where(|line| line.trim_end().ends_with("ready-a"));
    keys.write_all(b"\x03").unwrap();
    pipeline.end();
}

#[test]
fn a_put_without_value_on_a_terminal_is_refused() {
    let ran = run(&mut script(&args(memory(), ["put", "/a"])));
    assert_eq!(ran.code, 2);
    assert!(ran.text().contains("put /a: the value is missing"), "{ran:?}");
    assert!(ran.text().contains("registry put --help"), "{ran:?}");
}

#[test]
fn a_key_pressed_reaches_a_command_under_a_lock_once() {
    // A shell may take two signals for one. The last wait is there for a second to come in.
    let count = r#"$| = 1; $SIG{INT} = sub { $n++ }; print "ready\n"; select(undef, undef, undef, 9) while !$n;
        select(undef, undef, undef, 0.5) for 1 .. 3; print "got $n\n"; exit 5"#;
    let (_folder, count) = file("count.pl", count);
    let mut child = script(&args(memory(), ["lock", "/l", "--", "perl", count.to_str().unwrap()]))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.trim_end() == "ready"));
    let mut keyboard = child.stdin.take().unwrap();
    keyboard.write_all(b"\x03").unwrap();
    keyboard.flush().unwrap();
    let rest: Vec<String> = lines.collect();
    assert!(rest.iter().any(|line| line.trim_end().ends_with("got 1")), "{rest:?}");
    assert_eq!(exit_code(child.wait().unwrap()), 5);
}
