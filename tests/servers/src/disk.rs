//! Disks that can be filled: file systems in memory, in a mount namespace of the process's own.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::{Error, Result};

/// The program that is to be added to this command runs in a mount namespace of its own, in which it may give servers
/// disks; `None` where the system has none for it.
pub fn mount_namespace() -> Option<Command> {
    let namespace = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "--"]);
        command
    };
    // Some systems give the namespace and then refuse to mount in it.
    let mut tried = namespace();
    tried.args(["mount", "-t", "tmpfs", "tmpfs", "/tmp"]).stdout(Stdio::null()).stderr(Stdio::null());
    tried.status().is_ok_and(|status| status.success()).then(namespace)
}

/// A file system in memory; it is unmounted when dropped, and gone when nobody uses it any more.
pub(crate) struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Mounts one of so many bytes in that folder, which it makes.
    pub(crate) fn mount(folder: &Path, bytes: u64) -> Result<Self> {
        let size = CString::new(format!("size={bytes},mode=700")).map_err(Error::during("naming a disk's size"))?;
        fs::create_dir(folder).map_err(Error::during(format!("making {}", folder.display())))?;
        mount("tmpfs", folder, "tmpfs", MountFlags::NODEV | MountFlags::NOSUID, &*size).map_err(Error::during(
            format!("mounting a disk at {}, which takes a mount namespace of one's own", folder.display()),
        ))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Leaves no room at all.
    pub(crate) fn fill(&self) -> Result<()> {
        let chunk = vec![0; 1 << 20];
        let fill = || {
            let mut filler = File::create(self.filler())?;
            let mut length = chunk.len();
            // Ever smaller, to the last byte.
            while length > 0 {
                match filler.write_all(&chunk[..length]) {
                    Ok(()) => {}
                    Err(error) if is_full(&error) => length /= 2,
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        };
        fill().map_err(Error::during(format!("filling the disk at {}", self.folder.display())))
    }

    /// Makes the room again that was there before it was filled.
    pub(crate) fn make_room(&self) -> Result<()> {
        let filler = self.filler();
        fs::remove_file(&filler).map_err(Error::during(format!("removing {}", filler.display())))
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Its server may be about to end. It fails only for one that is not mounted any more.
        let _ = unmount(&self.folder, UnmountFlags::DETACH);
    }
}

fn is_full(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::NOSPC)
}
