//! Alerting somebody: a command is run for each server that is gone, and for each task that ended badly.

use std::process::Stdio;

use registry_cluster::Departed;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::spawn;
use crate::record::Record;
use crate::settings::AlertSettings;

/// How many alerts may wait for the command; more are left out, and a line in the log says so.
const WAITING: usize = 256;

/// What tells of alerts.
#[derive(Clone, Debug)]
pub(super) struct Alerts(Option<mpsc::Sender<Value>>);

impl Alerts {
    /// Begins to run the command; nothing is done where none is configured.
    pub(super) fn begin(settings: &AlertSettings) -> (Self, Option<AbortOnDropHandle<()>>) {
        let Some(command) = settings.command.clone() else { return (Alerts(None), None) };
        let (tell, told) = mpsc::channel(WAITING);
        let (told, limit) = (std::sync::Arc::new(Mutex::new(told)), settings.timeout);
        let alerting = spawn("alerting", move || {
            let (told, command) = (std::sync::Arc::clone(&told), command.clone());
            async move {
                // Held by nobody else: one that panicked has released it.
                let mut told = told.lock().await;
                while let Some(alert) = told.recv().await {
                    match timeout(limit, run(&command, &alert)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(why)) => tracing::warn!(%alert, why, "the command of master.alert.command has failed"),
                        Err(_) => tracing::warn!(%alert, ?limit, "the command of master.alert.command took too long"),
                    }
                }
            }
        });
        (Alerts(Some(tell)), Some(alerting))
    }

    /// Whether anybody is alerted.
    pub(super) fn are_wanted(&self) -> bool {
        self.0.is_some()
    }

    /// A task has ended badly.
    pub(super) fn task(&self, record: &Record) {
        self.tell(json!({
            "kind": "task",
            "id": record.id,
            "state": record.state,
            "attempt": record.attempt,
            "worker": record.worker.as_ref().map(|worker| &worker.address),
            "exitCode": record.exit_code,
            "why": record.why,
            "group": record.spec.group,
            "command": record.spec.command,
        }));
    }

    /// A server is gone that has not left in order.
    pub(super) fn server(&self, departed: &Departed) {
        self.tell(json!({
            "kind": "server",
            "role": departed.role,
            "address": departed.address,
            "processId": departed.incarnation.process_id,
            "restarted": departed.restarted,
        }));
    }

    fn tell(&self, alert: Value) {
        if let Some(tell) = &self.0
            && let Err(error) = tell.try_send(alert)
        {
            tracing::warn!(%error, "an alert is left out: the command of master.alert.command is too slow");
        }
    }
}

async fn run(command: &str, alert: &Value) -> Result<(), String> {
    let text = |name: &str| alert[name].as_str().unwrap_or_default().to_owned();
    let spawned = Command::new("sh")
        .args(["-c", command])
        .env("REGISTRY_ALERT_KIND", text("kind"))
        .env("REGISTRY_ALERT_ABOUT", if alert["kind"] == "task" { text("id") } else { text("address") })
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
