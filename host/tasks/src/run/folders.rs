//! The folders of tasks at a worker.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The folders of all tasks that a worker has run.
#[derive(Debug)]
pub(super) struct Folders(PathBuf);

/// The folders of one attempt.
#[derive(Debug)]
pub(super) struct AttemptFolders {
    /// What the command runs in.
    pub(super) work: PathBuf,
    /// What its output is in.
    pub(super) output: PathBuf,
}

impl Folders {
    pub(super) fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Folders(folder))
    }

    /// Makes those of an attempt, replacing those that are there.
    pub(super) fn make(&self, id: &str, attempt: u32) -> io::Result<AttemptFolders> {
        let folder = self.of(id)?.join(attempt.to_string());
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let folders = AttemptFolders { work: folder.join("work"), output: folder.join("output") };
        fs::create_dir_all(&folders.work)?;
        fs::create_dir(&folders.output)?;
        Ok(folders)
    }

    /// The output of an attempt, or of the last one.
    pub(super) fn output(&self, id: &str, attempt: Option<u32>) -> io::Result<Option<PathBuf>> {
        let folder = self.of(id)?;
        let attempt = match attempt {
            Some(attempt) => Some(attempt),
            None => numbers(&folder)?.into_iter().max(),
        };
        let output = attempt.map(|attempt| folder.join(attempt.to_string()).join("output"));
        Ok(output.filter(|output| output.is_dir()))
    }

    pub(super) fn clean(&self, id: &str, attempt: u32) -> io::Result<()> {
        match fs::remove_dir_all(self.of(id)?.join(attempt.to_string()).join("work")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) fn clean_all(&self) -> io::Result<()> {
        for folder in self.attempts()? {
            let work = folder.join("work");
            if let Err(error) = fs::remove_dir_all(&work)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(folder = %work.display(), %error, "the folder of a former command can't be removed");
            }
        }
        Ok(())
    }

    /// Removes the oldest outputs, not those of commands that run.
    pub(super) fn prune(&self, most_bytes: u64, most_attempts: usize) -> io::Result<()> {
        let mut kept: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for folder in self.attempts()? {
            // One that has what its command runs in is not recorded yet.
            let Ok(about) = fs::metadata(folder.join("output")) else { continue };
            if folder.join("work").is_dir() {
                continue;
            }
            kept.push((about.modified().unwrap_or(SystemTime::UNIX_EPOCH), size(&folder.join("output")), folder));
        }
        kept.sort();
        let (mut bytes, mut count) = (kept.iter().map(|(_, size, _)| size).sum::<u64>(), kept.len());
        for (_, size, folder) in kept {
            if bytes <= most_bytes && count <= most_attempts {
                break;
            }
            fs::remove_dir_all(&folder)?;
            // Its task may have others.
            let _ = folder.parent().map(fs::remove_dir);
            (bytes, count) = (bytes - size, count - 1);
        }
        Ok(())
    }

    fn attempts(&self) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for task in fs::read_dir(&self.0)? {
            let task = task?.path();
            found.extend(numbers(&task)?.into_iter().map(|attempt| task.join(attempt.to_string())));
        }
        Ok(found)
    }

    fn of(&self, id: &str) -> io::Result<PathBuf> {
        // It becomes a segment of a path, so it is checked here again.
        let plain = !id.is_empty() && !id.starts_with('.') && !id.contains(['/', '\0']);
        let refused = || io::Error::new(io::ErrorKind::InvalidInput, format!("{id:?} is not an id of a task"));
        plain.then(|| self.0.join(id)).ok_or_else(refused)
    }
}

/// The attempts of a task that there are folders of.
fn numbers(task: &Path) -> io::Result<Vec<u32>> {
    match fs::read_dir(task) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(error),
        Ok(entries) => Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()),
    }
}

fn size(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|about| about.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_outputs_are_pruned_oldest_first() {
        let data = tempfile::tempdir().unwrap();
        let folders = Folders::open(data.path().join("tasks")).unwrap();
        for (attempt, cleaned) in [(1, true), (2, false), (3, true)] {
            let made = folders.make("a", attempt).unwrap();
            fs::write(made.output.join("0"), [0; 10]).unwrap();
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(u64::from(attempt));
            fs::File::open(&made.output).unwrap().set_modified(time).unwrap();
            if cleaned {
                folders.clean("a", attempt).unwrap();
            }
        }
        folders.prune(10, 9).unwrap();
        let left = |attempt| folders.output("a", Some(attempt)).unwrap().is_some();
        assert_eq!([1, 2, 3].map(left), [false, true, true]);
        folders.prune(0, 9).unwrap();
        assert_eq!(folders.output("a", None).unwrap(), Some(data.path().join("tasks/a/2/output")));
    }

    #[test]
    fn an_id_can_not_lead_anywhere_else() {
        let data = tempfile::tempdir().unwrap();
        let folders = Folders::open(data.path().join("tasks")).unwrap();
        for id in ["", "..", ".hidden", "a/../../b"] {
            assert!(folders.make(id, 1).is_err(), "{id:?}");
            assert!(folders.output(id, None).is_err(), "{id:?}");
        }
    }
}
