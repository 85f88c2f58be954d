//! A file that has passed every check that is possible before it is loaded.

use std::{
    fs::{File, Metadata},
    io::{Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use registry_api::Result;
use rustix::fs::{Mode, OFlags};

use super::{digest::Digest, elf, reject::rejected, trust::Trust};

/// What tells one state of a file from another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    pub(crate) inode: (u64, u64),
    size: u64,
    modified: (i64, i64),
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Identity {
            inode: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// A trusted, whole library of this machine, of the digest that was asked for, held open.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// The path that was asked for, for messages.
    pub(crate) asked: PathBuf,
    /// The same without symbolic links.
    pub(crate) file: PathBuf,
    pub(crate) identity: Identity,
    open: File,
}

impl Candidate {
    /// Checks, in this order, who could have written the file, that it is a whole library of this machine, and its
    /// digest.
    ///
    /// # Errors
    ///
    /// `PluginRejected`.
    pub(crate) fn check(path: &Path, trust: &Trust, pin: Option<&[u8; 32]>) -> Result<Self> {
        let unreadable = |error: std::io::Error| rejected(path, format_args!("it can't be read: {error}"));
        let file = trust.resolve(path)?;
        // Without NONBLOCK a FIFO that has just taken the file's place would be waited for.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        let open = File::from(rustix::fs::open(&file, flags, Mode::empty()).map_err(|errno| unreadable(errno.into()))?);
        let identity = Identity::of(&open.metadata().map_err(unreadable)?);
        let candidate = Candidate { asked: path.to_owned(), file, identity, open };

        elf::check(&candidate.open).map_err(|reason| rejected(path, reason))?;
        if let Some(pin) = pin {
            let pin = Digest(*pin);
            (&candidate.open).seek(SeekFrom::Start(0)).map_err(unreadable)?;
            let digest = Digest::of(&candidate.open).map_err(unreadable)?;
            if digest != pin {
                return Err(rejected(
                    path,
                    format_args!(
                        "its SHA-256 is {digest}, registry.plugin-sha256 wants {pin}: install that file, or correct the \
                         digest if this one is right"
                    ),
                ));
            }
        }
        candidate.check_unchanged()?;
        Ok(candidate)
    }

    /// Makes sure that the path still leads to what was checked, and that nobody has written to it since.
    pub(crate) fn check_unchanged(&self) -> Result<()> {
        let same = |metadata: std::io::Result<Metadata>| metadata.is_ok_and(|m| Identity::of(&m) == self.identity);
        if same(self.open.metadata()) && same(std::fs::symlink_metadata(&self.file)) {
            return Ok(());
        }
        Err(rejected(&self.asked, "it changed while it was being loaded: try again once it is installed"))
    }
}
