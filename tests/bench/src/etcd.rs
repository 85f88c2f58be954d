//! etcd: get, put and put-to-event through the plugin, against the raw etcd-client.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use etcd_client::{Client, Compare, CompareOp, Txn, TxnOp, WatchOptions};
use registry_host::{Event, Registry, Scope};
use registry_test_servers::Etcd;
use tokio::sync::watch;

use crate::{
    measure::{Failure, Figures, round},
    open::Plugins,
    report::{Report, Row},
};

/// How many keys the calls go round.
const KEYS: usize = 64;

const RAW_PARENT: &str = "raw/bench";

const VALUE: [u8; 100] = [b'x'; 100];

pub(crate) async fn measure(
    report: &mut Report,
    plugins: &Plugins,
    rounds: usize,
    calls: usize,
) -> Result<(), Failure> {
    let server = Etcd::start()?;
    report.version("etcd", &server.version()?);
    let plugin = plugins.open("etcd", &[format!("registry.etcd.endpoints={}", server.endpoint())]).await?;
    let raw = Client::connect([server.endpoint()], None).await?;
    for number in 0..KEYS {
        plugin.put(&key(number), VALUE).await?;
        raw.kv_client().put(raw_key(number), VALUE, None).await?;
    }
    for flight in [1, 64] {
        let mut get = Row::new(format!("etcd get, {flight} in flight"), "etcd-client");
        let mut put = Row::new(format!("etcd put on an existing key, {flight} in flight"), "etcd-client");
        let mut txn = Row::new(format!("etcd put on an existing key, {flight} in flight"), "etcd-client, as a Txn");
        // The first round warms both sides up and is not counted.
        for number in 0..=rounds {
            let gets = (plugin_get(&plugin, calls, flight).await?, raw_get(&raw, calls, flight).await?);
            let puts = (plugin_put(&plugin, calls, flight).await?, raw_put(&raw, calls, flight).await?);
            let raw_txn = raw_txn(&raw, calls, flight).await?;
            if number > 0 {
                get.add(gets.0, gets.1);
                put.add(puts.0, puts.1);
                txn.add(puts.0, raw_txn);
            }
        }
        report.add(get);
        report.add(put);
        report.add(txn);
    }
    events(report, &plugin, &raw, rounds, calls).await?;
    plugin.close().await?;
    Ok(())
}

fn key(number: usize) -> String {
    format!("/bench/{}", number % KEYS)
}

fn raw_key(number: usize) -> String {
    format!("raw/bench/{}", number % KEYS)
}

async fn plugin_get(plugin: &Registry, calls: usize, flight: usize) -> Result<Figures, Failure> {
    let plugin = plugin.clone();
    round(calls, flight, move |number| {
        let plugin = plugin.clone();
        async move { plugin.get(&key(number)).await?.map(|_| ()).ok_or_else(|| "the key is gone".into()) }
    })
    .await
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

async fn plugin_put(plugin: &Registry, calls: usize, flight: usize) -> Result<Figures, Failure> {
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

/// The least that keeps contract 3.2 and 3.4: a put if the entry above is there and persistent. How much dearer the server
/// makes that than a mere put is its own doing (etcd 3.4 copies its read buffer for each Txn).
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
    let told = Arc::new(Told::default());
    let mut watch = plugin.watch("/bench", Scope::Subtree).await?;
    let pump = Arc::clone(&told);
    let pumping = tokio::spawn(async move {
        while let Some(Ok(event)) = watch.next().await {
            if let Event::Put { entry, .. } = event {
                pump.tell(&entry.key, entry.version);
            }
        }
    });
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
            let (registry, told_of) = (plugin.clone(), Arc::clone(&told));
            let through = round(calls, flight, move |number| {
                let (plugin, told) = (registry.clone(), Arc::clone(&told_of));
                async move {
                    let key = key(number);
                    let version = plugin.put(&key, VALUE).await?;
                    told.wait(&key, version).await
                }
            });
            let through = through.await?;
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

/// The newest version of each key that a watch has told of; the same for both sides.
#[derive(Default)]
struct Told(Mutex<HashMap<String, watch::Sender<u64>>>);

impl Told {
    fn of(&self, key: &str) -> watch::Sender<u64> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match told.get(key) {
            Some(sender) => sender.clone(),
            None => told.entry(key.to_owned()).or_default().clone(),
        }
    }

    fn tell(&self, key: &str, version: u64) {
        self.of(key).send_replace(version);
    }

    async fn wait(&self, key: &str, version: u64) -> Result<(), Failure> {
        self.of(key).subscribe().wait_for(|told| *told >= version).await?;
        Ok(())
    }
}
