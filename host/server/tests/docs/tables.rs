//! Tables that come from the code. `UPDATE_DOCS=1` writes what they should be.

use std::process::Command;
use std::{env, fs};

use registry_cluster::Options;
use registry_config::Section;
use serde_json::Value;

use crate::page::Page;
use crate::{plugin_dir, root};

const FILE: &str = "docs/configuration.md";

fn objects(arguments: &[&str]) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_registry"));
    command.env_clear().arg("--plugin-dir").arg(plugin_dir()).args(["--output", "json"]).args(arguments);
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    String::from_utf8(ran.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The keys of a plugin as it shows them itself.
fn table(plugin: &str) -> String {
    let shown = objects(&["plugins", "show", plugin]).remove(0);
    let mut table = "| key | value | default | meaning |\n|---|---|---|---|\n".to_owned();
    for key in shown["keys"].as_array().unwrap() {
        let text = |name: &str| key[name].as_str().unwrap_or_default().replace('|', "\\|");
        let default = match text("default") {
            none if none.is_empty() => none,
            default => format!("`{default}`"),
        };
        let secret = if key["secret"] == true { ", secret" } else { "" };
        table += &format!("| `{}` | {}{secret} | {default} | {} |\n", text("name"), text("kind"), text("doc"));
    }
    table
}

#[test]
fn the_tables_of_keys_are_those_of_the_plugins() {
    let page = Page::read(FILE);
    let mut text = page.text.clone();
    for plugin in ["etcd", "zookeeper", "memory"] {
        let begin = format!("<!-- table: {plugin} -->\n");
        let start = text.find(&begin).unwrap_or_else(|| panic!("{FILE} has no {begin}")) + begin.len();
        let end = start + text[start..].find("<!-- end -->").unwrap();
        text.replace_range(start..end, &table(plugin));
    }
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(root().join(FILE), &text).unwrap();
    } else {
        assert!(text == page.text, "{FILE} is not what the plugins say: run this with UPDATE_DOCS=1 to write it");
    }
}

#[test]
fn the_defaults_of_the_host_are_those_that_a_check_shows() {
    let defaults = objects(&["--set", "registry.type=etcd", "config", "check"]);
    let rows = Page::read(FILE).rows("key");
    for default in defaults.iter().filter(|object| object["source"] == "default") {
        let (key, value) = (default["key"].as_str().unwrap(), default["value"].as_str().unwrap());
        // It depends on where the program is.
        if key == "registry.plugin-dirs" {
            continue;
        }
        let row = rows.iter().find(|(row, _)| row[0] == key).unwrap_or_else(|| panic!("{FILE} has no {key}"));
        assert_eq!(row.0[1], value, "{key}");
    }
    let memory = rows.iter().find(|(row, _)| row[0] == "registry.type").unwrap();
    assert_eq!(memory.0[1], "memory");
}

#[test]
fn the_defaults_of_the_cluster_are_those_of_its_options() {
    let page = Page::read("docs/cluster.md");
    let rows = page.rows("key");
    let keys = Options::keys();
    for key in &keys {
        let name = format!("registry.cluster.{}", key.name);
        let row =
            rows.iter().find(|(row, _)| row[0] == name).unwrap_or_else(|| panic!("docs/cluster.md has no {name}"));
        let default = if key.default.is_empty() { "none" } else { &key.default };
        assert_eq!(row.0[1], default, "{}", page.at(row.1));
    }
    assert_eq!(rows.len(), keys.len(), "docs/cluster.md has a key that is none");
}
