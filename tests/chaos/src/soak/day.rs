//! The day: what happens in it, minute after minute, as fast as it goes.

use std::{path::Path, time::Duration};

use futures_util::future::try_join_all;
use registry_host::{Guard, Registry};
use tokio::time::{sleep, timeout};

use super::{
    hosts::{EACH, Host, LONG},
    sample::Sample,
    server::{Kind, Server},
};
use crate::run::Failure;

/// How many hosts there are.
const HOSTS: usize = 4;
/// How often a member beats in a minute: once in ten seconds.
const BEATS: u64 = 6;
/// After how many minutes all connections break.
const BREAKS: u64 = 60;
/// After how many minutes one of the hosts is started again.
const RESTARTS: u64 = 20;
/// After how many minutes the server tidies up.
const TIDIES: u64 = 30;
const LOCK: &str = "/lock/master";

/// A day that was lived through.
pub(super) struct Lived {
    pub(super) samples: Vec<Sample>,
    /// What was done in it.
    pub(super) done: String,
}

/// Lives through so many hours, and looks every so many minutes what is held.
pub(super) async fn live(kind: Kind, plugin_dir: &Path, hours: u64, every: u64) -> Result<Lived, Failure> {
    let server = tokio::task::block_in_place(|| Server::start(kind))?;
    let mut hosts = Vec::new();
    for number in 0..HOSTS {
        hosts.push(Host::open(&server, plugin_dir, number).await?);
    }
    let (mut beats, mut hand_overs, mut breaks, mut restarts, mut events) = (0, 0, 0, 0, 0);
    let mut guard = take(hosts[0].registry.clone()).await?;
    let mut samples: Vec<Sample> = Vec::new();
    for minute in 1..=hours * 60 {
        if minute % BREAKS == BREAKS / 2 {
            server.reset();
            breaks += 1;
        }
        for _ in 0..BEATS {
            beats += 1;
            let beat = beats;
            try_join_all(hosts.iter().map(|host| host.beat(beat))).await?;
        }
        // The next host waits for the lock when the one that has it lets go.
        let waiting = tokio::spawn(take(hosts[minute as usize % HOSTS].registry.clone()));
        release(guard).await?;
        guard = waiting.await??;
        hand_overs += 1;
        if minute % RESTARTS == 0 {
            // Not the one that has the lock.
            let at = (minute as usize + 1) % HOSTS;
            let host = hosts.remove(at);
            events += host.events();
            host.close().await?;
            hosts.insert(at, Host::open(&server, plugin_dir, at).await?);
            hosts[at].beat(beats).await?;
            restarts += 1;
        }
        if minute % TIDIES == 0 {
            tokio::task::block_in_place(|| server.tidy())?;
        }
        if minute % every == 0 {
            for host in &hosts {
                host.knows(&hosts, beats).await?;
            }
            let sample = Sample::take(minute, &server, &samples).await;
            samples.push(sample);
        }
    }
    release(guard).await?;
    for host in hosts {
        events += host.events();
        host.close().await?;
    }
    let done = format!(
        "{} heartbeats, {events} events, {hand_overs} hand-overs, {breaks} breaks, {restarts} restarts",
        beats * (HOSTS * EACH) as u64
    );
    Ok(Lived { samples, done })
}

/// Acquires the lock, retrying: the network may break.
async fn take(registry: Registry) -> Result<Guard, Failure> {
    let taking = async {
        loop {
            match registry.lock(LOCK).await {
                Err(error) if error.is_retryable() => sleep(Duration::from_millis(20)).await,
                had => return had,
            }
        }
    };
    Ok(timeout(LONG, taking).await??)
}

/// Gives it back; what is not answered goes on in the background.
async fn release(guard: Guard) -> Result<(), Failure> {
    match guard.release().await {
        Err(error) if !error.is_retryable() => Err(error.into()),
        _ => Ok(()),
    }
}
