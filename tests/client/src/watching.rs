//! Looking at what a watch tells.

use std::sync::Arc;

use registry_plugin::{Backend, Event, Key, Scope, WatchSink, watch::DetachedWatch};
use tokio::{task::JoinHandle, time::timeout};

use crate::{Client, LIMIT};

/// A watch that runs until what it tells is dropped.
pub struct Running {
    told: DetachedWatch,
    /// The watch itself; it ends once what it tells is dropped.
    pub task: JoinHandle<registry_plugin::Result<()>>,
}

/// Begins a watch.
pub fn watch<B: Backend>(client: &Arc<Client<B>>, at: &'static str, scope: Scope) -> Running {
    let (sink, told) = WatchSink::detached(Key::from_checked(at), scope);
    let client = client.clone();
    let task = tokio::spawn(async move { client.watch(Key::from_checked(at), scope, sink).await });
    Running { told, task }
}

impl Running {
    /// The next event in words, `+` before a new key and `-` before one that is gone.
    pub async fn next(&mut self) -> String {
        match timeout(LIMIT, self.told.next()).await.expect("an event in time") {
            Some(Ok(Event::Put { entry, new })) => {
                format!("{}{} {}", if new { "+" } else { "" }, entry.key, String::from_utf8_lossy(&entry.value))
            }
            Some(Ok(Event::Delete { last })) => format!("-{} {}", last.key, String::from_utf8_lossy(&last.value)),
            Some(Ok(Event::Synced)) => "synced".to_owned(),
            Some(Err(error)) => format!("{error}"),
            other => format!("{other:?}"),
        }
    }

    /// All up to the next `Synced`.
    pub async fn synced(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        loop {
            match self.next().await {
                event if event == "synced" => return told,
                event => told.push(event),
            }
        }
    }

    /// Drops what is told and waits until the watch has ended.
    pub async fn end(self) {
        drop(self.told);
        timeout(LIMIT, self.task).await.expect("in time").expect("no panic").expect("no error");
    }
}
