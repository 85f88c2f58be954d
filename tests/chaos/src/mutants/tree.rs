//! A copy of the working tree that may be broken.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use super::succeed;
use crate::run::Failure;

/// What is not copied.
const NOT_COPIED: [&str; 2] = ["target", ".git"];

/// The copy, in the target folder of the tree itself. Its own target folder stays from one mutant to the next, and so
/// do the times of files that are the same: only what a mutant touches is built again.
pub(super) struct Tree {
    root: PathBuf,
    folder: PathBuf,
}

impl Tree {
    /// The copy of the tree at `root`, which is not made yet.
    pub(super) fn beside(root: &Path) -> Result<Self, Failure> {
        if !root.join("Cargo.lock").is_file() {
            return Err(format!("{} is not a workspace: name its folder with --root", root.display()).into());
        }
        Ok(Tree { root: root.to_owned(), folder: root.join("target/mutants") })
    }

    /// Makes the copy like the tree again.
    pub(super) fn renew(&self) -> Result<(), Failure> {
        let copy = self.copy();
        fs::create_dir_all(&copy)?;
        alike(&self.root, &copy)
            .map_err(|error| format!("copying {} to {}: {error}", self.root.display(), copy.display()))?;
        Ok(())
    }

    /// Applies a patch to the copy.
    pub(super) fn apply(&self, patch: &Path) -> Result<(), Failure> {
        // With no fuzz, as a patch that fits only roughly may break something else than it says.
        let mut command = Command::new("patch");
        command.args(["--strip=1", "--batch", "--forward", "--fuzz=0", "--reject-file=-"]).arg("--input").arg(patch);
        succeed(command.current_dir(self.copy()), "the patch does not apply:", patch)
    }

    /// Builds what a run needs, one of masters and workers or one of clients.
    pub(super) fn build(&self, is_of_tasks: bool) -> Result<(), Failure> {
        let mut packages = vec!["registry-chaos", "registry-etcd", "registry-zookeeper"];
        packages.extend(is_of_tasks.then_some("registry-server"));
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--locked", "--quiet"]).args(packages.iter().flat_map(|package| ["-p", package]));
        cargo.env("CARGO_TARGET_DIR", self.target());
        succeed(cargo.current_dir(self.copy()), "building", &self.copy())
    }

    /// The program that was built.
    pub(super) fn program(&self) -> PathBuf {
        self.target().join("debug/registry-chaos")
    }

    /// Where a mutant's run leaves what it tells.
    pub(super) fn out(&self, name: &str) -> PathBuf {
        self.folder.join("out").join(name)
    }

    fn copy(&self) -> PathBuf {
        self.folder.join("tree")
    }

    fn target(&self) -> PathBuf {
        self.folder.join("target")
    }
}

/// Makes the one folder like the other; files that are the same already stay as they are.
fn alike(from: &Path, to: &Path) -> io::Result<()> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if NOT_COPIED.iter().any(|other| name == *other) {
            continue;
        }
        let (source, copy) = (entry.path(), to.join(&name));
        if source.is_dir() {
            fs::create_dir_all(&copy)?;
            alike(&source, &copy)?;
        } else if source.is_file() && Some(fs::read(&source)?) != fs::read(&copy).ok() {
            fs::copy(&source, &copy)?;
        }
        names.insert(name);
    }
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if !names.contains(&entry.file_name()) {
            let path = entry.path();
            if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_follows_the_tree_and_keeps_equal_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let (root, tree) = (folder.path().join("root"), folder.path().join("copy"));
        fs::create_dir_all(root.join("a/target")).expect("folders");
        fs::create_dir_all(&tree).expect("a folder");
        fs::write(root.join("a/same"), "1").expect("a file");
        fs::write(root.join("a/broken"), "1").expect("a file");
        fs::write(root.join("a/target/built"), "1").expect("a file");
        alike(&root, &tree).expect("a copy");
        let changed = |name: &str| fs::metadata(tree.join(name)).and_then(|data| data.modified()).expect("a time");
        let before = changed("a/same");
        fs::write(tree.join("a/broken"), "2").expect("a file");
        fs::write(tree.join("a/more"), "2").expect("a file");
        alike(&root, &tree).expect("a copy");
        assert_eq!(fs::read_to_string(tree.join("a/broken")).expect("it is there"), "1");
        assert!(!tree.join("a/more").exists() && !tree.join("a/target").exists());
        assert_eq!(changed("a/same"), before);
    }

    #[test]
    fn what_is_no_workspace_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = Tree::beside(folder.path()).err().expect("no workspace");
        assert!(error.to_string().contains("--root"), "{error}");
    }
}
