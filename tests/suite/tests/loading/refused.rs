//! Files that are no plugin for this host: each gets its own line.

use std::fs;

use registry_host::Plugin;

use crate::support::{Folder, aborting, fixture, memory, refusal, refused};

#[test]
fn a_file_that_is_missing_is_refused() {
    let folder = Folder::new();
    let text = refusal(&folder.path().join("libregistry_x.so"));
    assert!(text.starts_with("it can't be read: No such file or directory"), "{text}");
}

#[test]
fn a_folder_is_refused() {
    let folder = Folder::new();
    let file = folder.path().join("libregistry_x.so");
    fs::create_dir(&file).unwrap();
    assert_eq!(refusal(&file), "it is not a regular file: name a plugin's .so file");
}

#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    let folder = Folder::new();
    let file = folder.path().join("libregistry_x.so");
    rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap();
    assert_eq!(refusal(&file), "it is not a regular file: name a plugin's .so file");
}

#[test]
fn an_empty_file_is_refused() {
    let folder = Folder::new();
    assert_eq!(refusal(&folder.file("libregistry_x.so", "")), "it is empty: copy or build it again");
}

#[test]
fn a_text_file_is_refused() {
    let folder = Folder::new();
    for text in ["x", "GROUP ( libc.so.6 )\n", "#!/bin/sh\nexit 0\n"] {
        let text = refusal(&folder.file("libregistry_x.so", text));
        assert_eq!(text, "it is not a shared library (not an ELF file): name a plugin's .so file");
    }
}

#[test]
fn another_machines_library_is_refused() {
    let folder = Folder::new();
    let mut bytes = fs::read(memory()).unwrap();
    let machine: u16 = if cfg!(target_arch = "aarch64") { 62 } else { 183 };
    bytes[18..20].copy_from_slice(&machine.to_ne_bytes());
    let text = refusal(&folder.file("libregistry_x.so", &bytes));
    let other = if machine == 183 { "aarch64" } else { "x86_64" };
    assert!(
        text.starts_with(&format!("it is built for another machine ({other}, 64-bit), this process is ")),
        "{text}"
    );
}

#[test]
fn a_library_of_another_word_size_is_refused() {
    let folder = Folder::new();
    let mut bytes = fs::read(memory()).unwrap();
    bytes[4] = if cfg!(target_pointer_width = "64") { 1 } else { 2 };
    let text = refusal(&folder.file("libregistry_x.so", &bytes));
    assert!(text.starts_with("it is built for another machine ("), "{text}");
}

#[test]
fn an_executable_is_refused() {
    let folder = Folder::new();
    // It may well be a position-independent one, which looks like a library but for what it exports.
    let file = folder.install("libregistry_x.so", &std::env::current_exe().unwrap());
    let text = refusal(&file);
    assert!(text.starts_with("it is a library, but no registry plugin"), "{text}");
}

#[test]
fn another_library_is_refused_before_its_code_runs() {
    let text = refusal(&fixture("library"));
    assert_eq!(text, "it is a library, but no registry plugin: a plugin is made with export_plugin!");
}

#[test]
fn a_plugin_of_another_major_is_refused() {
    let text = refusal(&fixture("other_major"));
    assert_eq!(
        text,
        "it speaks version 2.0.0 of the plugin interface, this host 1.4.0: take a build of it for version 1"
    );
}

#[test]
fn a_changed_layout_is_refused_with_its_first_difference() {
    let text = refusal(&fixture("changed_layout"));
    assert!(text.starts_with("its types (1.4.0) differ from this host's (1.4.0): Root."), "{text}");
    assert!(text.ends_with(".version is u64 there, RString here: build it again"), "{text}");
    assert!(text.chars().count() <= 300, "{text}");
}

#[test]
fn a_hidden_layout_is_refused() {
    let text = refusal(&fixture("hidden_layout"));
    assert_eq!(text, "it hides the layout of its types: build it with export_plugin!");
}

#[test]
fn a_plugin_that_aborts_on_a_panic_is_refused() {
    let text = refusal(&aborting());
    assert!(text.starts_with("it is built with panic = \"abort\""), "{text}");
}

#[test]
fn a_plugin_under_another_name_is_refused() {
    let folder = Folder::new();
    let file = folder.install("libregistry_zookeeper.so", &memory());
    let text = refused(&file, Plugin::named("zookeeper", &[folder.path().to_owned()], None));
    assert_eq!(text, "it holds the plugin 'memory', not 'zookeeper': rename it, or set registry.type to 'memory'");
}

#[test]
fn a_plugin_of_another_digest_than_the_configured_is_refused() {
    let file = memory();
    let text = refused(&file, Plugin::load(&file, Some(&[0xab; 32])));
    assert!(text.starts_with("its SHA-256 is "), "{text}");
    assert!(text.contains(&format!("registry.plugin-sha256 wants {}", "ab".repeat(32))), "{text}");
}
