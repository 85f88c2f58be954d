//! What keeps the board up to date.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use registry_cluster::{Change, Cluster, MemberFilter};
use registry_host::{Event, Registry, Result, Scope, Watch};
use registry_tasks::record::now;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Metrics,
    board::{Board, Measured},
    operations::Figures,
};

/// How often servers are measured, and the registry's answer.
const PERIOD: Duration = Duration::from_secs(5);

/// How long to wait before a watch that has ended is opened again.
const PAUSE: Duration = Duration::from_secs(1);

/// Watches everything.
///
/// # Errors
///
/// As [`Registry::watch`].
pub(crate) async fn open(registry: &Registry) -> Result<Watch> {
    registry.watch("/", Scope::Subtree).await
}

/// Follows all entries, and opens the watch again if it ends.
pub(crate) fn entries(registry: Registry, board: Arc<Board>, watch: Watch) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut watch = watch;
        loop {
            let why = follow(&registry, &board, watch).await;
            let Some(why) = why else { return };
            tracing::warn!(cause = why, "the page's watch has ended, and is opened again");
            board.change(|known| known.broken = Some(why));
            watch = loop {
                sleep(PAUSE).await;
                if let Ok(watch) = open(&registry).await {
                    break watch;
                }
            };
            board.change(|known| {
                known.broken = None;
                known.forget_entries();
            });
        }
    }))
}

/// Why the watch has ended; `None` once the registry is closed.
async fn follow(registry: &Registry, board: &Board, mut watch: Watch) -> Option<String> {
    let plugin = registry.plugin().metadata();
    let mut synced = false;
    while let Some(event) = watch.next().await {
        match event {
            Ok(Event::Synced) => synced = true,
            Ok(event) => board.change(|known| known.take(&event, plugin, synced, now())),
            Err(error) => return Some(error.to_string()),
        }
    }
    None
}

/// Follows the session of this process.
pub(crate) fn session(registry: Registry, board: Arc<Board>) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut states = registry.session().states();
        let mut clock = interval(PERIOD);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                state = states.next() => {
                    let Some(state) = state else { return };
                    board.change(|known| {
                        known.session = Some((state, now()));
                        known.tell("session", &state.to_string(), registry.session().id().to_string(), now());
                    });
                }
                _ = clock.tick() => {
                    let asked = Instant::now();
                    let server = registry.server().await.ok().map(|server| (server, asked.elapsed()));
                    let server = server.map(|(server, took)| (server, took.as_secs_f64() * 1e3));
                    board.change(|known| known.server = server);
                }
            }
        }
    }))
}

/// Reads what changes most often, and looks how much later the page's watch tells of the same.
pub(crate) fn lag(registry: Registry, board: Arc<Board>) -> AbortOnDropHandle<()> {
    let told = metrics::histogram!("registry_watch_lag_seconds", "backend" => registry.plugin().name().to_owned());
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut clock = interval(PERIOD);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            clock.tick().await;
            let Some((key, _)) = board.known().changed_last() else { continue };
            let Ok(Some(entry)) = registry.get(&key).await else { continue };
            let (read, mut changes) = (Instant::now(), board.changes());
            let has_told = async {
                loop {
                    changes.mark_unchanged();
                    match board.known().owned.get(&key) {
                        Some(owned) if owned.version < entry.version => {}
                        _ => return,
                    }
                    if changes.changed().await.is_err() {
                        return;
                    }
                }
            };
            // One that tells nothing for so long is as late as can be seen here.
            let _ = timeout(PERIOD, has_told).await;
            told.record(read.elapsed());
            board.change(|known| known.lag = Some(read.elapsed().as_secs_f64() * 1e3));
        }
    }))
}

/// Reads what this process measures of its own calls.
pub(crate) fn operations(metrics: Metrics, board: Arc<Board>) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut clock = interval(PERIOD);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = Figures::read(&metrics());
        loop {
            clock.tick().await;
            let now = Figures::read(&metrics());
            board.change(|known| (known.operations, known.watches) = (now.since(&before), now.watches));
            before = now;
        }
    }))
}

/// Follows the servers, and remembers what they say of their machines.
pub(crate) fn members(cluster: Cluster, board: Arc<Board>) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let members = cluster.members(MemberFilter::All);
        let mut changes = members.changes();
        let mut clock = interval(PERIOD);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                change = changes.next() => {
                    let Some(change) = change else { return };
                    board.change(|known| match change {
                        Change::Joined(member) => known.tell("joined", &member.address, who(&member), now()),
                        Change::Left(member) => known.tell("left", &member.address, who(&member), now()),
                        _ => {}
                    });
                }
                _ = clock.tick() => board.change(|known| {
                    let there = members.now();
                    let name = |member: &registry_cluster::Member| format!("{} {}", member.role, member.address);
                    known.measured.retain(|server, _| there.iter().any(|member| name(member) == *server));
                    // A worker of several groups says the same in each.
                    let beats = there.iter().filter_map(|member| Some((name(member), member.heartbeat.as_ref().ok()?)));
                    let servers: BTreeMap<_, _> = beats.collect();
                    for (server, beat) in servers {
                        let (cpu, memory, load) = (beat.cpu_usage, beat.memory_usage, beat.load_average);
                        known.measure(server, Measured { cpu, memory, load });
                    }
                }),
            }
        }
    }))
}

fn who(member: &registry_cluster::Member) -> String {
    match &member.group {
        Some(group) => format!("{} of {group}", member.role),
        None => member.role.to_string(),
    }
}
