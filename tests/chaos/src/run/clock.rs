//! A client's wall clock, which can be set while it runs.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::Failure;

/// Tells a process another time of day than it is: a library that is loaded before all others adds what a file says. Clocks that
/// can't be set are left alone.
pub(crate) struct Clock {
    library: PathBuf,
    file: PathBuf,
}

impl Clock {
    /// A clock that is right, and reads this file.
    pub(crate) fn new(file: &Path) -> Result<Self, Failure> {
        let clock = Clock {
            library: library()?,
            file: fs::canonicalize(file.parent().unwrap_or(file))?.join(file.file_name().unwrap_or_default()),
        };
        clock.set(0)?;
        Ok(clock)
    }

    /// What a process's environment must say to have this clock.
    pub(crate) fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }

    /// Puts it so many seconds ahead.
    pub(crate) fn set(&self, seconds: i64) -> io::Result<()> {
        // Whoever reads it meanwhile must not find half of it.
        let whole = self.file.with_extension("new");
        fs::write(&whole, format!("{seconds:+}\n"))?;
        fs::rename(whole, &self.file)
    }
}

/// Where Debian puts it, by the machine's kind.
fn library() -> Result<PathBuf, Failure> {
    let folders = fs::read_dir("/usr/lib")?.flatten().map(|folder| folder.path());
    let found = folders.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|library| library.is_file());
    found.ok_or_else(|| {
        "libfaketime is missing: run `make install-servers`, or install it (Debian's package libfaketime)".into()
    })
}
