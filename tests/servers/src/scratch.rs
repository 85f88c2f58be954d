//! The folder below which all servers of this process keep their data.

use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::LazyLock;
use std::{fs, io};

use tempfile::TempDir;

use crate::{Error, Result};

/// Removes the folder when the process has ended, however it ended: a static's destructor never runs, and a server's
/// data is some 120 MB. A disk that is mounted there goes first. The shell ignores Ctrl-C, which reaches the whole
/// foreground group, and tries twice since a server that dies at this moment may still write.
const SWEEP: &str = r#"trap '' INT TERM HUP; cat >/dev/null; umount -l "$0"/*/* 2>/dev/null; rm -rf -- "$0" || { sleep 1; rm -rf -- "$0"; }"#;

struct Scratch {
    root: TempDir,
    _closes_with_the_process: ChildStdin,
}

/// A new folder, removed when dropped or with the process.
pub(crate) fn folder(name: &str) -> Result<TempDir> {
    static SCRATCH: LazyLock<Result<Scratch>> = LazyLock::new(Scratch::new);
    let scratch = SCRATCH.as_ref().map_err(|error| Error::new(error.to_string()))?;
    tempfile::Builder::new()
        .prefix(&format!("{name}-"))
        .tempdir_in(&scratch.root)
        .map_err(Error::during(format!("making a folder in {}", scratch.root.path().display())))
}

/// Removes what the members have stored, whose folders lie in this one; who a member is among others stays.
pub(crate) fn empty(folder: &Path) -> Result<()> {
    let emptied = || -> io::Result<()> {
        for member in fs::read_dir(folder)? {
            let member = member?;
            if !member.file_type()?.is_dir() {
                continue;
            }
            for stored in fs::read_dir(member.path())? {
                let stored = stored?;
                match stored.file_type()?.is_dir() {
                    true => fs::remove_dir_all(stored.path())?,
                    false if stored.file_name() == "myid" => {}
                    false => fs::remove_file(stored.path())?,
                }
            }
        }
        Ok(())
    };
    emptied().map_err(Error::during(format!("removing what is stored in {}", folder.display())))
}

impl Scratch {
    fn new() -> Result<Self> {
        let root = tempfile::Builder::new()
            .prefix("registry-test-servers-")
            .tempdir()
            .map_err(Error::during(format!("making a folder in {}", std::env::temp_dir().display())))?;
        let mut sweeper = Command::new("sh")
            .args(["-c", SWEEP])
            .arg(root.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::during("starting sh"))?;
        let stdin = sweeper.stdin.take().ok_or_else(|| Error::new("sh has no standard input"))?;
        Ok(Self { root, _closes_with_the_process: stdin })
    }
}
