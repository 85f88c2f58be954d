//! Tables that come from the code. `UPDATE_DOCS=1` writes what they should be.

use std::process::Command;
use std::{env, fs};

use registry_config::Section;
use registry_host::HostSection;
use registry_tasks::settings::{MasterSettings, ServersSettings, WorkerSettings};
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

/// A table of keys: the name, the kind of value, whether it is secret, the default, and the description of each.
fn table(keys: impl IntoIterator<Item = (String, String, bool, String, String)>) -> String {
    let mut table = "| key | value | default | meaning |\n|---|---|---|---|\n".to_owned();
    for (name, kind, secret, default, doc) in keys {
        let [kind, default, doc] = [kind, default, doc].map(|text| text.replace('|', "\\|"));
        let default = if default.is_empty() { default } else { format!("`{default}`") };
        let secret = if secret { ", secret" } else { "" };
        table += &format!("| `{name}` | {kind}{secret} | {default} | {doc} |\n");
    }
    table
}

/// The keys of a plugin as it shows them itself.
fn of_plugin(plugin: &str) -> String {
    let shown = objects(&["plugins", "show", plugin]).remove(0);
    let keys = shown["keys"].as_array().unwrap().iter().map(|key| {
        let text = |name: &str| key[name].as_str().unwrap_or_default().to_owned();
        (text("name"), text("kind"), key["secret"] == true, text("default"), text("doc"))
    });
    table(keys)
}

/// The keys of a section that stands below `registry`.
fn of_section(section: HostSection) -> String {
    table((section.keys)().into_iter().map(|key| {
        let name = format!("registry.{}.{}", section.name, key.name);
        (name, key.kind.into(), key.secret, key.default.into(), key.doc.into())
    }))
}

/// The keys of a section that stands beside `registry`.
fn of_section_beside<T: Section>(name: &str) -> String {
    table(
        T::keys().into_iter().map(|key| {
            (format!("{name}.{}", key.name), key.kind.into(), key.secret, key.default.into(), key.doc.into())
        }),
    )
}

/// Holds the tables of a page against what the code says, or writes them.
fn compare(file: &str, tables: &[(&str, String)]) {
    let page = Page::read(file);
    let mut text = page.text.clone();
    for (name, table) in tables {
        let begin = format!("<!-- table: {name} -->\n");
        let start = text.find(&begin).unwrap_or_else(|| panic!("{file} has no {begin}")) + begin.len();
        let end = start + text[start..].find("<!-- end -->").unwrap();
        text.replace_range(start..end, table);
    }
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(root().join(file), &text).unwrap();
    } else {
        assert!(text == page.text, "{file} is not what the code says: run this with UPDATE_DOCS=1 to write it");
    }
}

#[test]
fn the_tables_of_keys_are_those_of_the_plugins() {
    compare(FILE, &["etcd", "zookeeper", "memory"].map(|plugin| (plugin, of_plugin(plugin))));
}

#[test]
fn the_table_of_the_clusters_keys_is_generated() {
    compare("docs/cluster.md", &[("cluster", of_section(registry_cluster::SECTION))]);
}

#[test]
fn the_table_of_the_services_keys_is_generated() {
    compare("docs/discovery.md", &[("discovery", of_section(registry_discovery::SECTION))]);
}

#[test]
fn the_tables_of_the_servers_keys_are_generated() {
    let tables = [
        ("master", of_section_beside::<MasterSettings>("master")),
        ("worker", of_section_beside::<WorkerSettings>("worker")),
        ("servers", of_section_beside::<ServersSettings>("servers")),
    ];
    compare("docs/tasks.md", &tables);
}

#[test]
fn the_documented_defaults_are_those_of_config_check() {
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
