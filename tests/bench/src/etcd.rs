//! etcd: get, put and put-to-event through the plugin, against the raw etcd-client and Go's clientv3.

use std::sync::Arc;

use etcd_client::{Client, Compare, CompareOp, Txn, TxnOp, WatchOptions};
use registry_host::Registry;
use registry_interop::Client as PeerClient;
use registry_test_servers::Etcd;

use crate::{
    apart::Apart,
    measure::{Failure, Figures, round},
    open::Plugins,
    peers::Peers,
    report::{Report, Row},
    through::{self, KEYS, VALUE},
    watched_versions::WatchedVersions,
};

const RAW_PARENT: &str = "raw/bench";

pub(crate) async fn measure(
    report: &mut Report,
    plugins: &Plugins,
    peers: &Peers,
    rounds: usize,
    calls: usize,
) -> Result<(), Failure> {
    let server = Etcd::start()?;
    report.version("etcd", &server.version()?);
    let plugin = plugins.open("etcd", &[format!("registry.etcd.endpoints={}", server.endpoint())]).await?;
    let raw = Client::connect([server.endpoint()], None).await?;
    let threads = Apart::start()?;
    let endpoint = server.endpoint();
    let apart = threads.open(async move { Client::connect([endpoint], None).await }).await?;
    through::prepare(&plugin).await?;
    for number in 0..KEYS {
        raw.kv_client().put(raw_key(number), VALUE, None).await?;
    }
    for flight in [1, 64] {
        let row = |operation: &str, against: &str| Row::new(format!("etcd {operation}, {flight} in flight"), against);
        let mut get = row("get", "etcd-client");
        let mut get_apart = row("get", "etcd-client, on threads of its own");
        let mut put = row("put on an existing key", "etcd-client");
        let mut txn = row("put on an existing key", "etcd-client, as a Txn");
        let mut txn_apart = row("put on an existing key", "etcd-client, as a Txn, on threads of its own");
        // The first round warms both sides up and is not counted.
        for number in 0..=rounds {
            let gets = (through::get(&plugin, calls, flight).await?, raw_get(&raw, calls, flight).await?);
            let puts = (through::put(&plugin, calls, flight).await?, raw_put(&raw, calls, flight).await?);
            let txns = (raw_txn(&raw, calls, flight).await?, raw_txn(&apart, calls, flight).await?);
            let got_apart = raw_get(&apart, calls, flight).await?;
            if number > 0 {
                get.add(gets.0, gets.1);
                get_apart.add(gets.0, got_apart);
                put.add(puts.0, puts.1);
                txn.add(puts.0, txns.0);
                txn_apart.add(puts.0, txns.1);
            }
        }
        [get, get_apart, put, txn, txn_apart].into_iter().for_each(|row| report.add(row));
    }
    if let Some(peer) = peers.start(report, PeerClient::Go, &server.endpoint(), (0..KEYS).map(raw_key))? {
        peer.measure(report, "etcd", &plugin, rounds, calls).await?;
    }
    events(report, &plugin, &raw, rounds, calls).await?;
    plugin.close().await?;
    Ok(())
}

fn raw_key(number: usize) -> String {
    format!("raw/bench/{}", number % KEYS)
}

async fn raw_get(raw: &Client, calls: usize, flight: usize) -> Result<Figures, Failure> {
    let raw = raw.clone();
    round(calls, flight, move |number| {
        let mut kv = raw.kv_client();
        async move {
            let found = kv.get(raw_key(number), None).await?;
            found.kvs().first().map(|_| ()).ok_or_else(|| "the key is gone".into())
        }
    })
    .await
}

async fn raw_put(raw: &Client, calls: usize, flight: usize) -> Result<Figures, Failure> {
    let raw = raw.clone();
    round(calls, flight, move |number| {
        let mut kv = raw.kv_client();
        async move {
            kv.put(raw_key(number), VALUE, None).await?;
            Ok(())
        }
    })
    .await
}

/// The least that keeps contract 3.2 and 3.4: a put if the entry above is there and persistent. How much dearer the
/// server makes that than a mere put is its own doing (etcd 3.4 copies its read buffer for each Txn).
async fn raw_txn(raw: &Client, calls: usize, flight: usize) -> Result<Figures, Failure> {
    let raw = raw.clone();
    raw.kv_client().put(RAW_PARENT, "", None).await?;
    round(calls, flight, move |number| {
        let mut kv = raw.kv_client();
        async move {
            let txn = Txn::new()
                .when([
                    Compare::create_revision(RAW_PARENT, CompareOp::Greater, 0),
                    Compare::lease(RAW_PARENT, CompareOp::Equal, 0),
                ])
                .and_then([TxnOp::put(raw_key(number), VALUE, None)]);
            let answer = kv.txn(txn).await?;
            if answer.succeeded() { Ok(()) } else { Err("the entry above is gone".into()) }
        }
    })
    .await
}

/// From the beginning of a put to its event.
async fn events(
    report: &mut Report,
    plugin: &Registry,
    raw: &Client,
    rounds: usize,
    calls: usize,
) -> Result<(), Failure> {
    let told = Arc::new(WatchedVersions::default());
    let pumping = through::watch(plugin, &told).await?;
    let mut stream = raw.clone().watch("raw/bench/", Some(WatchOptions::new().with_prefix())).await?;
    let pump = Arc::clone(&told);
    let raw_pumping = tokio::spawn(async move {
        while let Ok(Some(response)) = stream.message().await {
            for kv in response.events().iter().filter_map(|event| event.kv()) {
                pump.tell(&String::from_utf8_lossy(kv.key()), kv.mod_revision().unsigned_abs());
            }
        }
    });
    for flight in [1, 64] {
        let mut row = Row::new(format!("etcd put to its event, {flight} in flight"), "etcd-client");
        for number in 0..=rounds {
            let through = through::put_to_event(plugin, &told, calls, flight).await?;
            let (client, told_of) = (raw.clone(), Arc::clone(&told));
            let direct = round(calls, flight, move |number| {
                let (mut kv, told) = (client.kv_client(), Arc::clone(&told_of));
                async move {
                    let key = raw_key(number);
                    let put = kv.put(key.as_str(), VALUE, None).await?;
                    told.wait(&key, put.header().ok_or("no header")?.revision().unsigned_abs()).await
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
