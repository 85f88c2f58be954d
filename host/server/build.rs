//! Notes what `registry --version` tells: the commit, the compiler.

use std::{env, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // `cargo run` hands these on to the program, which would take variables that begin with REGISTRY_ for its own.
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    println!("cargo::rustc-env=BUILT_BY_RUSTC={}", said(&rustc, &["--version"]).unwrap_or_default());
    println!("cargo::rustc-env=BUILT_FROM_COMMIT={}", commit());
}

/// The commit that is built. A debug build is not repeated for each commit, so it names the one that it is not older
/// than.
fn commit() -> String {
    let Some(commit) = said("git", &["rev-parse", "--short=12", "HEAD"]) else { return "unknown".to_owned() };
    if env::var("PROFILE").is_ok_and(|profile| profile == "debug") {
        return format!("{commit} or later, a debug build");
    }
    // What HEAD is moves with each commit and each checkout, and this file with it.
    if let Some(moves) = said("git", &["rev-parse", "--path-format=absolute", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={moves}");
    }
    commit
}

/// What a program says, if it runs and says something.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    let said = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!said.is_empty()).then_some(said)
}
