//! The output of a task's attempts.

use registry_host::{Error, ErrorKind, Result};
use tonic::{Code, Streaming};

use super::Client;
use crate::protocol::error_of;
use crate::protocol::messages::{LogsChunk, LogsRequest};
use crate::record::{Record, TaskId};
use crate::store::no_such_task;

/// Where the output of an attempt comes from.
#[derive(Debug)]
pub enum Output {
    /// From its worker.
    Worker(Box<Followed>),
    /// The worker has it no more, or is gone: the end of it, from the record.
    Tail {
        /// The text.
        tail: String,
        /// Why that is all.
        why: String,
    },
}

/// Output that a worker sends.
#[derive(Debug)]
pub struct Followed {
    stream: Streaming<LogsChunk>,
    worker: String,
}

impl Followed {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the worker is gone.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let chunk = self.stream.message().await.map_err(|status| error_of(&status, &self.worker))?;
        Ok(chunk.map(|chunk| chunk.data))
    }
}

impl Client {
    /// Opens the output of an attempt, the last one that was begun if none is named.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no such task or attempt, or nothing is left of its output.
    pub async fn output(&self, id: &TaskId, attempt: Option<u32>, tail: Option<u64>, follow: bool) -> Result<Output> {
        let record = self.store.get(id).await?.ok_or_else(|| no_such_task(id))?.record;
        let begun = begun(&record);
        let (attempt, worker) = match attempt {
            Some(wanted) => begun.into_iter().find(|(attempt, _)| *attempt == wanted),
            None => begun.into_iter().next_back(),
        }
        .ok_or_else(|| {
            let which = attempt.map_or("none was begun".to_owned(), |attempt| format!("there is no attempt {attempt}"));
            Error::new(ErrorKind::NotFound, format!("the task {id} has no output: {which}"))
        })?;
        let failed = match self.read_at(id, attempt, &worker, tail, follow).await {
            Ok(followed) => return Ok(Output::Worker(Box::new(followed))),
            Err(error) => error,
        };
        // It may have ended meanwhile.
        let record = self.store.get(id).await?.ok_or_else(|| no_such_task(id))?.record;
        let why = failed.message().to_owned();
        match record.tail.filter(|_| record.attempt == attempt) {
            Some(tail) => Ok(Output::Tail { tail, why }),
            None => {
                let message = format!("no output is left of attempt {attempt} of the task {id}: {why}");
                Err(Error::new(ErrorKind::NotFound, message))
            }
        }
    }

    async fn read_at(
        &self,
        id: &TaskId,
        attempt: u32,
        worker: &str,
        tail: Option<u64>,
        follow: bool,
    ) -> Result<Followed> {
        let request = LogsRequest { id: id.as_str().to_owned(), attempt, tail, follow };
        let stream = self.channels.worker(worker)?.logs(request).await.map_err(|status| match status.code() {
            Code::NotFound => Error::new(ErrorKind::NotFound, format!("the worker {worker} has it no more")),
            _ => error_of(&status, &format!("the worker {worker}")),
        })?;
        Ok(Followed { stream: stream.into_inner(), worker: format!("the worker {worker}") })
    }
}

/// The attempts that a worker has accepted, each with the worker's address.
fn begun(record: &Record) -> Vec<(u32, String)> {
    let earlier = record.earlier.iter().filter(|earlier| earlier.attempt != record.attempt);
    let earlier = earlier.filter_map(|earlier| Some((earlier.attempt, earlier.worker.as_ref()?.address.clone())));
    let last = record.worker.as_ref().filter(|_| record.state != crate::record::State::Sent);
    earlier.chain(last.map(|worker| (record.attempt, worker.address.clone()))).collect()
}
