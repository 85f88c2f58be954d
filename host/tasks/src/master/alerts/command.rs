//! A command that is run for each alert.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use super::about;

/// `master.alert.command`.
pub(super) struct Command {
    command: String,
    limit: Duration,
}

impl Command {
    pub(super) fn new(command: String, limit: Duration) -> Self {
        Command { command, limit }
    }

    /// Runs it; why that failed, if it did.
    pub(super) async fn tell(&self, alert: &Value) -> Result<(), String> {
        let late = |_| Err(format!("it took longer than {:?}", self.limit));
        timeout(self.limit, self.run(alert)).await.unwrap_or_else(late)
    }

    async fn run(&self, alert: &Value) -> Result<(), String> {
        let spawned = tokio::process::Command::new("sh")
            .args(["-c", &self.command])
            .env("REGISTRY_ALERT_KIND", alert["kind"].as_str().unwrap_or_default())
            .env("REGISTRY_ALERT_ABOUT", about(alert))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let mut child = spawned.map_err(|error| format!("it can't be run: {error}"))?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that doesn't read it has no need of it.
            let _ = stdin.write_all(format!("{alert}\n").as_bytes()).await;
        }
        match child.wait().await {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(status.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }
}
