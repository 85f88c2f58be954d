//! Hosts are seen to come, to beat and to be killed.

use registry_cluster::MemberFilter;
use registry_suite::{SOON, wait_until};

use crate::support::on_both;

#[tokio::test]
async fn a_killed_server_is_taken_over_once_after_its_session() {
    on_both(4, async |site| {
        let observer = site.observer().await;
        let (mut a, mut b, mut c) = (site.host("a").await, site.host("b").await, site.host("c").await);
        let (first, second) = (a.master("m:1").await, b.master("m:2").await);
        let worker = c.worker("w:1").await;
        site.sees(&observer, &[&first, &second, &worker]).await;
        let versions =
            || observer.members(MemberFilter::All).now().iter().map(|member| member.version).collect::<Vec<_>>();
        let before = versions();
        wait_until("all beat", SOON, || versions().iter().zip(&before).all(|(now, before)| now > before)).await;
        assert!(site.log.begun().is_empty());

        c.kill().await;
        site.log.begins(&worker.own).await;
        assert!(site.has_ended(worker.session), "the worker could still have been at work");
        site.log.taken_over(&worker.own).await;
        site.sees(&observer, &[&first, &second]).await;

        a.kill().await;
        let begun = site.log.begins(&first.own).await;
        assert!(site.has_ended(first.session), "the master could still have been at work");
        assert_eq!(begun.by, second.own);
        site.log.taken_over(&first.own).await;
        site.sees(&observer, &[&second]).await;

        site.has_nothing_left(&observer, &["master_m:1", "worker_w:1"]).await;
        site.log.judge_with_once_each(&[&first.own, &worker.own]);
    })
    .await;
}
