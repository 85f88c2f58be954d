//! A client's wall clock, which can be set while it runs.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::Failure;

/// Tells a process another time of day than it is: a library that is loaded before all others adds what a file says.
/// Clocks that can't be set are left alone.
pub(crate) struct Clock {
    library: PathBuf,
    file: PathBuf,
}

impl Clock {
    /// A clock that is right, and reads a file of that name.
    pub(crate) fn new(folder: &Path, name: &str) -> Result<Self, Failure> {
        let clock = Clock { library: library()?, file: fs::canonicalize(folder)?.join(name) };
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
        // A reader must not find half of it meanwhile.
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

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_is_told_another_time_of_day() {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::new(folder.path(), "clock").expect("the library is there");
        let year = || {
            let date = Command::new("date").args(["-u", "+%Y"]).envs(clock.environment()).output().expect("date runs");
            String::from_utf8_lossy(&date.stdout).trim().parse::<u32>().expect("a year")
        };
        let now = year();
        clock.set(-20 * 366 * 24 * 3_600).expect("it can be set");
        let then = year();
        assert!(then.abs_diff(now - 20) <= 1, "{then} is 20 years before {now}");
    }
}
