//! The registry's server goes away and comes back, sooner or later than sessions end.

use futures_util::future::join_all;
use registry_cluster::MemberFilter;
use registry_hosts::Event;
use registry_suite::{SOON, wait_until};

use crate::support::Site;

#[tokio::test]
async fn a_restart_of_the_registry_causes_no_take_over() {
    // No restart takes that long.
    join_all(Site::own(60).map(|site| async move {
        let observer = site.observer().await;
        let (mut a, mut b) = (site.host("a").await, site.host("b").await);
        let masters = [a.master("m:1").await, b.master("m:2").await];
        let workers = [a.worker("w:1").await, b.worker("w:2").await];
        let all: Vec<_> = masters.iter().chain(&workers).collect();
        site.sees(&observer, &all).await;
        site.server().member().restart().expect("it comes back");
        site.sees_beat(&observer, &all).await;
        let sessions: Vec<_> = all.iter().map(|registered| registered.session).collect();
        assert_eq!(
            observer.members(MemberFilter::All).now().iter().map(|member| member.session.0).collect::<Vec<_>>(),
            sessions
        );
        let idle = |event: &Event| matches!(event, Event::Waiting { .. } | Event::Stopped { .. } | Event::Went(_));
        assert!(!site.log.lines().iter().any(|line| idle(&line.event)), "nobody was idle or missed");
        assert!(site.log.begun().is_empty(), "nobody was to be taken over for");
        site.has_nothing_left(&observer, &[]).await;
        site.log.judge();
    }))
    .await;
}

#[tokio::test]
async fn waiting_servers_keep_their_incarnation_through_a_long_outage() {
    join_all(Site::own(4).map(|site| async move {
        let observer = site.observer().await;
        let waits = ["--set", "registry.disconnect-strategy=wait", "--set", "registry.cluster.failover-grace=60s"];
        let (mut a, mut b) = (site.host_with("a", &waits).await, site.host_with("b", &waits).await);
        let masters = [a.master("m:1").await, b.master("m:2").await];
        let workers = [a.worker("w:1").await, b.worker("w:2").await];
        let all: Vec<_> = masters.iter().chain(&workers).collect();
        site.sees(&observer, &all).await;
        site.server().member().kill();
        for registered in &all {
            let waits = Event::Waiting { own: registered.own.clone() };
            site.log.tells("it waits", |event| *event == waits).await;
        }
        site.server().member().restart().expect("it comes back");
        for registered in &all {
            let serves = |event: &Event| match event {
                Event::Serving { own, session } => *own == registered.own && *session != registered.session,
                _ => false,
            };
            site.log.tells("it serves again", serves).await;
        }
        for registered in &all {
            wait_until("the former session expires", SOON, || site.has_ended(registered.session)).await;
        }
        site.sees_beat(&observer, &all).await;
        assert!(site.log.begun().is_empty(), "all came back in time");
        site.has_nothing_left(&observer, &[]).await;
        site.log.judge();
    }))
    .await;
}
