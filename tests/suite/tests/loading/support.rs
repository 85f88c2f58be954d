//! Plugin files to load, and what a refusal must look like.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use registry_host::{ErrorKind, Plugin, Result, plugin};
use tempfile::TempDir;

/// Long enough for a busy machine; nothing waits for it but a library that hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A program that loads what it is given.
pub(crate) const CHILD: &str = env!("CARGO_BIN_EXE_registry-verify-child");

/// The folder that Cargo puts libraries in, and this executable.
pub(crate) fn built() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_owned()
}

pub(crate) fn memory() -> PathBuf {
    built().join("libregistry_memory.so")
}

pub(crate) fn fixture(name: &str) -> PathBuf {
    built().join(format!("libfixture_{name}.so"))
}

/// Builds the plugin that aborts on a panic: only the last crate is compiled that way, its dependencies are those
/// built.
pub(crate) fn aborting() -> PathBuf {
    let built = built();
    let profile_folder = built.parent().unwrap();
    let profile = match profile_folder.file_name().unwrap().to_str().unwrap() {
        "debug" => "dev",
        other => other,
    };
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["rustc", "--offline", "--package", "registry-fixture-aborting", "--lib", "--crate-type", "cdylib"])
        .args(["--profile", profile, "--target-dir"])
        .arg(profile_folder.parent().unwrap())
        .args(["--", "-C", "panic=abort"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fixture("aborting")
}

/// A folder of the test's own that a plugin may be loaded from, whatever the umask.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Folder(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let file = self.path().join(name);
        fs::write(&file, bytes).unwrap();
        set_mode(&file, 0o644);
        file
    }

    /// Puts a copy in place in one step, as a package manager does.
    pub(crate) fn install(&self, name: &str, from: &Path) -> PathBuf {
        let new = self.file("new", fs::read(from).unwrap());
        let file = self.path().join(name);
        fs::rename(new, &file).unwrap();
        file
    }
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn verify(file: &Path) -> Result<plugin::Metadata> {
    plugin::verify_in_child(CHILD, &[], file, None, DEADLINE)
}

/// Makes sure that loading the file here and in a child is refused in the same words, and gives what comes after its
/// name.
#[track_caller]
pub(crate) fn refusal(file: &Path) -> String {
    let here = refused(file, Plugin::load(file, None));
    let there = refused(file, verify(file));
    assert_eq!(here, there);
    here
}

/// Makes sure that it is a refusal in one line that names the file, and gives what comes after.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(file: &Path, result: Result<T>) -> String {
    let error = result.expect_err("must be refused");
    assert_eq!(error.kind(), ErrorKind::PluginRejected, "{error}");
    let line = error.to_string();
    assert!(!line.contains(char::is_control), "{line:?}");
    let text = line.strip_prefix(&format!("{}: ", file.display())).unwrap_or_else(|| panic!("{line}"));
    assert!(text.chars().count() <= 500, "{line}");
    text.to_owned()
}
