//! Control groups, version 2, where this process may make some: the kernel kills all of one at once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Pid, getpid};
use serde::{Deserialize, Serialize};

use crate::processes::started;

/// What the folder of a process's groups begins with; its number, the moment of its start and another number follow.
const PREFIX: &str = "registry-commands-";

/// The cgroups of the commands that this process starts.
#[derive(Debug)]
pub struct Cgroups {
    /// This process's own.
    own: PathBuf,
    /// The one that has the commands' own.
    folder: PathBuf,
    number: AtomicU64,
}

impl Cgroups {
    /// Makes a cgroup below this process's own, and kills what processes that are gone have left in theirs.
    ///
    /// `None` where there is no cgroup of version 2, where this user may make none, and where the kernel can't kill one
    /// as a whole (before 5.14).
    pub fn open() -> Option<Self> {
        let own = own_cgroup()?;
        sweep(&own);
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let (this, number) = (getpid(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let folder = own.join(format!("{PREFIX}{}-{}-{number}", this.as_raw_nonzero(), started(this)?));
        fs::create_dir(&folder).ok()?;
        let cgroups = Cgroups { own, folder, number: AtomicU64::new(0) };
        // Only a process that may come back to the own cgroup can start something in another.
        let may_return = || fs::OpenOptions::new().write(true).open(cgroups.own.join("cgroup.procs")).is_ok();
        (cgroups.folder.join("cgroup.kill").exists() && may_return()).then_some(cgroups)
    }

    /// Makes one for a command.
    ///
    /// # Errors
    ///
    /// If the system refuses it.
    pub fn make(&self) -> io::Result<CommandCgroup> {
        let folder = self.folder.join(self.number.fetch_add(1, Ordering::Relaxed).to_string());
        fs::create_dir(&folder)?;
        Ok(CommandCgroup { folder, supervisor: self.own.clone() })
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        remove(&self.folder);
    }
}

/// The cgroup that one command runs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandCgroup {
    folder: PathBuf,
    /// The one that its supervisor stays in.
    supervisor: PathBuf,
}

impl CommandCgroup {
    /// Does something while this process is in the cgroup.
    pub(crate) fn within<T>(&self, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let go = |to: &Path| fs::write(to.join("cgroup.procs"), "0");
        if go(&self.folder).is_err() {
            // Without it processes are still found by who has started them.
            return act();
        }
        let done = act();
        go(&self.supervisor)?;
        done
    }

    /// Kills all that are in it.
    pub(crate) fn kill(&self) {
        let _ = fs::write(self.folder.join("cgroup.kill"), "1");
    }

    /// Removes it, with those that the command has made below it.
    pub fn remove(&self) {
        remove(&self.folder);
    }
}

/// The cgroup of this process, where the file system of version 2 is mounted.
fn own_cgroup() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let (root, mount) = mounts.lines().find_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        kind.starts_with("cgroup2 ").then_some((fields.next()?, fields.next()?))
    })?;
    let cgroups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = cgroups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let path = Path::new(path).strip_prefix(root).ok()?;
    Some(Path::new(mount).join(path))
}

/// Kills what is in the cgroups of processes that are gone, and removes these.
fn sweep(own: &Path) {
    for folder in fs::read_dir(own).into_iter().flatten().flatten() {
        let name = folder.file_name();
        let Some(owner) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
        let mut parts = owner.split('-');
        let pid = parts.next().and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
        let found = pid.and_then(started).map(|moment| moment.to_string());
        if found.as_deref() != parts.next() || found.is_none() {
            let _ = fs::write(folder.path().join("cgroup.kill"), "1");
            remove(&folder.path());
        }
    }
}

/// Removes a cgroup and those below it, as far as they are empty.
fn remove(folder: &Path) {
    for below in fs::read_dir(folder).into_iter().flatten().flatten() {
        if below.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&below.path());
        }
    }
    // One that still has a process goes with the next sweep.
    let _ = fs::remove_dir(folder);
}
