//! All hosts die at once.

use crate::support::on_both;

#[tokio::test]
async fn masters_after_a_total_loss_take_over_for_all_once() {
    on_both(4, async |site| {
        let observer = site.observer().await;
        let (mut a, mut b, mut c) = (site.host("a").await, site.host("b").await, site.host("c").await);
        let masters = [a.master("m:1").await, b.master("m:2").await];
        let workers = [b.worker("w:1").await, c.worker("w:2").await, c.worker("w:3").await];
        let all = [&masters[0], &masters[1], &workers[0], &workers[1], &workers[2]];
        site.sees(&observer, &all).await;
        for host in [a, b, c] {
            host.kill().await;
        }
        assert!(site.log.begun().is_empty());
        let (mut d, mut e) = (site.host("d").await, site.host("e").await);
        // One is back at its address, the other is at another.
        let latter = [d.master("m:1").await, e.master("m:3").await];
        for gone in all {
            site.log.taken_over(&gone.own).await;
        }
        site.sees_beat(&observer, &[&latter[0], &latter[1]]).await;
        site.has_nothing_left(&observer, &["master_m:2", "worker_w:1", "worker_w:2", "worker_w:3"]).await;
        site.log.judge_with_once_each(&all.map(|gone| &gone.own));
    })
    .await;
}
