//! What is seen in a run, as it comes in.

use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    path::Path,
    sync::{Mutex, PoisonError},
};

use registry_chaos::tasks::Observation;

/// Where everybody's observations come together.
#[derive(Default)]
pub(super) struct Notes(Mutex<Vec<Observation>>);

impl Notes {
    pub(super) fn add(&self, observation: Observation) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(observation);
    }

    /// All of them, in the order in which they came.
    pub(super) fn take(&self) -> Vec<Observation> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Writes observations, one to a line.
pub(super) fn write(path: &Path, seen: &[Observation]) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for observation in seen {
        serde_json::to_writer(&mut file, observation)?;
        file.write_all(b"\n")?;
    }
    file.flush()
}

/// Reads what was written.
pub(crate) fn read(path: &Path) -> io::Result<Vec<Observation>> {
    let text = std::fs::read_to_string(path)?;
    let read = text.lines().enumerate().map(|(number, line)| {
        serde_json::from_str(line)
            .map_err(|error| io::Error::other(format!("{}:{}: {error}", path.display(), number + 1)))
    });
    read.collect()
}
