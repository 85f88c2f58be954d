//! A server of DolphinScheduler in the trials: it answers what it is asked, or the trial fails.

use std::{path::Path, time::Duration};

use registry_interop::{Client, Lives, Process};

/// How long an answer may take; that of a lock waits for all who are before it.
const LIMIT: Duration = Duration::from_secs(60);

/// A server of theirs in a process of its own.
pub(crate) struct Peer(Process);

impl Peer {
    /// Starts one; it is registered when it has answered for the first time.
    pub(crate) fn start(client: Client, built: &Path, arguments: &[&str]) -> Self {
        Self(Process::run(client, built, Lives::Seconds, arguments).unwrap_or_else(|error| panic!("{error}")))
    }

    /// Asks for something; gives the answer's fields, sorted.
    pub(crate) async fn ask(&mut self, verb: &str, arguments: &[&str]) -> Vec<String> {
        let mut fields = self.0.ask(verb, arguments, LIMIT).await.unwrap_or_else(|error| panic!("{error}"));
        fields.sort_unstable();
        fields
    }

    /// Ends its process.
    pub(crate) async fn close(self) {
        self.0.close(LIMIT).await.unwrap_or_else(|error| panic!("{error}"));
    }
}
