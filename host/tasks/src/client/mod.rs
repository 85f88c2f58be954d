//! What a client does: it submits, cancels, waits, and asks why a task waits.

mod output;
mod why;

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use registry_cluster::{Cluster, Options, Role};
use registry_host::{Error, ErrorKind, Event, Registry, Result};
use tokio::time::{Instant, sleep};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Request, Status};

pub use self::output::{Followed, Output};
pub use self::why::Why;
use crate::protocol::messages::{CancelRequest, DrainRequest, RetryRequest, SubmitRequest};
use crate::protocol::{Channels, MasterClient, error_of};
use crate::record::{Cancel, Record, Spec, TaskId};
use crate::settings::ServersSettings;
use crate::store::{Store, Stored, no_such_task, read};
use crate::trace::{Step, TRACEPARENT};

/// How long masters are looked for, and asked again that give no answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client of the masters and workers on a registry.
#[derive(Clone, Debug)]
pub struct Client {
    store: Store,
    cluster: Cluster,
    channels: Channels,
}

/// A task that was submitted, now or before.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// Its record.
    pub record: Record,
    /// Whether it was there before.
    pub existed: bool,
}

impl Client {
    /// A client that sees who is there.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` for a token or a certificate that can't be read; as [`Cluster::open`].
    pub async fn open(registry: &Registry, servers: &ServersSettings) -> Result<Self> {
        let channels = Channels::new(servers)?;
        // Nothing is registered here: how servers take part makes no difference.
        let cluster = Cluster::open(registry.clone(), Options::default()).await?;
        Ok(Client { store: Store::new(registry.clone()), cluster, channels })
    }

    /// The records.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Who is there.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Submits a task; twice under one id is once.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` for a task that can't be run; `Unavailable` if no master takes it.
    pub async fn submit(&self, id: &TaskId, spec: &Spec) -> Result<Submitted> {
        spec.check()?;
        let written = serde_json::to_vec(spec)
            .map_err(|error| Error::new(ErrorKind::Other, "the task can't be written").with_cause(&error))?;
        let step = Step::submitting(id);
        let trace = step.traceparent().and_then(|trace| trace.parse::<MetadataValue<Ascii>>().ok());
        let reply = self.ask(|mut master: MasterClient| {
            let mut request = Request::new(SubmitRequest { id: id.as_str().to_owned(), spec: written.clone() });
            if let Some(trace) = &trace {
                request.metadata_mut().insert(TRACEPARENT, trace.clone());
            }
            async move { Ok(master.submit(request).await?.into_inner()) }
        });
        let reply = match reply.await {
            Ok(reply) => reply,
            Err(error) => {
                step.failed(error.to_string());
                return Err(error);
            }
        };
        Ok(Submitted { record: record(&reply.record)?, existed: reply.existed })
    }

    /// Cancels a task; gives its record as it is then.
    ///
    /// # Errors
    ///
    /// `NotFound`; `ConditionFailed` if it has ended; `Unavailable` if there is no master.
    pub async fn cancel(&self, id: &TaskId, cancel: Cancel) -> Result<Record> {
        let reply = self.ask(|mut master: MasterClient| {
            let Cancel { signal, grace } = cancel;
            let request = CancelRequest { id: id.as_str().to_owned(), signal, grace_ms: grace };
            async move { Ok(master.cancel(request).await?.into_inner()) }
        });
        record(&reply.await?.record)
    }

    /// Queues a task again that has ended.
    ///
    /// # Errors
    ///
    /// `NotFound`; `ConditionFailed` if it has not ended; `Unavailable` if there is no master.
    pub async fn retry(&self, id: &TaskId) -> Result<Record> {
        let reply = self.ask(|mut master: MasterClient| {
            let request = RetryRequest { id: id.as_str().to_owned() };
            async move { Ok(master.retry(request).await?.into_inner()) }
        });
        record(&reply.await?.record)
    }

    /// Has a worker finish what it runs, and leave.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is none at the address; `Unavailable` if there is no master.
    pub async fn drain(&self, address: &str) -> Result<()> {
        let reply = self.ask(|mut master: MasterClient| {
            let request = DrainRequest { address: address.to_owned() };
            async move { Ok(master.drain(request).await?.into_inner()) }
        });
        reply.await.map(drop)
    }

    /// Waits until a task is as somebody wants it to be; gives its record then.
    ///
    /// # Errors
    ///
    /// `NotFound` if it is removed; `Other` if its record can't be read; as [`Registry::watch`].
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn wait(&self, id: &TaskId, mut so: impl FnMut(&Record) -> bool) -> Result<Stored> {
        let mut watch = self.store.watch(Some(id)).await?;
        let mut is_there = false;
        while let Some(event) = watch.next().await {
            match event? {
                Event::Put { entry, .. } => match read(&entry) {
                    Some(Ok(stored)) => {
                        is_there = true;
                        if so(&stored.record) {
                            return Ok(stored);
                        }
                    }
                    Some(Err(unreadable)) => {
                        return Err(Error::new(ErrorKind::Other, unreadable.why)
                            .or_key(entry.key)
                            .with_key_in_message());
                    }
                    None => {}
                },
                Event::Delete { .. } => is_there = false,
                _ => {}
            }
            if !is_there {
                return Err(no_such_task(id));
            }
        }
        Err(Error::new(ErrorKind::Closed, "the registry was closed"))
    }

    /// Asks one master after the other until one answers.
    async fn ask<T, F>(&self, ask: impl Fn(MasterClient) -> F + Send + Sync) -> Result<T>
    where
        // An `AsyncFn` would do, but its futures can't be said to be `Send`.
        F: Future<Output = std::result::Result<T, Status>> + Send,
    {
        let until = Instant::now() + PATIENCE;
        let mut pauses =
            ExponentialBuilder::new().with_min_delay(Duration::from_millis(100)).without_max_times().build();
        loop {
            let mut masters: Vec<String> = self.masters();
            // Another first for each client, so that none has all of them.
            fastrand::shuffle(&mut masters);
            let mut failed = None;
            for address in &masters {
                match ask(self.channels.master(address)?).await.map_err(|status| error_of(&status, address)) {
                    Ok(answer) => return Ok(answer),
                    Err(error) if error.is_retryable() => failed = Some(error),
                    Err(error) => return Err(error),
                }
            }
            let pause = pauses.next().unwrap_or(PATIENCE);
            // One that is refused by all for good is not asked for long.
            let is_final = failed.as_ref().is_some_and(|error| error.kind() != ErrorKind::Unavailable);
            if is_final || Instant::now() + pause >= until {
                return Err(failed.unwrap_or_else(no_master));
            }
            if masters.is_empty() && self.cluster.registry().plugin().name() == "memory" {
                // None will come: the registry is this process's own.
                return Err(no_master().with_cause_text("registry.type is memory, which is each process's own"));
            }
            sleep(pause).await;
        }
    }

    /// The masters that hand tasks out.
    fn masters(&self) -> Vec<String> {
        let members = self.cluster.masters().now();
        let ours = members.iter().filter(|member| {
            member.role == Role::Master && member.heartbeat.as_ref().is_ok_and(|beat| beat.keeps_record)
        });
        ours.map(|member| member.address.clone()).collect()
    }
}

fn no_master() -> Error {
    let message = "no master is running: start one with 'registry master'";
    Error::new(ErrorKind::Unavailable, message).set_retryable(true)
}

fn record(value: &[u8]) -> Result<Record> {
    Record::parse(value)
        .map_err(|why| Error::new(ErrorKind::Other, format!("the master's answer can't be read: {why}")))
}
