//! Masters are stopped for longer than their sessions last, one of them in the midst of a take-over, and go on.

use registry_hosts::{End, Event, Request};
use registry_suite::{SOON, wait_until};

use crate::support::on_both;

#[tokio::test]
async fn a_master_stopped_for_too_long_no_longer_acts() {
    on_both(4, async |site| {
        let observer = site.observer().await;
        let mut stops = site.host_with("stops", &["--hesitates"]).await;
        let mut waits = site.host_with("waits", &["--set", "registry.disconnect-strategy=wait"]).await;
        let (mut worker, mut heir) = (site.host("worker").await, site.host("heir").await);
        let (first, gone) = (stops.master("m:1").await, worker.worker("w:1").await);
        worker.kill().await;
        let begun = site.log.begins(&gone.own).await;
        assert_eq!(begun.by, first.own);
        let (second, third) = (waits.master("m:2").await, heir.master("m:3").await);
        stops.tells("it has a slot", slot_of_three).await;
        waits.tells("it has a slot", slot_of_three).await;

        stops.stop();
        waits.stop();
        // It finds this when it goes on, and may be quicker than the message that it is too late.
        stops.ask(&Request::GoOn).await;
        for gone in [&first, &second, &gone] {
            site.log.taken_over(&gone.own).await;
        }
        stops.cont();
        waits.cont();
        let cause = |event: &Event| match event {
            Event::Stopped { cause, .. } => Some(cause.clone()),
            _ => None,
        };
        assert_eq!(stops.tells("it stops", cause).await, "Disconnected");
        let cause = waits.tells("it stops", cause).await;
        assert!(["FailedOver", "DeclaredDead"].contains(&&*cause), "{cause}");
        let end = stops.tells("it ends what it had begun", |event| match event {
            Event::Ends { end, .. } => Some(*end),
            _ => None,
        });
        assert_ne!(end.await, End::Done, "the lock was another's");
        let last = site.log.begun().into_iter().rfind(|begun| begun.departed == gone.own).expect("a second one");
        assert!(last.by == third.own && last.token > begun.token, "{last:?} after {begun:?}");

        site.sees(&observer, &[&third]).await;
        site.has_nothing_left(&observer, &["master_m:1", "master_m:2", "worker_w:1"]).await;
        wait_until("all sessions of the stopped have ended", SOON, || site.has_ended(first.session)).await;
        site.log.judge_with_once_each(&[&first.own, &second.own, &gone.own]);
    })
    .await;
}

fn slot_of_three(event: &Event) -> Option<()> {
    matches!(event, Event::Slot { slot: Some((_, 3)), .. }).then_some(())
}
