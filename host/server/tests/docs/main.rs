//! The documentation is true: its commands run, its configuration is read, its links lead somewhere, its tables are
//! the code's.

mod backend;
mod configuration;
mod dashboard;
mod lines;
mod links;
mod mentions;
mod messages;
mod page;
mod shell;
mod tables;

use std::path::PathBuf;

/// The folder that the whole project is in.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The folder of the plugins that were built together with this test.
fn plugin_dir() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_owned()
}

/// Fails with all that is wrong.
#[track_caller]
fn none_wrong(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
