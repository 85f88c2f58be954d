//! The calls that are measured, made through a plugin: the same for each backend.

use std::sync::Arc;

use registry_host::{Event, Registry, Scope};
use tokio::task::JoinHandle;

use crate::{
    measure::{Failure, Figures, round},
    watched_versions::WatchedVersions,
};

/// How many keys the calls go round.
pub(crate) const KEYS: usize = 64;

/// What is put.
pub(crate) const VALUE: [u8; 100] = [b'x'; 100];

const PARENT: &str = "/bench";

fn key(number: usize) -> String {
    format!("{PARENT}/{}", number % KEYS)
}

/// Puts every key, so that none is put for the first time in a round.
pub(crate) async fn prepare(plugin: &Registry) -> Result<(), Failure> {
    for number in 0..KEYS {
        plugin.put(&key(number), VALUE).await?;
    }
    Ok(())
}

pub(crate) async fn get(plugin: &Registry, calls: usize, flight: usize) -> Result<Figures, Failure> {
    let plugin = plugin.clone();
    round(calls, flight, move |number| {
        let plugin = plugin.clone();
        async move { plugin.get(&key(number)).await?.map(|_| ()).ok_or_else(|| "the key is gone".into()) }
    })
    .await
}

pub(crate) async fn put(plugin: &Registry, calls: usize, flight: usize) -> Result<Figures, Failure> {
    let plugin = plugin.clone();
    round(calls, flight, move |number| {
        let plugin = plugin.clone();
        async move {
            plugin.put(&key(number), VALUE).await?;
            Ok(())
        }
    })
    .await
}

/// From the beginning of a put to its event.
pub(crate) async fn put_to_event(
    plugin: &Registry,
    told: &Arc<WatchedVersions>,
    calls: usize,
    flight: usize,
) -> Result<Figures, Failure> {
    let (plugin, told) = (plugin.clone(), Arc::clone(told));
    round(calls, flight, move |number| {
        let (plugin, told) = (plugin.clone(), Arc::clone(&told));
        async move {
            let key = key(number);
            let version = plugin.put(&key, VALUE).await?;
            told.wait(&key, version.get()).await
        }
    })
    .await
}

/// Watches all keys; the task lasts until it is aborted.
pub(crate) async fn watch(plugin: &Registry, told: &Arc<WatchedVersions>) -> Result<JoinHandle<()>, Failure> {
    let mut watch = plugin.watch(PARENT, Scope::Subtree).await?;
    let told = Arc::clone(told);
    Ok(tokio::spawn(async move {
        while let Some(Ok(event)) = watch.next().await {
            if let Event::Put { entry, .. } = event {
                told.tell(&entry.key, entry.version.get());
            }
        }
    }))
}
