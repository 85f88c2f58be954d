//! Reading what a command has written, also while it writes.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use registry_supervisor::output::{read, tail_start};
use tokio::sync::watch;
use tokio::time::timeout;

use super::Finished;

/// How much is read at once.
const CHUNK: usize = 64 << 10;

/// How soon it is looked again whether there is more.
const LOOK: Duration = Duration::from_millis(100);

/// The output of an attempt, from the beginning, or from one of its last lines on.
#[derive(Debug)]
pub struct Logs {
    folder: PathBuf,
    at: u64,
    following: Option<watch::Receiver<Option<Arc<Finished>>>>,
}

impl Logs {
    pub(super) fn new(folder: PathBuf) -> Self {
        Logs { folder, at: 0, following: None }
    }

    /// Begins with so many lines of the end.
    ///
    /// # Errors
    ///
    /// If the files can't be read.
    pub async fn last_lines(mut self, lines: u64) -> io::Result<Self> {
        let folder = self.folder.clone();
        self.at = blocking(move || tail_start(&folder, lines)).await?;
        Ok(self)
    }

    /// Goes on until the command has ended.
    pub fn follow(mut self, finished: watch::Receiver<Option<Arc<Finished>>>) -> Self {
        self.following = Some(finished);
        self
    }

    /// What comes next; `None` at the end. Where something was dropped a line says so.
    ///
    /// # Errors
    ///
    /// If the files can't be read.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            // What it wrote before it ended is there when it has ended.
            let is_over = match &self.following {
                Some(finished) => finished.borrow().is_some() || finished.has_changed().is_err(),
                None => true,
            };
            let (folder, at) = (self.folder.clone(), self.at);
            let part = blocking(move || read(&folder, at, CHUNK)).await?;
            let gap = part.start.saturating_sub(self.at);
            self.at = part.start + part.bytes.len() as u64;
            if gap > 0 {
                let said = format!("\n[{gap} bytes of the output were not kept]\n");
                return Ok(Some([said.into_bytes(), part.bytes].concat()));
            }
            match &mut self.following {
                _ if !part.bytes.is_empty() => return Ok(Some(part.bytes)),
                Some(finished) if !is_over => {
                    let _ = timeout(LOOK, finished.changed()).await;
                }
                _ => return Ok(None),
            }
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
