//! The history as it comes in.

use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use registry_chaos::history::{Event, Record, Who, now};

/// Where everybody's lines come together: in a file, so that they are there whatever becomes of the run.
#[derive(Clone)]
pub(crate) struct History(Arc<Mutex<Written>>);

struct Written {
    path: PathBuf,
    file: BufWriter<File>,
    records: Vec<Record>,
    /// What the file could not take.
    failed: Option<io::Error>,
}

impl History {
    pub(crate) fn create(path: PathBuf) -> io::Result<Self> {
        let file = BufWriter::new(File::create(&path)?);
        Ok(History(Arc::new(Mutex::new(Written { path, file, records: Vec::new(), failed: None }))))
    }

    /// Adds a line of the conductor's own.
    pub(crate) fn tell(&self, event: Event) {
        let mut written = self.written();
        written.add(Record { at: now(), who: Who::Chaos, event });
    }

    /// Adds a line on something that should not be.
    pub(crate) fn wrong(&self, what: impl Into<String>) {
        self.tell(Event::Wrong { what: what.into() });
    }

    /// Adds a client's line.
    pub(crate) fn add(&self, record: Record) {
        self.written().add(record);
    }

    /// Writes the file again, in the order of time, and gives what is in it.
    pub(crate) fn finish(&self) -> io::Result<Vec<Record>> {
        let mut written = self.written();
        if let Some(error) = written.failed.take() {
            return Err(error);
        }
        written.file.flush()?;
        let mut records = std::mem::take(&mut written.records);
        records.sort_by_key(|record| record.at);
        let mut file = BufWriter::new(File::create(&written.path)?);
        for record in &records {
            line(&mut file, record)?;
        }
        file.flush()?;
        Ok(records)
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Written {
    fn add(&mut self, record: Record) {
        if let Err(error) = line(&mut self.file, &record) {
            self.failed.get_or_insert(error);
        }
        self.records.push(record);
    }
}

fn line(file: &mut BufWriter<File>, record: &Record) -> io::Result<()> {
    serde_json::to_writer(&mut *file, record)?;
    file.write_all(b"\n")
}

/// Reads a history that was written.
pub(crate) fn read(path: &Path) -> io::Result<Vec<Record>> {
    let text = std::fs::read_to_string(path)?;
    let lines = text.lines().enumerate();
    let read = lines.map(|(number, line)| {
        serde_json::from_str(line)
            .map_err(|error| io::Error::other(format!("{}:{}: {error}", path.display(), number + 1)))
    });
    read.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: u64, what: &str) -> Record {
        Record { at, who: Who::Client(0, 1), event: Event::Wrong { what: what.to_owned() } }
    }

    #[test]
    fn lines_are_sorted_by_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("history.jsonl");
        let history = History::create(path.clone()).expect("a file");
        for record in [line(2, "b"), line(3, "c"), line(1, "a")] {
            history.add(record);
        }
        let sorted = vec![line(1, "a"), line(2, "b"), line(3, "c")];
        assert_eq!(history.finish().expect("it is written"), sorted);
        assert_eq!(read(&path).expect("it can be read"), sorted);
    }

    #[test]
    fn a_line_that_is_no_record_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("history.jsonl");
        std::fs::write(&path, "{}\n").expect("a file");
        let error = read(&path).expect_err("it is not a record").to_string();
        assert!(error.contains("history.jsonl:1: "), "{error}");
    }
}
