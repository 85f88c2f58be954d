//! A driver in the trials: it answers what it is asked, or the trial fails.

use std::{path::Path, time::Duration};

use registry_interop::{Client, Lives, Process, Value};

use crate::namespace::SESSION;

/// How long an answer may take; that of a lock waits for all who are before it.
const LIMIT: Duration = Duration::from_secs(60);

/// A driver and its session.
pub(crate) struct Driver {
    process: Process,
    /// What the server's keys begin with.
    prefix: String,
}

impl Driver {
    /// Starts a client on a server; the keys that it is asked for lie below the prefix.
    pub(crate) fn start(client: Client, built: &Path, server: &str, prefix: &str) -> Self {
        let process = Process::start(client, built, Lives::Seconds, server, SESSION);
        Self { process: process.unwrap_or_else(|error| panic!("{error}")), prefix: prefix.to_owned() }
    }

    /// Whose client it is.
    pub(crate) fn client(&self) -> Client {
        self.process.client()
    }

    /// Waits for a lock; gives the key of its entry in the queue.
    pub(crate) async fn lock(&mut self, key: &str) -> String {
        let entry = self.ask("lock", &[&self.place(key)]).await.pop().expect("a lock has an entry");
        self.key(&entry)
    }

    /// Releases the lock that it holds.
    pub(crate) async fn unlock(&mut self) {
        self.ask("unlock", &[]).await;
    }

    pub(crate) async fn put(&mut self, key: &str, value: &Value) {
        self.ask("put", &[&self.place(key), &value.written()]).await;
    }

    pub(crate) async fn put_ephemeral(&mut self, key: &str, value: &Value) {
        self.ask("ephemeral", &[&self.place(key), &value.written()]).await;
    }

    pub(crate) async fn get(&mut self, key: &str) -> Option<Value> {
        self.ask("get", &[&self.place(key)]).await.pop().map(|value| Value::read(&value))
    }

    /// The key's own entry and all below it.
    pub(crate) async fn tree(&mut self, key: &str) -> Vec<(String, Value)> {
        let fields = self.ask("tree", &[&self.place(key)]).await;
        fields.chunks_exact(2).map(|pair| (self.key(&pair[0]), Value::read(&pair[1]))).collect()
    }

    pub(crate) async fn delete(&mut self, key: &str) {
        self.ask("delete", &[&self.place(key)]).await;
    }

    /// Ends its session, then its process.
    pub(crate) async fn close(self) {
        self.process.close(LIMIT).await.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Ends its process alone: the session stays until its timeout.
    pub(crate) async fn kill(self) {
        self.process.kill().await.unwrap_or_else(|error| panic!("{error}"));
    }

    async fn ask(&mut self, verb: &str, arguments: &[&str]) -> Vec<String> {
        self.process.ask(verb, arguments, LIMIT).await.unwrap_or_else(|error| panic!("{error}"))
    }

    fn place(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn key(&self, path: &str) -> String {
        let key = path.strip_prefix(&self.prefix);
        key.unwrap_or_else(|| panic!("{path} lies outside of {}", self.prefix)).to_owned()
    }
}
