//! The servers' clients in other languages, which do the raw client's work in processes of their own.

use std::{path::PathBuf, time::Duration};

use registry_host::Registry;
use registry_interop::{Client, Lives, Process, Value};

use crate::{
    measure::{Failure, Figures},
    report::{Report, Row},
    through::{self, VALUE},
};

const SESSION: Duration = Duration::from_secs(30);

/// How long a request may take: only one that hangs takes longer.
const LIMIT: Duration = Duration::from_secs(600);

/// How many rounds are made before any is measured: what Java has not run often it has not compiled yet.
const WARMING: usize = 10;

/// Where the drivers are, if anybody has said so.
pub(crate) struct Peers(Option<PathBuf>);

/// A client that was started.
pub(crate) struct Peer {
    process: Process,
    name: &'static str,
    /// What it puts and finds, and where, as it is told.
    work: Vec<String>,
}

impl Peers {
    /// Looks for the drivers before anything is measured, since that takes minutes.
    pub(crate) fn find(built: Option<PathBuf>) -> Result<Self, Failure> {
        for client in [Client::Go, Client::Curator] {
            built.as_ref().map_or(Ok(()), |built| client.check(built))?;
        }
        Ok(Peers(built))
    }

    /// Starts a client on a server that has the keys; gives none, which the report tells, if nobody has said where it
    /// is.
    pub(crate) fn start(
        &self,
        report: &mut Report,
        client: Client,
        server: &str,
        keys: impl Iterator<Item = String>,
    ) -> Result<Option<Peer>, Failure> {
        let name = match client {
            Client::Go => "Go clientv3",
            Client::Curator => "Curator",
            other => other.name(),
        };
        let Some(built) = &self.0 else {
            report.leave_out(name);
            return Ok(None);
        };
        let process = Process::start(client, built, Lives::Minutes, server, SESSION)?;
        let work = [Value::Bytes(VALUE.to_vec()).written()].into_iter().chain(keys).collect();
        Ok(Some(Peer { process, name, work }))
    }
}

impl Peer {
    /// Measures the plugin's gets and puts against its own, then ends it.
    pub(crate) async fn measure(
        mut self,
        report: &mut Report,
        server: &str,
        plugin: &Registry,
        rounds: usize,
        calls: usize,
    ) -> Result<(), Failure> {
        for flight in [1, 64] {
            let row = |operation: &str| Row::new(format!("{server} {operation}, {flight} in flight"), self.name);
            let (mut get, mut put) = (row("get"), row("put on an existing key"));
            self.calls("get", calls * WARMING, flight).await?;
            self.calls("put", calls * WARMING, flight).await?;
            // The first round warms the plugin up again and is not counted.
            for number in 0..=rounds {
                let gets = (through::get(plugin, calls, flight).await?, self.calls("get", calls, flight).await?);
                let puts = (through::put(plugin, calls, flight).await?, self.calls("put", calls, flight).await?);
                if number > 0 {
                    get.add(gets.0, gets.1);
                    put.add(puts.0, puts.1);
                }
            }
            report.add(get);
            report.add(put);
        }
        Ok(self.process.close(LIMIT).await?)
    }

    async fn calls(&mut self, operation: &str, calls: usize, flight: usize) -> Result<Figures, Failure> {
        let (calls, flight) = (calls.to_string(), flight.to_string());
        let mut arguments = vec![operation, &calls, &flight];
        arguments.extend(self.work.iter().map(String::as_str));
        let fields = self.process.ask("bench", &arguments, LIMIT).await?;
        let [p50, per_second] = fields.as_slice() else {
            return Err(format!("{} answered bench with {fields:?}", self.name).into());
        };
        Ok(Figures { p50: Duration::from_nanos(p50.parse()?), per_second: per_second.parse()? })
    }
}
