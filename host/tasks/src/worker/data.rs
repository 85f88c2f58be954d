//! The folder that is a worker's own.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use registry_host::{Error, ErrorKind, Result};
use rustix::process::geteuid;

/// A folder that no other worker uses while this is kept.
pub(super) struct Data {
    folder: PathBuf,
    _lock: File,
}

impl Data {
    /// Opens a folder; without one, that of the address below the one for temporary files.
    pub(super) fn open(folder: Option<&Path>, address: &str) -> Result<Self> {
        let name = || format!("registry-worker-{}", address.replace([':', '/', '[', ']'], "_"));
        let folder = folder.map_or_else(|| std::env::temp_dir().join(name()), Path::to_owned);
        let refused = |what: &str, error: &io::Error| refused(&folder, what, error);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|error| refused("can't be made", &error))?;
        // Somebody else may have made one of that name where all may write.
        let about = fs::symlink_metadata(&folder).map_err(|error| refused("can't be read", &error))?;
        if about.is_symlink() && folder.starts_with(std::env::temp_dir()) || about.uid() != geteuid().as_raw() {
            return Err(refused("can't be used", &io::Error::other("it is not this user's own")));
        }
        let lock = File::create(folder.join("lock")).map_err(|error| refused("can't be written", &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Data { folder, _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(refused("can't be used", &io::Error::other("another worker of this machine uses it")))
            }
            Err(TryLockError::Error(error)) => Err(refused("can't be locked", &error)),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn refused(&self, what: &str, error: &io::Error) -> Error {
        refused(&self.folder, what, error)
    }
}

fn refused(folder: &Path, what: &str, error: &io::Error) -> Error {
    let message = format!("the worker's folder {} {what}", folder.display());
    Error::new(ErrorKind::InvalidConfig, message).or_key("worker.data-dir").with_cause(error)
}
