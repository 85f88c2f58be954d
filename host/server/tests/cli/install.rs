//! make install, --version, man.

use std::path::Path;
use std::process::Command;

use crate::support::{args, bare, run};

#[test]
fn what_is_installed_finds_its_plugins_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("prefix");
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let built = Path::new(env!("CARGO_BIN_EXE_registry")).parent().unwrap().to_owned();
    let mut install = Command::new("make");
    install.current_dir(&workspace).arg("install").arg(format!("PREFIX={}", prefix.display()));
    // All is built already: cargo has nothing to do, and another of its builds may be under way.
    install.args(["CARGO=true", "PROFILE=debug"]).env("CARGO_TARGET_DIR", built.parent().unwrap());
    let installed = run(&mut install);
    assert_eq!(installed.code, 0, "{installed:?}");

    let mut program = Command::new(prefix.join("bin/registry"));
    program.env_clear().args(["plugins", "list", "--output", "json"]);
    let listed = run(&mut program);
    assert_eq!(listed.code, 0, "{listed:?}");
    let plugins = prefix.join("lib/registry/plugins");
    for plugin in ["etcd", "memory", "zookeeper"] {
        let file = plugins.join(format!("libregistry_{plugin}.so"));
        let good = listed.text().lines().any(|line| {
            let listed: serde_json::Value = serde_json::from_str(line).unwrap();
            listed["file"] == file.to_str().unwrap() && listed["used"] == true
        });
        assert!(good, "{plugin}: {}", listed.text());
    }
    for (file, part) in [
        ("share/man/man1/registry.1", "namespace"),
        ("share/man/man1/registry-elect.1", "namespace"),
        ("share/bash-completion/completions/registry", "_REGISTRY_COMPLETE"),
        ("share/zsh/site-functions/_registry", "_REGISTRY_COMPLETE"),
        ("share/fish/vendor_completions.d/registry.fish", "_REGISTRY_COMPLETE"),
    ] {
        let text = std::fs::read_to_string(prefix.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(text.contains(part), "{file} lacks {part}");
    }
    let title = std::fs::read_to_string(prefix.join("share/man/man1/registry.1")).unwrap();
    let title = title.lines().find(|line| line.starts_with(".TH ")).unwrap().to_owned();
    assert!(title.contains(concat!("\"registry ", env!("CARGO_PKG_VERSION"), "\"")), "a title is one line: {title}");
    let unit = std::fs::read_to_string(prefix.join("lib/systemd/system/registry-elected@.service")).unwrap();
    assert!(unit.contains(&format!("ExecStart={}/bin/registry elect ", prefix.display())), "{unit}");
}

#[test]
fn the_version_names_what_was_built_and_by_what() {
    for option in ["-V", "--version"] {
        let ran = run(&mut args(bare(), [option]));
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        let text = ran.text();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], concat!("registry ", env!("CARGO_PKG_VERSION")));
        let names: Vec<_> = lines[1..].iter().filter_map(|line| line.split_once("   ")).collect();
        assert_eq!(names.iter().map(|(name, _)| name.trim()).collect::<Vec<_>>(), ["commit", "ABI", "rustc"], "{text}");
        let numbers = |version: &str| version.split(' ').next().unwrap().split('.').count();
        assert_eq!((numbers(names[1].1.trim()), numbers(names[2].1.trim())), (3, 3), "{text}");
        let commit = names[0].1.trim().split(' ').next().unwrap();
        assert!(commit == "unknown" || commit.bytes().all(|digit| digit.is_ascii_hexdigit()), "{text}");
    }
}
