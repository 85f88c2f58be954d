//! A client that nobody here wrote, in a process of its own, driven by lines.
//!
//! A request is a line: a verb and its arguments, with tabs between them. So is its answer: `ok` and fields, or `error`
//! and a message. One request is done after the other. Keys are the server's own; values are in hexadecimal,
//! ZooKeeper's null is `-`.
//!
//! | request | is answered with |
//! |---|---|
//! | `lock KEY` | the holder's entry in the queue, once the lock is held |
//! | `unlock` | |
//! | `put KEY VALUE`, `ephemeral KEY VALUE` | |
//! | `get KEY` | the value, or no field |
//! | `tree KEY` | the key and its value, if it is there; then keys and values of all below |
//! | `delete KEY` | |
//! | `bench get CALLS FLIGHT VALUE KEY…`, `bench put …` | the calls' median latency in nanoseconds, and how many were made per second |
//! | `write KEY SECONDS` | the longest time from one put that succeeded to the next, or to the end, in nanoseconds; how many succeeded; how many failed |
//! | `close` | ends the session, then the process |
//!
//! `bench` goes round the keys, which are there, with FLIGHT calls at a time; a get that finds another value fails.
//! `write` puts again and again, one after the other, each with a second to succeed where the client knows deadlines.
//! Those that are not measured know neither.
//!
//! Servers of DolphinScheduler are asked for other things: see `dolphinscheduler/*/java/peer`. So are Dubbo's:
//! `started` has one begin, and `call COUNT` has a consumer call, which is answered with how often each answer or error
//! came.
//!
//! At the end of its input a driver ends at once, as if it had crashed.

use std::{path::Path, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout},
    time::timeout,
};

use crate::{Client, Lives};

/// A driver's process, which is killed if this is dropped.
pub struct Process {
    client: Client,
    child: Child,
    requests: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts the driver in the folder that `tests/interop/build` made, with a session on a server, or on several with
    /// commas between them.
    ///
    /// # Errors
    ///
    /// Why it can't be started.
    pub fn start(client: Client, built: &Path, lives: Lives, server: &str, session: Duration) -> Result<Self, String> {
        Self::run(client, built, lives, &[server, &session.as_secs().to_string()])
    }

    /// Starts a driver with arguments of its own.
    ///
    /// # Errors
    ///
    /// Why it can't be started.
    pub fn run(client: Client, built: &Path, lives: Lives, arguments: &[&str]) -> Result<Self, String> {
        let mut command = client.command(built, lives);
        command.args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| format!("{} can't be started: {error}", client.name()))?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(format!("{} has no pipes", client.name()));
        };
        Ok(Self { client, child, requests, answers: BufReader::new(answers).lines() })
    }

    /// Whose client it is.
    pub fn client(&self) -> Client {
        self.client
    }

    /// Asks for something and gives the answer's fields.
    ///
    /// # Errors
    ///
    /// What it answered instead, or that it ended or took longer than `limit`.
    pub async fn ask(&mut self, verb: &str, arguments: &[&str], limit: Duration) -> Result<Vec<String>, String> {
        let name = self.client.name();
        let line = [&[verb], arguments].concat().join("\t") + "\n";
        let answer = timeout(limit, async {
            self.requests.write_all(line.as_bytes()).await?;
            self.answers.next_line().await
        });
        let answer = answer.await.map_err(|_| format!("{name} did not answer {verb} within {limit:?}"))?;
        let answer = answer.map_err(|error| format!("{name} can't be asked to {verb}: {error}"))?;
        let answer = answer.ok_or_else(|| format!("{name} ended instead of answering {verb}"))?;
        let mut fields = answer.split('\t');
        if fields.next() != Some("ok") {
            return Err(format!("{name} answered {verb} {arguments:.99?} with {answer:.999}"));
        }
        Ok(fields.map(str::to_owned).collect())
    }

    /// Ends its session, then its process.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask), and if the process fails.
    pub async fn close(mut self, limit: Duration) -> Result<(), String> {
        self.ask("close", &[], limit).await?;
        let name = self.client.name();
        let ended = timeout(limit, self.child.wait()).await;
        let ended = ended.map_err(|_| format!("{name} did not end within {limit:?}"))?;
        let ended = ended.map_err(|error| format!("{name} can't be waited for: {error}"))?;
        if ended.success() { Ok(()) } else { Err(format!("{name} ended with {ended}")) }
    }

    /// Ends its process alone: the session stays until its timeout.
    ///
    /// # Errors
    ///
    /// If it can't be killed.
    pub async fn kill(mut self) -> Result<(), String> {
        self.child.kill().await.map_err(|error| format!("{} can't be killed: {error}", self.client.name()))
    }
}
