//! ZooKeeper: get, put and put-to-event through the plugin, against the raw zookeeper-client and Curator.

use std::sync::Arc;

use registry_host::Registry;
use registry_interop::Client as PeerClient;
use registry_test_servers::ZooKeeper;
use zookeeper_client::{Acls, AddWatchMode, Client, CreateMode, EventType};

use crate::{
    apart::Apart,
    measure::{Failure, Figures, round},
    open::Plugins,
    peers::Peers,
    report::{Report, Row},
    through::{self, KEYS, VALUE},
    watched_versions::WatchedVersions,
};

const RAW_PARENT: &str = "/raw";

pub(crate) async fn measure(
    report: &mut Report,
    plugins: &Plugins,
    peers: &Peers,
    rounds: usize,
    calls: usize,
) -> Result<(), Failure> {
    let server = ZooKeeper::start()?;
    report.version("ZooKeeper", &server.version()?);
    let servers = server.connect_string();
    let plugin = plugins.open("zookeeper", &[format!("registry.zookeeper.connect-string={servers}")]).await?;
    let raw = Arc::new(Client::connect(&servers).await?);
    let threads = Apart::start()?;
    let apart = Arc::new(threads.open(async move { Client::connect(&servers).await }).await?);
    through::prepare(&plugin).await?;
    let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
    raw.create(RAW_PARENT, b"", &options).await?;
    for number in 0..KEYS {
        raw.create(&raw_key(number), &VALUE, &options).await?;
    }
    for flight in [1, 64] {
        let row =
            |operation: &str, against: &str| Row::new(format!("ZooKeeper {operation}, {flight} in flight"), against);
        let mut get = row("get", "zookeeper-client");
        let mut get_apart = row("get", "zookeeper-client, on threads of its own");
        let mut put = row("put on an existing key", "zookeeper-client");
        let mut put_apart = row("put on an existing key", "zookeeper-client, on threads of its own");
        // The first round warms both sides up and is not counted.
        for number in 0..=rounds {
            let gets = (through::get(&plugin, calls, flight).await?, raw_get(&raw, calls, flight).await?);
            let puts = (through::put(&plugin, calls, flight).await?, raw_put(&raw, calls, flight).await?);
            let apart = (raw_get(&apart, calls, flight).await?, raw_put(&apart, calls, flight).await?);
            if number > 0 {
                get.add(gets.0, gets.1);
                get_apart.add(gets.0, apart.0);
                put.add(puts.0, puts.1);
                put_apart.add(puts.0, apart.1);
            }
        }
        [get, get_apart, put, put_apart].into_iter().for_each(|row| report.add(row));
    }
    if let Some(peer) = peers.start(report, PeerClient::Curator, &server.connect_string(), (0..KEYS).map(raw_key))? {
        peer.measure(report, "ZooKeeper", &plugin, rounds, calls).await?;
    }
    events(report, &plugin, &raw, rounds, calls).await?;
    plugin.close().await?;
    Ok(())
}

fn raw_key(number: usize) -> String {
    format!("{RAW_PARENT}/{}", number % KEYS)
}

async fn raw_get(raw: &Arc<Client>, calls: usize, flight: usize) -> Result<Figures, Failure> {
    let raw = Arc::clone(raw);
    round(calls, flight, move |number| {
        let raw = Arc::clone(&raw);
        async move {
            raw.get_data(&raw_key(number)).await?;
            Ok(())
        }
    })
    .await
}

async fn raw_put(raw: &Arc<Client>, calls: usize, flight: usize) -> Result<Figures, Failure> {
    let raw = Arc::clone(raw);
    round(calls, flight, move |number| {
        let raw = Arc::clone(&raw);
        async move {
            raw.set_data(&raw_key(number), &VALUE, None).await?;
            Ok(())
        }
    })
    .await
}

/// From the beginning of a put to its event. The raw client's event says what has changed and no more, so that it is
/// read: as anybody must who wants to know the state.
async fn events(
    report: &mut Report,
    plugin: &Registry,
    raw: &Arc<Client>,
    rounds: usize,
    calls: usize,
) -> Result<(), Failure> {
    let told = Arc::new(WatchedVersions::default());
    let pumping = through::watch(plugin, &told).await?;
    let mut watcher = raw.watch(RAW_PARENT, AddWatchMode::PersistentRecursive).await?;
    let (pump, reader) = (Arc::clone(&told), Arc::clone(raw));
    let raw_pumping = tokio::spawn(async move {
        loop {
            let event = watcher.changed().await;
            if event.event_type == EventType::NodeDataChanged
                && let Ok((_, stat)) = reader.get_data(&event.path).await
            {
                pump.tell(&event.path, stat.mzxid.unsigned_abs());
            }
        }
    });
    for flight in [1, 64] {
        let mut row = Row::new(format!("ZooKeeper put to its event, {flight} in flight"), "zookeeper-client");
        for number in 0..=rounds {
            let through = through::put_to_event(plugin, &told, calls, flight).await?;
            let (client, told_of) = (Arc::clone(raw), Arc::clone(&told));
            let direct = round(calls, flight, move |number| {
                let (client, told) = (Arc::clone(&client), Arc::clone(&told_of));
                async move {
                    let key = raw_key(number);
                    let stat = client.set_data(&key, &VALUE, None).await?;
                    told.wait(&key, stat.mzxid.unsigned_abs()).await
                }
            });
            let direct = direct.await?;
            if number > 0 {
                row.add(through, direct);
            }
        }
        report.add(row);
    }
    pumping.abort();
    raw_pumping.abort();
    Ok(())
}
