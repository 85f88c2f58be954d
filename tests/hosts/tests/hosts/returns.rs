//! Who was killed comes back at the same address, sooner or later than its session ends.

use registry_hosts::{Event, Request};
use registry_suite::{SOON, wait_until};

use crate::support::{Host, Registered, Site, on_both};

/// A host with a master, and a master and a worker whose hosts were killed.
async fn killed(site: &Site) -> (Host, Registered, [Registered; 2]) {
    let (mut a, mut b, mut c) = (site.host("a").await, site.host("b").await, site.host("c").await);
    let other = a.master("m:1").await;
    let former = [b.master("m:2").await, c.worker("w:1").await];
    b.kill().await;
    c.kill().await;
    (a, other, former)
}

#[tokio::test]
async fn a_quick_return_means_one_take_over_and_no_more() {
    on_both(4, async |site| {
        let observer = site.observer().await;
        let (_a, other, former) = killed(&site).await;
        let (mut b, mut c) = (site.host("b again").await, site.host("c again").await);
        let latter = [b.master("m:2").await, c.worker("w:1").await];
        for former in &former {
            site.log.taken_over(&former.own).await;
            let expired = || site.has_ended(former.session);
            wait_until("the former session expires", SOON, expired).await;
        }
        // What went with the former sessions has gone by now: none of it was the latter's.
        site.sees_beat(&observer, &[&other, &latter[0], &latter[1]]).await;
        let told = site.log.lines();
        for latter in &latter {
            assert!(!told.iter().any(|line| line.event == Event::Went(latter.own.clone())), "{latter:?} was missed");
        }
        assert!(site.log.begun().iter().all(|begun| begun.restarted));
        site.has_nothing_left(&observer, &[]).await;
        site.log.judge_with_once_each(&[&former[0].own, &former[1].own]);
    })
    .await;
}

#[tokio::test]
async fn who_comes_back_late_begins_anew() {
    on_both(4, async |site| {
        let observer = site.observer().await;
        let (_a, other, former) = killed(&site).await;
        for former in &former {
            site.log.taken_over(&former.own).await;
        }
        site.has_nothing_left(&observer, &["master_m:2", "worker_w:1"]).await;
        let (mut b, mut c) = (site.host("b again").await, site.host("c again").await);
        let latter = [b.master("m:2").await, c.worker("w:1").await];
        site.sees_beat(&observer, &[&other, &latter[0], &latter[1]]).await;
        assert!(site.log.begun().iter().all(|begun| !begun.restarted));
        site.has_nothing_left(&observer, &[]).await;
        site.log.judge_with_once_each(&[&former[0].own, &former[1].own]);
    })
    .await;
}

#[tokio::test]
async fn a_return_during_a_take_over_means_one_take_over() {
    on_both(4, async |site| {
        let observer = site.observer().await;
        let (mut a, mut b) = (site.host_with("a", &["--hesitates"]).await, site.host("b").await);
        let (master, former) = (a.master("m:1").await, b.worker("w:1").await);
        b.kill().await;
        site.log.begins(&former.own).await;
        let mut b = site.host("b again").await;
        let latter = b.worker("w:1").await;
        a.ask(&Request::GoOn).await;
        site.log.taken_over(&former.own).await;
        site.has_nothing_left(&observer, &[]).await;
        site.sees_beat(&observer, &[&master, &latter]).await;
        site.log.judge_with_once_each(&[&former.own]);
        assert_eq!(site.log.begun().len(), 1, "nothing was begun again");
    })
    .await;
}
