//! What a command under a lock has started ends with the lock, whatever becomes of its holder.

use registry_test_servers::Proxy;
use rustix::process::Signal;

use crate::support::{On, Running, args, eventually, memory, run, runs};

/// A command that ignores SIGTERM, as do its child and one with a session of its own. It prints all three, and the
/// queue entry.
const STUBBORN: &str = r#"trap '' TERM; setsid sh -c 'echo $$; exec sleep 600' & sh -c 'echo $$; exec sleep 600' &
    echo $$; echo $REGISTRY_LOCK_ENTRY; while :; do wait; done"#;

/// Starts it under a lock, with further options: the holder, the three processes, the entry.
fn stubborn(on: &On, options: &[&str]) -> (Running, Vec<String>, String) {
    let holder = on.start(&[&["lock", "/l"], options, &["--", "sh", "-c", STUBBORN]].concat());
    let lines: Vec<_> = (0..4).map(|_| holder.line()).collect();
    let (entries, pids) = lines.into_iter().partition::<Vec<_>, _>(|line| line.starts_with('/'));
    (holder, pids, entries.into_iter().next().unwrap())
}

#[test]
fn all_that_a_command_has_started_ends_with_its_lock() {
    for on in On::each() {
        let (holder, pids, entry) = stubborn(&on, &[]);
        assert!(pids.iter().all(|pid| runs(pid)), "{pids:?}");
        on.text(&["delete", &entry]);
        assert_eq!(holder.end().code, 75);
        assert!(!pids.iter().any(|pid| runs(pid)), "{pids:?}");
    }
}

/// What happens to the holder of a lock.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Killed,
    CutOff,
    Stopped,
}

#[test]
fn no_process_of_a_command_outlives_its_lock() {
    let cases = [Fate::Killed, Fate::CutOff, Fate::Stopped].into_iter().flat_map(|fate| {
        On::each_behind_a_proxy().into_iter().zip(On::each()).map(move |((behind, proxy), direct)| {
            let (holder, pids, _) = stubborn(&behind, &["--set=registry.session-timeout=6s"]);
            (fate, behind.at(direct.address()), proxy, holder, pids)
        })
    });
    let cases: Vec<(Fate, On, Proxy, Running, Vec<String>)> = cases.collect();
    // It looks by itself, at the moment at which it has the lock.
    let look = r#"for pid in "$@"; do grep -q '^State:.[^ZXT]' /proc/$pid/status && echo "$pid runs"; done; echo had"#;
    let waiting: Vec<_> = cases
        .iter()
        .map(|(fate, on, proxy, holder, pids)| {
            let pids: Vec<_> = pids.iter().map(String::as_str).collect();
            let waiter = on.start(&[&["lock", "/l", "--", "sh", "-c", look, "sh"], &pids[..]].concat());
            eventually("the waiter stands in the queue", || on.text(&["children", "/l"]).lines().count() == 2);
            match fate {
                Fate::Killed => holder.signal(Signal::KILL),
                Fate::CutOff => proxy.cut(),
                Fate::Stopped => holder.signal(Signal::STOP),
            }
            waiter
        })
        .collect();
    for ((fate, _, _proxy, holder, pids), waiter) in cases.into_iter().zip(waiting) {
        assert_eq!(waiter.line(), "had", "{fate:?}");
        holder.signal(Signal::CONT);
        let code = if matches!(fate, Fate::Killed) { 128 + 9 } else { 75 };
        assert_eq!(holder.end().code, code, "{fate:?}");
        assert!(!pids.iter().any(|pid| runs(pid)), "{fate:?}: {pids:?}");
    }
}

#[test]
fn a_command_whose_supervisor_is_killed_ends_with_it() {
    let script =
        r#"trap '' TERM; setsid sh -c 'echo $$; exec sleep 600' & echo $$; echo parent $PPID; while :; do wait; done"#;
    let holder = Running::start(&mut args(memory(), ["lock", "/l", "--", "sh", "-c", script]));
    let lines: Vec<_> = (0..3).map(|_| holder.line()).collect();
    let (parent, pids): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.starts_with("parent"));
    let parent = parent[0].strip_prefix("parent ").unwrap();
    assert_ne!(parent, holder.id().to_string());
    run(std::process::Command::new("kill").args(["-9", parent]));
    assert_eq!(holder.end().code, 128 + 9);
    assert!(!pids.iter().any(|pid| runs(pid)), "{pids:?}");
}

#[test]
fn every_signal_that_would_end_the_holder_is_passed_on() {
    let script = r#"for signal in HUP QUIT USR1 USR2 ALRM XCPU; do trap "echo $signal" $signal; done
        trap 'echo TERM; exit 5' TERM; echo ready; while :; do sleep 0.02; done"#;
    let holder = Running::start(&mut args(memory(), ["lock", "/l", "--", "sh", "-c", script]));
    assert_eq!(holder.line(), "ready");
    let send = |signal: &str| run(std::process::Command::new("kill").args(["-s", signal, &holder.id().to_string()]));
    for signal in ["HUP", "QUIT", "USR1", "USR2", "ALRM", "XCPU"] {
        send(signal);
        assert_eq!(holder.line(), signal);
    }
    // One of those without a name.
    send("RTMIN+3");
    assert_eq!(holder.line(), "TERM");
    assert_eq!(holder.end().code, 5);
}

#[test]
fn a_signal_ignored_from_the_start_stays_ignored() {
    let lock = args(memory(), ["lock", "/l", "--", "sh", "-c", "echo ready; read line; echo $line"]);
    let words = std::iter::once(lock.get_program()).chain(lock.get_args());
    let (keyboard, mut keys) = std::io::pipe().unwrap();
    let mut nohup = std::process::Command::new("sh");
    let nohup = nohup.env_clear().args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).args(words).stdin(keyboard);
    let holder = Running::start(nohup.envs(std::env::var_os("PATH").map(|path| ("PATH", path))));
    assert_eq!(holder.line(), "ready");
    holder.signal(Signal::HUP);
    std::io::Write::write_all(&mut keys, b"still here\n").unwrap();
    assert_eq!(holder.line(), "still here");
    assert_eq!(holder.end().code, 0);
}

#[test]
fn the_lock_is_held_until_leftover_processes_end() {
    for on in On::each() {
        let holder = on.start(&["lock", "/l", "--", "sh", "-c", "sleep 600 & echo $!; exit 3"]);
        let left = holder.line();
        assert_eq!(on.run(&["lock", "/l", "--try", "--", "true"]).code, 1);
        run(std::process::Command::new("kill").arg(&left));
        assert_eq!(holder.end().code, 3);
        assert_eq!(on.run(&["lock", "/l", "--try", "--", "true"]).code, 0);
    }
}

/// As in a container in which a command is started from outside.
#[test]
fn a_session_from_outside_the_pid_namespace_is_recognized() {
    let outside = |program: &mut std::process::Command| {
        let mut unshare = std::process::Command::new("unshare");
        unshare.args(["--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]).env_clear();
        unshare.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        unshare.arg(program.get_program()).args(program.get_args());
        unshare
    };
    if !outside(&mut std::process::Command::new("true")).status().is_ok_and(|status| status.success()) {
        eprintln!("this proves nothing here: the system gives no namespace of process ids");
        return;
    }
    let lock = |script: &str| run(&mut outside(&mut args(memory(), ["lock", "/l", "--", "sh", "-c", script])));
    let left = lock("sleep 0.3 & exit 3");
    assert_eq!((left.code, left.stderr.as_str()), (3, ""));
    let daemon = lock("setsid sleep 600 </dev/null >/dev/null 2>&1 & exit 4");
    assert_eq!((daemon.code, daemon.stderr.as_str()), (4, ""));
}

#[test]
fn a_daemon_of_the_command_is_not_waited_for() {
    let start = "setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $!";
    let holder = Running::start(&mut args(memory(), ["lock", "/l", "--", "sh", "-c", start]));
    let daemon = holder.line();
    assert_eq!(holder.end().code, 0);
    assert!(runs(&daemon));
    run(std::process::Command::new("kill").arg(&daemon));
}
