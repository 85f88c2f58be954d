//! Alerting somebody of each server that is gone, and of each task that ended badly: by a command, a webhook, or both.

mod command;
mod webhook;

use std::sync::Arc;

use registry_cluster::Departed;
use registry_host::Result;
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc};
use tokio_util::task::AbortOnDropHandle;

pub(crate) use self::webhook::parse;
use self::{command::Command, webhook::Webhook};
use super::spawn;
use crate::record::Record;
use crate::settings::AlertSettings;

/// How many alerts may wait for each; more are left out, and a line in the log says so.
const WAITING: usize = 256;

/// What tells of alerts.
#[derive(Clone, Debug, Default)]
pub(super) struct Alerts(Vec<Way>);

/// One way of telling.
#[derive(Clone, Debug)]
struct Way {
    /// The key that asks for it.
    key: &'static str,
    tell: mpsc::Sender<Arc<Value>>,
}

impl Alerts {
    /// Begins to tell in each way that is configured.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` for certificates of this machine that can't be read.
    pub(super) fn begin(settings: &AlertSettings) -> Result<(Self, Vec<AbortOnDropHandle<()>>)> {
        let (mut alerts, mut tasks) = (Alerts::default(), Vec::new());
        if let Some(command) = &settings.command {
            let command = Arc::new(Command::new(command.clone(), settings.timeout));
            tasks.push(alerts.tell_by("master.alert.command", move |alert| {
                let command = Arc::clone(&command);
                async move { command.tell(&alert).await }
            }));
        }
        if let Some(url) = &settings.webhook {
            let webhook = Arc::new(Webhook::new(url, settings.timeout)?);
            tasks.push(alerts.tell_by("master.alert.webhook", move |alert| {
                let webhook = Arc::clone(&webhook);
                async move { webhook.tell(&alert).await }
            }));
        }
        Ok((alerts, tasks))
    }

    fn tell_by<F>(
        &mut self,
        key: &'static str,
        way: impl Fn(Arc<Value>) -> F + Clone + Send + Sync + 'static,
    ) -> AbortOnDropHandle<()>
    where
        F: Future<Output = Result<(), String>> + Send,
    {
        let (tell, told) = mpsc::channel::<Arc<Value>>(WAITING);
        self.0.push(Way { key, tell });
        let told = Arc::new(Mutex::new(told));
        spawn("alerting", move || {
            let (told, way) = (Arc::clone(&told), way.clone());
            async move {
                // Held by nobody else: one that panicked has released it.
                let mut told = told.lock().await;
                while let Some(alert) = told.recv().await {
                    if let Err(why) = way(Arc::clone(&alert)).await {
                        tracing::warn!(%alert, why, "{key} has failed");
                    }
                }
            }
        })
    }

    /// Whether anybody is alerted.
    pub(super) fn are_wanted(&self) -> bool {
        !self.0.is_empty()
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
        let alert = Arc::new(alert);
        for way in &self.0 {
            if let Err(error) = way.tell.try_send(Arc::clone(&alert)) {
                tracing::warn!(%error, "an alert is left out: {} is too slow", way.key);
            }
        }
    }
}

/// What an alert is about: a task's id, or a server's address.
fn about(alert: &Value) -> &str {
    let key = if alert["kind"] == "task" { "id" } else { "address" };
    alert[key].as_str().unwrap_or_default()
}
