//! list /, tree, stat, locks, sessions, elect, edit, export, import, and the options that are short for --set.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{On, Ran, args, eventually, file, memory, program, run, run_with_input};

#[test]
fn short_names_do_the_same() {
    for on in On::each() {
        on.text(&["set", "/a", "x"]);
        assert_eq!(on.text(&["ls", "/a"]), "/a\n");
        assert_eq!(on.text(&["rm", "/a"]), "1\n");
    }
}

#[test]
fn all_is_listed_and_drawn_from_the_root_on() {
    for on in On::each() {
        assert_eq!((on.text(&["list", "/"]), on.text(&["tree"])), (String::new(), "/\n".to_owned()));
        for (key, value) in [("/a/b", "two\nlines"), ("/a-c", "3"), ("/d", "4")] {
            on.text(&["put", key, value]);
        }
        // Sorted by whole keys: '-' comes before '/'.
        assert_eq!(on.text(&["list", "/"]), "/a\n/a-c\n/a/b\n/d\n");
        let up = on.start(&["put", "/d/up", "", "--ephemeral"]);
        up.line();
        let session = on.objects(&["get", "/d/up"])[0]["ephemeral"].as_str().unwrap().to_owned();
        let drawn = format!("/\n├── a\n│   └── b\n├── a-c\n└── d\n    └── up (session {session})\n");
        assert_eq!(on.text(&["tree"]), drawn);
        assert_eq!(on.text(&["tree", "/a", "--values"]), "/a\n└── b  two\\nlines\n");
        let told: Vec<_> = on.objects(&["tree", "/a"]).iter().map(|o| (o["key"].clone(), o["depth"].clone())).collect();
        assert_eq!(told, [(json!("/a"), json!(0)), (json!("/a/b"), json!(1))]);
        assert_eq!(on.run(&["tree", "/none"]).code, 1);
    }
}

#[test]
fn stat_tells_all_of_an_entry_but_its_value() {
    for on in On::each() {
        let created: u64 = on.text(&["put", "/a/b", "1"]).trim().parse().unwrap();
        let version: u64 = on.text(&["put", "/a/b", "12"]).trim().parse().unwrap();
        on.text(&["put", "/a/b/c"]);
        let expected = json!({
            "key": "/a/b", "version": version, "created": created, "ephemeral": null, "children": 1,
            "value_bytes": 2, "value_is_text": true,
        });
        assert_eq!(on.objects(&["stat", "/a/b"]), [expected]);
        assert!(on.text(&["stat", "/a/b"]).contains("ephemeral   no\nchildren    1\nvalue       2 bytes\n"));
        assert_eq!(on.run(&["stat", "/none"]).error(), "stat /none: there is no such entry");
    }
}

#[test]
fn locks_and_sessions_show_who_holds_what_and_who_waits() {
    for on in On::each() {
        let holder =
            on.start(&["elect", "/leaders/a", "--", "sh", "-c", "echo $REGISTRY_ELECTION_TOKEN; exec sleep 600"]);
        let token = holder.line();
        let waiter = on.start(&["lock", "/leaders/a", "--", "true"]);
        eventually("both stand in the queue", || on.text(&["children", "/leaders/a"]).lines().count() == 2);
        let other = on.start(&["put", "/nodes/up", "x", "--ephemeral"]);
        other.line();
        for asked in [&["locks"][..], &["locks", "/leaders/a"]] {
            let queue = on.objects(asked);
            assert_eq!(queue.len(), 2, "{queue:?}");
            assert_eq!((&queue[0]["state"], queue[0]["token"].to_string()), (&json!("held"), token.clone()));
            assert_eq!((&queue[1]["state"], &queue[1]["place"]), (&json!("waiting"), &json!(1)));
            assert!(queue.iter().all(|place| place["since"].as_str().is_some_and(|since| since.starts_with("2"))));
        }
        let text = on.text(&["locks"]);
        let first = text.lines().nth(1).unwrap();
        assert!(first.contains(" held ") && first.ends_with(&format!("process {}", holder.id())), "{text}");
        let sessions = on.objects(&["sessions"]);
        let owned: Vec<_> = sessions.iter().map(|session| session["entries"].as_array().unwrap().len()).collect();
        assert_eq!(owned, [1, 1, 1]);
        assert_eq!(on.objects(&["sessions", "/nodes"])[0]["entries"], json!(["/nodes/up"]));
        holder.signal(Signal::TERM);
        assert_eq!((holder.end().code, waiter.end().code), (128 + 15, 0));
        assert_eq!(on.objects(&["locks"]).len(), 0);
    }
}

#[test]
fn a_command_leads_until_its_entry_is_deleted() {
    for on in On::each() {
        let script = "echo $REGISTRY_ELECTION_KEY $REGISTRY_ELECTION_ENTRY $REGISTRY_LOCK_KEY; exec sleep 600";
        let leader = on.start(&["elect", "/l", "--value", "10.0.0.7:80", "-o", "json", "--", "sh", "-c", script]);
        let told = leader.line();
        let (key, entry) = told.split_once(' ').unwrap();
        assert_eq!((key, on.text(&["get", entry.trim()]).as_str()), ("/l", "10.0.0.7:80"));
        let other = on.run(&["elect", "/l", "--try", "--", "true"]);
        assert_eq!(other.code, 1);
        assert!(
            other.error().contains(" /l: others hold the lock") && other.error().contains("10.0.0.7:80"),
            "{other:?}"
        );
        on.text(&["delete", entry.trim()]);
        let ended = leader.end();
        assert_eq!((ended.code, &ended.error_object()["kind"]), (75, &json!("LockLost")));
    }
}

/// Edits with a script, which has the file as `$1`.
fn edit(on: &On, key: &str, script: &str) -> Ran {
    let (folder, editor) = file("editor", format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(&editor, Permissions::from_mode(0o755)).unwrap();
    let temporary = folder.path().to_str().unwrap();
    let ran = run(on.command(&["edit", key]).env("EDITOR", &editor).env("TMPDIR", temporary));
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let kept = left.iter().find(|path| path.file_name().unwrap().to_str().unwrap().starts_with("registry-edit-"));
    if let Some(kept) = kept {
        assert_eq!(std::fs::read_to_string(kept).unwrap(), "mine");
        assert!(ran.stderr.contains(kept.to_str().unwrap()), "it is said where the text is: {ran:?}");
    }
    assert_eq!(kept.is_some(), ran.code == 1, "{ran:?}");
    ran
}

#[test]
fn an_edited_value_is_written_only_over_what_was_read() {
    for on in On::each() {
        on.text(&["put", "/c", "old"]);
        let version = edit(&on, "/c", r#"sed -i s/old/new/ "$1""#);
        assert_eq!(version.code, 0, "{version:?}");
        assert_eq!(on.text(&["get", "/c"]), "new");
        // Editors end the last line.
        assert_eq!(edit(&on, "/c", r#"echo >> "$1""#).text(), "unchanged\n");
        edit(&on, "/made", r#"echo made > "$1""#);
        assert_eq!(on.text(&["get", "/made"]), "made");
        let words = [on.command(&["put", "/c", "theirs"])].map(|put| {
            let words = std::iter::once(put.get_program()).chain(put.get_args());
            words.map(|word| format!("'{}'", word.to_str().unwrap())).collect::<Vec<_>>().join(" ")
        });
        let changed = edit(&on, "/c", &format!("{} && printf mine > \"$1\"", words[0]));
        assert_eq!(changed.code, 1, "{changed:?}");
        assert!(
            changed.stderr.contains("not at version") && changed.stderr.contains("registry put /c <"),
            "{changed:?}"
        );
        assert_eq!(on.text(&["get", "/c"]), "theirs");
        let failed = edit(&on, "/c", "exit 3");
        assert_eq!(failed.code, 2, "{failed:?}");
    }
}

#[test]
fn what_is_exported_is_imported_as_it_was() {
    for (from, to) in On::each().into_iter().zip(On::each()) {
        from.text(&["put", "/a", "parent"]);
        from.text(&["put", "/a/b/c", "deep"]);
        run_with_input(&mut from.command(&["put", "/a/bytes", "-"]), Some(b"\xff\0".to_vec()));
        let up = from.start(&["put", "/a/up", "x", "--ephemeral"]);
        up.line();
        let exported = from.run(&["export"]);
        assert_eq!(exported.code, 0);
        assert!(exported.stderr.contains("1 ephemeral entries are left out"), "{exported:?}");
        let import = |options: &[&str]| {
            let command = [&["import", "--output", "json"], options].concat();
            run_with_input(&mut to.command(&command), Some(exported.stdout.clone()))
        };
        let counts = |ran: &Ran| {
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
            let told: Value = serde_json::from_str(ran.text().lines().last().unwrap()).unwrap();
            ["created", "replaced", "unchanged", "skipped"].map(|name| told[name].as_u64().unwrap())
        };
        assert_eq!(counts(&import(&["--dry-run"])), [4, 0, 0, 0]);
        assert_eq!(to.text(&["list", "/"]), "", "a dry run writes nothing");
        assert_eq!(counts(&import(&[])), [4, 0, 0, 0]);
        assert_eq!(to.text(&["get", "/a"]), "parent", "a parent is not taken for one that its child has made");
        assert_eq!(to.run(&["get", "/a/bytes"]).stdout, b"\xff\0");
        assert_eq!(counts(&import(&[])), [0, 0, 4, 0], "doing it again is nothing");
        to.text(&["put", "/a/b/c", "changed"]);
        to.text(&["delete", "/a/bytes"]);
        let refused = import(&[]);
        assert_eq!((refused.code, &refused.error_object()["key"]), (1, &json!("/a/b/c")));
        assert_eq!(to.run(&["get", "/a/bytes"]).code, 1, "nothing is written");
        assert_eq!(counts(&import(&["--if-missing"])), [1, 0, 2, 1]);
        assert_eq!(to.text(&["get", "/a/b/c"]), "changed");
        assert_eq!(counts(&import(&["--overwrite"])), [0, 1, 3, 0]);
        assert_eq!(to.text(&["get", "/a/b/c"]), "deep");
    }
    let ran =
        run_with_input(&mut args(memory(), ["import"]), Some(b"{\"key\":\"/a\",\"value\":\"x\"}\n\n[]\n".to_vec()));
    assert_eq!(ran.code, 2);
    assert!(ran.error().contains("standard input: line 3: "), "{}", ran.error());
}

#[test]
fn a_command_runs_for_each_change_with_its_value() {
    for on in On::each() {
        on.text(&["put", "/a/b", "there before"]);
        let script = "echo $REGISTRY_EVENT_TYPE $REGISTRY_EVENT_KEY $(cat)";
        let watch = on.start(&["watch", "/a", "--no-initial", "--exec", script]);
        // It has begun once it tells of one of these, which are others each time.
        let mut number = 0;
        eventually("the watch has begun", || {
            number += 1;
            on.text(&["put", "/a/c", &number.to_string()]);
            watch.line_within_a_moment().is_some_and(|line| line.starts_with("put /a/c "))
        });
        on.text(&["delete", "/a/b"]);
        watch.line_where(|line| line == "delete /a/b there before");
        watch.signal(Signal::TERM);
        assert_eq!(watch.end().code, 0);
        let told = on.text(&["watch", "/a/c", "--timestamps", "--count", "1"]);
        let (time, event) = told.split_once('\t').unwrap();
        assert!(time.ends_with('Z') && event.starts_with("put\t/a/c\t"), "{told}");
    }
}

#[test]
fn short_options_stand_before_and_after_the_command() {
    for on in On::each() {
        let (kind, address) = (on.backend().to_owned(), on.address().to_owned());
        let options = ["--type", &kind, "--endpoints", &address, "--namespace", "cli-short"];
        let written = run(args(program(), options).args(["put", "/a", &kind, "-o", "json"]));
        assert_eq!((written.code, written.stderr.as_str()), (0, ""));
        assert!(written.text().starts_with('{'), "{written:?}");
        let read = run(args(program(), ["get", "/a"]).args(options));
        assert_eq!(read.text(), kind);
        // It goes over the namespace of the backend's own section as well.
        let own = format!("--set=registry.{kind}.namespace=elsewhere");
        assert_eq!(run(args(program(), ["get", "/a", &own]).args(options)).text(), kind);
    }
    let ran = run(&mut args(memory(), ["--endpoints", "a:1", "get", "/a"]));
    assert_eq!(ran.code, 2);
    assert!(ran.error().contains("--endpoints") && ran.error().contains("memory"), "{}", ran.error());
}

#[test]
fn one_file_names_several_registries() {
    let targets = On::each().map(|on| {
        let key = if on.backend() == "etcd" { "endpoints" } else { "connect-string" };
        format!("  {kind}-one: {{type: {kind}, {kind}: {{{key}: '{}'}}}}\n", on.address(), kind = on.backend())
    });
    let text = format!("registry: {{namespace: cli-targets}}\ntargets:\n{}", targets.concat());
    let (_folder, path) = file("r.yaml", text);
    let of = |target: &str, arguments: &[&str]| -> Command {
        let mut command = args(program(), arguments);
        command.arg("--config").arg(&path).arg("--target").arg(target);
        command
    };
    for target in ["etcd-one", "zookeeper-one"] {
        assert_eq!(run(&mut of(target, &["put", "/a", target])).code, 0);
    }
    assert_eq!(run(&mut of("etcd-one", &["get", "/a"])).text(), "etcd-one");
    let mut by_variable = args(program(), ["get", "/a"]);
    by_variable.env("REGISTRY_CONFIG", &path).env("REGISTRY_TARGET", "zookeeper-one");
    let read = run(&mut by_variable);
    assert_eq!((read.text().as_str(), read.stderr.as_str()), ("zookeeper-one", ""));
    let ran = run(&mut of("etdc-one", &["get", "/a"]));
    assert_eq!(ran.code, 2);
    assert!(ran.error().contains("did you mean etcd-one?"), "{}", ran.error());
}
