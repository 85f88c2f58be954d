//! The README shows what is there.

use std::{fs, path::Path};

fn read(file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn the_backend_in_the_readme_is_the_example_that_the_laws_are_held_against() {
    let readme = read("README.md");
    for file in ["examples/smallest/Cargo.toml", "examples/smallest/src/lib.rs"] {
        assert!(readme.contains(read(file).trim()), "README.md doesn't show {file} as it is");
    }
}
