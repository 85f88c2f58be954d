//! A client that nobody here wrote, in a process of its own, driven by lines.
//!
//! A request is a line: a verb and its arguments, with tabs between them. So is its answer: `ok` and fields, or `error` and a message.
//! One request is done after the other. Keys are the server's own; values are in hexadecimal, ZooKeeper's null is `-`.
//!
//! | request | is answered with |
//! |---|---|
//! | `lock KEY` | the holder's entry in the queue, once the lock is held |
//! | `unlock` | |
//! | `put KEY VALUE`, `ephemeral KEY VALUE` | |
//! | `get KEY` | the value, or no field |
//! | `tree KEY` | the key and its value, if it is there; then keys and values of all below |
//! | `delete KEY` | |
//! | `close` | ends the session, then the process |
//!
//! At the end of its input a driver ends at once, as if it had crashed.

use std::{process::Stdio, time::Duration};

use registry_suite::within;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout},
};

use crate::{clients::Client, place::SESSION};

/// How long an answer may take; that of a lock waits for all who are before it.
const LIMIT: Duration = Duration::from_secs(60);

/// A driver and its session.
pub(crate) struct Driver {
    client: Client,
    process: Child,
    requests: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    /// What the server's keys begin with.
    prefix: String,
}

/// What a key holds on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// ZooKeeper's null.
    Null,
    /// Any bytes, none included.
    Bytes(Vec<u8>),
}

impl Driver {
    /// Starts a client on a server; the keys that it is asked for lie below the prefix.
    pub(crate) fn start(client: Client, server: &str, prefix: &str) -> Self {
        let mut command = client.command();
        command.arg(server).arg(SESSION.as_secs().to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap_or_else(|error| panic!("{} can't be started: {error}", client.name()));
        let requests = process.stdin.take().expect("its input is a pipe");
        let answers = BufReader::new(process.stdout.take().expect("its output is a pipe")).lines();
        Self { client, process, requests, answers, prefix: prefix.to_owned() }
    }

    /// Whose client it is.
    pub(crate) fn client(&self) -> Client {
        self.client
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
    pub(crate) async fn close(mut self) {
        self.ask("close", &[]).await;
        let ended = within("the driver ends", LIMIT, self.process.wait()).await.expect("it can be waited for");
        assert!(ended.success(), "{} ended with {ended}", self.client.name());
    }

    /// Ends its process alone: the session stays until its timeout.
    pub(crate) async fn kill(mut self) {
        self.process.kill().await.expect("it can be killed");
    }

    async fn ask(&mut self, verb: &str, arguments: &[&str]) -> Vec<String> {
        let name = self.client.name();
        let line = [&[verb], arguments].concat().join("\t") + "\n";
        let answer = within(format!("{name} answers {verb}"), LIMIT, async {
            self.requests.write_all(line.as_bytes()).await?;
            self.answers.next_line().await
        });
        let answer = answer.await.unwrap_or_else(|error| panic!("{name} can't be asked to {verb}: {error}"));
        let answer = answer.unwrap_or_else(|| panic!("{name} ended instead of answering {verb}"));
        let mut fields = answer.split('\t');
        assert_eq!(fields.next(), Some("ok"), "{name} answered {verb} {arguments:.99?} with {answer:.999}");
        fields.map(str::to_owned).collect()
    }

    fn place(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn key(&self, place: &str) -> String {
        let key = place.strip_prefix(&self.prefix);
        key.unwrap_or_else(|| panic!("{place} lies outside of {}", self.prefix)).to_owned()
    }
}

impl Value {
    /// What the registry reads: a null value is an empty one.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Null => Vec::new(),
            Self::Bytes(bytes) => bytes,
        }
    }

    fn written(&self) -> String {
        match self {
            Self::Null => "-".to_owned(),
            Self::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }

    fn read(text: &str) -> Self {
        if text == "-" {
            return Self::Null;
        }
        let digit = |digit: &u8| char::from(*digit).to_digit(16).expect("a hexadecimal digit") as u8;
        let bytes = text.as_bytes().chunks(2).map(|byte| byte.iter().fold(0, |sum, next| sum << 4 | digit(next)));
        Self::Bytes(bytes.collect())
    }
}
