//! The files of the spool, each replaced as a whole.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::Kept;
use crate::record::TaskId;

/// The end of the name of a file that is being written.
const NEW: &str = "new";

/// The end of the name of a file that can't be read.
const UNREADABLE: &str = "unreadable";

/// The folder that the files are in.
#[derive(Debug)]
pub(super) struct Files(PathBuf);

impl Files {
    /// Reads all that are there.
    pub(super) fn open(folder: &Path) -> io::Result<(Self, Vec<Kept>)> {
        fs::create_dir_all(folder)?;
        let files = Files(folder.to_owned());
        let mut found = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some(NEW) => fs::remove_file(&path)?,
                Some("json") => match files.read(&path) {
                    Ok(kept) => found.push(kept),
                    Err(why) => files.set_aside(&path, &why)?,
                },
                _ => {}
            }
        }
        Ok((files, found))
    }

    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    fn read(&self, path: &Path) -> Result<Kept, String> {
        let text = fs::read(path).map_err(|error| error.to_string())?;
        let kept: Kept = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        let (id, attempt) = match &kept {
            Kept::Begun { id, attempt, .. } => (id, *attempt),
            Kept::Ended(spooled) => (&spooled.result.id, spooled.result.attempt),
        };
        match self.path(id, attempt) == path {
            true => Ok(kept),
            false => Err(format!("it is of attempt {attempt} of the task {id}")),
        }
    }

    fn set_aside(&self, path: &Path, why: &str) -> io::Result<()> {
        let aside = path.with_extension(format!("json.{UNREADABLE}"));
        tracing::warn!(file = %path.display(), why, "the result of a task can't be read, it is set aside");
        fs::rename(path, aside)
    }

    /// Writes a file in place of what is there; if it is to outlive a power failure, waits until it would.
    pub(super) fn write(&self, id: &TaskId, attempt: u32, kept: &Kept, lasting: bool) -> io::Result<()> {
        let path = self.path(id, attempt);
        let new = path.with_extension(format!("json.{NEW}"));
        let mut file = File::create(&new)?;
        let written = file.write_all(&serde_json::to_vec(kept)?).and_then(|()| match lasting {
            true => file.sync_all(),
            false => Ok(()),
        });
        if let Err(error) = written.and_then(|()| fs::rename(&new, &path)) {
            // Half a file takes room that is needed.
            let _ = fs::remove_file(&new);
            return Err(error);
        }
        if lasting { File::open(&self.0)?.sync_all() } else { Ok(()) }
    }

    pub(super) fn remove(&self, id: &TaskId, attempt: u32) {
        match fs::remove_file(self.path(id, attempt)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                // It is sent again after a restart, which changes nothing.
                tracing::warn!(task = %id, attempt, %error, "a recorded result can't be removed from the disk");
            }
            _ => {}
        }
    }

    fn path(&self, id: &TaskId, attempt: u32) -> PathBuf {
        self.0.join(format!("{id}.{attempt}.json"))
    }
}
