//! The configuration that the pages show.

use std::fs;
use std::process::Command;

use crate::page::Page;
use crate::{none_wrong, plugin_dir};

#[test]
fn every_configuration_that_is_shown_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for page in Page::all() {
        for block in page.blocks() {
            let kind = block.language.as_str();
            let is_registry =
                block.text.lines().any(|line| line.starts_with("registry:") || line.starts_with("registry."));
            if !["yaml", "toml", "properties"].contains(&kind) || !is_registry {
                continue;
            }
            tried += 1;
            let file = folder.path().join(format!("registry.{kind}"));
            fs::write(&file, &block.text).unwrap();
            let mut command = Command::new(env!("CARGO_BIN_EXE_registry"));
            command.env_clear().arg("--plugin-dir").arg(plugin_dir()).arg("--config").arg(&file);
            let ran = command.args(["config", "check"]).output().unwrap();
            // A warning is as bad: a reader copies what is shown.
            if !ran.status.success() || !ran.stderr.is_empty() {
                wrong.push(format!("{}: {}", page.at(block.line), String::from_utf8_lossy(&ran.stderr)));
            }
        }
    }
    assert!(tried > 3, "the configurations are not found");
    none_wrong(wrong);
}

#[test]
fn every_block_of_code_says_its_language() {
    let known = ["rust", "sh", "text", "yaml", "toml", "properties", "json", "ini", "dockerfile", "svg"];
    let mut wrong = Vec::new();
    for page in Page::all() {
        for block in page.blocks().iter().filter(|block| !known.contains(&block.language.as_str())) {
            wrong.push(format!("{}: is it one of {}?", page.at(block.line), known.join(", ")));
        }
    }
    none_wrong(wrong);
}
