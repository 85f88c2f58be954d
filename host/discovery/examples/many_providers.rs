//! How long it takes until all see all: processes that each provide every service start together, and one follows them.
//!
//! `cargo run --release -p registry-discovery --example many_providers -- registry.yaml [PROCESSES [SERVICES]]`

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use registry_discovery::{Discovery, Service, ServiceUrl, Subscription};
use registry_host::Result;

/// How many registrations of one process are on their way at once.
const AT_ONCE: usize = 32;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let settings = registry_discovery::load(arguments.next().unwrap_or_else(|| "registry.yaml".to_owned()))?;
    let mut number = |default| arguments.next().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (processes, services): (u16, u16) = (number(10), number(500));

    let mut opened = Vec::new();
    for _ in 0..processes {
        opened.push(Discovery::open(&settings).await?);
    }
    let consumer = Discovery::open(&settings).await?;
    let begun = Instant::now();
    let followed = stream::iter(0..services).map(|number| follow(&consumer, number, usize::from(processes)));
    let followed = followed.buffer_unordered(services.into()).try_for_each(|()| async { Ok(()) });
    let registered = stream::iter(opened.iter().enumerate()).map(|(port, discovery)| async move {
        let registrations = stream::iter(0..services).map(|number| {
            let url = ServiceUrl::provider("10.0.0.7", port as u16 + 1, &name(number), ["Echo"]);
            discovery.register(url.with("application", "crowd"))
        });
        let registrations: Vec<_> = registrations.buffer_unordered(AT_ONCE).try_collect().await?;
        Ok::<_, registry_host::Error>((registrations, begun.elapsed()))
    });
    let registered = registered.buffer_unordered(processes.into()).try_collect::<Vec<_>>();
    let (registered, ()) = tokio::try_join!(registered, followed)?;
    let seen = begun.elapsed();
    let last = registered.iter().map(|(_, took)| *took).max().unwrap_or_default();

    let begun = Instant::now();
    for (discovery, (registrations, _)) in opened.iter().zip(registered) {
        discovery.close().await?;
        drop(registrations);
    }
    consumer.close().await?;
    let all = u32::from(processes) * u32::from(services);
    let seconds = |took: Duration| format!("{:.2} s", took.as_secs_f64());
    println!("{all} providers of {services} services on {}", settings.registry_type());
    println!("registered in {}, all seen in {}, closed in {}", seconds(last), seconds(seen), seconds(begun.elapsed()));
    Ok(())
}

fn name(number: u16) -> String {
    format!("crowd.Service{number}")
}

/// Waits until so many providers of a service are seen.
async fn follow(consumer: &Discovery, number: u16, providers: usize) -> Result<()> {
    let mut subscription: Subscription = consumer.subscribe(&Service::new(name(number))).await?;
    while let Some(set) = subscription.next_set().await {
        if set.urls().len() == providers {
            break;
        }
    }
    Ok(())
}
