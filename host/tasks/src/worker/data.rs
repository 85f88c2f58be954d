//! The folder that is a worker's own.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use registry_host::{Error, ErrorKind, Result};
use rustix::process::geteuid;

use crate::settings::Listening;

/// How many workers of one machine may be on any free port without a folder of their own.
const MOST: usize = 1000;

const IN_USE: &str = "another worker of this machine uses it";

/// A folder that no other worker uses while this is kept.
pub(super) struct Data {
    folder: PathBuf,
    _lock: File,
}

impl Data {
    /// Opens a folder; without one, that of the address below the one for temporary files.
    ///
    /// A worker on any free port has another address each time: it takes the first folder that no other uses, so that
    /// the results of one that has ended are found.
    pub(super) fn open(listening: &Listening, folder: Option<&Path>, registry: &str, address: &str) -> Result<Self> {
        if let Some(folder) = folder {
            return Self::lock(folder)?.ok_or_else(|| refused(folder, "can't be used", &io::Error::other(IN_USE)));
        }
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let name = |name: String| {
            let plain = |letter: char| if letter.is_alphanumeric() || ".-_".contains(letter) { letter } else { '_' };
            let name: String = name.chars().map(plain).collect();
            std::env::temp_dir().join(format!("registry-worker-{name}"))
        };
        if listening.port != 0 {
            let folder = name(address.to_owned());
            return Self::lock(&folder)?.ok_or_else(|| refused(&folder, "can't be used", &io::Error::other(IN_USE)));
        }
        for number in 1..=MOST {
            // Those of another registry have results that nobody here knows of.
            if let Some(data) = Self::lock(&name(format!("{host}-{registry}-{number}")))? {
                return Ok(data);
            }
        }
        let folder = name(format!("{host}-{registry}-{MOST}"));
        Err(refused(&folder, "can't be used", &io::Error::other("other workers use it and all before it")))
    }

    /// Takes a folder, unless another worker has it.
    fn lock(folder: &Path) -> Result<Option<Self>> {
        let refused = |what: &str, error: &io::Error| refused(folder, what, error);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| refused("can't be made", &error))?;
        // Somebody else may have made one of that name where all may write.
        let about = fs::symlink_metadata(folder).map_err(|error| refused("can't be read", &error))?;
        if about.is_symlink() && folder.starts_with(std::env::temp_dir()) || about.uid() != geteuid().as_raw() {
            return Err(refused("can't be used", &io::Error::other("it is not this user's own")));
        }
        let lock = File::create(folder.join("lock")).map_err(|error| refused("can't be written", &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Data { folder: folder.to_owned(), _lock: lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_on_any_port_finds_former_results() {
        let listening =
            Listening { section: "worker", ip: [127, 0, 0, 1].into(), port: 0, advertised: Some("h".to_owned()) };
        let registry = format!("test/{}", uuid::Uuid::new_v4());
        let open = |port: u16| Data::open(&listening, None, &registry, &format!("h:{port}")).unwrap();
        let (first, second) = (open(1), open(2));
        assert_ne!(first.folder(), second.folder());
        let (left, other) = (first.folder().to_owned(), second.folder().to_owned());
        drop(first);
        assert_eq!(open(3).folder(), left);
        drop(second);
        for folder in [left, other] {
            fs::remove_dir_all(folder).unwrap();
        }
    }
}
