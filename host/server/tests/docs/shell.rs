//! The commands that the pages show, run as a reader would: all of one page in one shell, in their order.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use registry_test_servers::{Etcd, ZooKeeper};

use crate::page::Page;
use crate::{none_wrong, plugin_dir, root};

const PRELUDE: &str = include_str!("prelude.sh");

/// More than the commands of any page take beside everything else.
const LIMIT: &str = "600";

// `make check` leaves it out by the first words of its name.
#[test]
fn on_real_servers_every_command_that_is_shown_runs() {
    let (etcd, zookeeper) = (Etcd::shared().unwrap(), ZooKeeper::shared().unwrap());
    let real =
        |text: &str| text.replace("127.0.0.1:2379", &etcd.endpoint()).replace("127.0.0.1:2181", &zookeeper.endpoint());
    let (mut wrong, mut run) = (Vec::new(), 0);
    for page in Page::all() {
        let blocks = page.blocks();
        let commands: Vec<_> = blocks.iter().filter(|block| block.language == "sh").collect();
        if commands.is_empty() {
            continue;
        }
        run += commands.len();
        let folder = tempfile::tempdir().unwrap();
        for block in &blocks {
            if let Some(name) = &block.file {
                let file = folder.path().join(name);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, real(&block.text)).unwrap();
            }
        }
        let mut script = PRELUDE.to_owned();
        for block in commands {
            script += &format!("echo '{}' >&2\n{}\n", page.at(block.line), real(&block.text));
        }
        let ran = shell(folder.path(), &script, &page, &etcd.endpoint());
        if !ran.status.success() {
            let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
            wrong.push(format!("{}: {}\n{out}{err}", page.path.display(), ran.status));
        }
    }
    assert!(run > 10, "the commands are not found");
    none_wrong(wrong);
}

fn shell(folder: &Path, script: &str, page: &Page, etcd: &str) -> std::process::Output {
    let programs = Path::new(env!("CARGO_BIN_EXE_registry")).parent().unwrap().to_owned();
    // What a reader has built lies where the pages say.
    fs::create_dir_all(folder.join("target")).unwrap();
    std::os::unix::fs::symlink(plugin_dir(), folder.join("target/debug")).unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let namespace = format!("docs-{}", page.path.file_stem().unwrap().to_string_lossy());
    let mut command = Command::new("timeout");
    command.args([LIMIT, "bash", "-c", script]).current_dir(folder).stdin(Stdio::null()).env_clear();
    command.env("PATH", path).env("HOME", folder).env("PLUGINS", plugin_dir()).env("PROGRAMS", programs);
    command.env("ROOT", root()).env("ETCD", etcd).env("REGISTRY_NAMESPACE", namespace);
    command.output().unwrap()
}
