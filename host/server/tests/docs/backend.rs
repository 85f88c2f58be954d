//! The crates that the pages show whole: a backend, and a host.

use std::fs;
use std::process::Command;

use crate::page::Page;
use crate::root;

#[test]
fn the_backend_shown_is_the_tested_example() {
    let page = Page::read("docs/writing-a-backend.md");
    for file in ["examples/smallest/Cargo.toml", "examples/smallest/src/lib.rs"] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        assert!(page.text.contains(text.trim()), "{} doesn't show {file} as it is", page.path.display());
    }
}

#[test]
fn the_rust_of_every_page_is_compiled() {
    let compiled = fs::read_to_string(root().join("tests/suite/src/lib.rs")).unwrap();
    for page in Page::all() {
        let path = page.path.display().to_string();
        let has_rust = page.blocks().iter().any(|block| block.language == "rust");
        assert!(!has_rust || compiled.contains(&format!("\"{path}\"")), "tests/suite/src/lib.rs leaves {path} out");
    }
}

#[test]
fn the_manifest_of_a_host_is_one_that_cargo_takes() {
    let page = Page::read("README.md");
    let blocks = page.blocks();
    let manifest = blocks.iter().find(|block| block.language == "toml").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let host = folder.path().join("my-host");
    fs::create_dir_all(host.join("src")).unwrap();
    fs::write(host.join("Cargo.toml"), &manifest.text).unwrap();
    fs::write(host.join("src/main.rs"), "").unwrap();
    // The versions that are there already: nothing is fetched.
    fs::copy(root().join("Cargo.lock"), host.join("Cargo.lock")).unwrap();
    std::os::unix::fs::symlink(root(), folder.path().join("registry")).unwrap();
    let mut command = Command::new("cargo");
    let platform = format!("--filter-platform={}-unknown-linux-gnu", std::env::consts::ARCH);
    command.args(["metadata", "--offline", "--format-version=1", &platform]).current_dir(&host);
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}
