//! Masters are cut off from the registry while another isn't.

use registry_hosts::{Event, Nanos, ServerId};
use registry_test_servers::Proxy;

use crate::support::{Site, on_both};

#[tokio::test]
async fn a_cut_off_master_has_stopped_before_others_miss_it() {
    on_both(4, async |site| {
        let observer = site.observer().await;
        let way = Proxy::to(site.server().member().address()).expect("a proxy");
        // They beat all the time, so that a beat is on its way when they are cut off.
        let beats = "registry.cluster.max-heartbeat-interval=2ms";
        let waits = "registry.disconnect-strategy=wait";
        let mut stops = site.host_through(&way, "stops", &["--set", beats]).await;
        let mut waits = site.host_through(&way, "waits", &["--set", beats, "--set", waits]).await;
        let mut heir = site.host("heir").await;
        let cut = [stops.master("m:1").await, waits.master("m:2").await];
        let third = heir.master("m:3").await;
        site.sees(&observer, &[&cut[0], &cut[1], &third]).await;

        way.cut();
        for cut in &cut {
            site.log.taken_over(&cut.own).await;
        }
        for cut in &cut {
            let idle = idle_since(&site, &cut.own).expect("it stopped or waits by now");
            let missed = missed_since(&site, &cut.own).expect("it was missed");
            assert!(idle < missed, "it had {} ns less than it took", idle - missed);
            let begun = site.log.begins(&cut.own).await;
            assert!(missed < begun.at, "{begun:?}");
        }

        way.reset();
        way.heal();
        let cause = waits.tells("it stops", |event| match event {
            Event::Stopped { cause, .. } => Some(cause.clone()),
            _ => None,
        });
        let cause = cause.await;
        assert!(["FailedOver", "DeclaredDead"].contains(&&*cause), "{cause}");
        site.sees(&observer, &[&third]).await;
        site.has_nothing_left(&observer, &["master_m:1", "master_m:2"]).await;
        site.log.judge_with_once_each(&[&cut[0].own, &cut[1].own]);
    })
    .await;
}

/// When a server has told that it does nothing any more.
fn idle_since(site: &Site, server: &ServerId) -> Option<Nanos> {
    let is_idle = |event: &Event| matches!(event, Event::Waiting { own } | Event::Stopped { own, .. } if own == server);
    site.log.lines().iter().find(|line| is_idle(&line.event)).map(|line| line.at)
}

/// When another has seen first that a server is gone.
fn missed_since(site: &Site, server: &ServerId) -> Option<Nanos> {
    let missed = Event::Went(server.clone());
    site.log.lines().iter().filter(|line| line.host == "heir" && line.event == missed).map(|line| line.at).min()
}
