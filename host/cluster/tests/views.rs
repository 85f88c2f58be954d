//! The members as others see them, on every backend.

mod support;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use futures_util::future::join_all;
use registry_cluster::{Change, Changes, Cluster, GroupChange, Incarnation, Member, MemberFilter, Membership, Slot};
use registry_suite::{Ending, SOON, wait_until, within};
use support::*;
use tokio::task::JoinSet;

async fn next(changes: &mut Changes) -> Change {
    within("a change", SOON * 2, changes.next()).await.expect("the registry is there")
}

/// The next one that isn't a mere beat.
async fn next_move(changes: &mut Changes) -> (char, String) {
    loop {
        match next(changes).await {
            Change::Joined(member) => return ('+', member.address.clone()),
            Change::Left(member) => return ('-', member.address.clone()),
            _ => {}
        }
    }
}

fn told(sign: char, address: &str) -> (char, String) {
    (sign, address.to_owned())
}

#[tokio::test]
async fn changes_begin_with_who_is_there() {
    for settings in every() {
        let (one, other) = (cluster(&settings, &[]).await, cluster(&settings, &[]).await);
        let first = register(&one, &worker("w:1", &["a"])).await;
        shows(&other.workers("a"), &["w:1"]).await;
        let (mut a, mut all) = (other.workers("a ").changes(), other.members(MemberFilter::All).changes());
        assert_eq!(next_move(&mut a).await, told('+', "w:1"));
        assert!(matches!(next(&mut a).await, Change::Changed(member) if member.address == "w:1"));
        let _second = register(&one, &worker("w:2", &["b"])).await;
        let third = register(&one, &worker("w:3", &["a"])).await;
        assert_eq!(next_move(&mut a).await, told('+', "w:3"), "the other one is in another group");
        first.leave().await.expect("it leaves");
        assert_eq!(next_move(&mut a).await, told('-', "w:1"));
        third.leave().await.expect("it leaves");
        assert_eq!(next_move(&mut a).await, told('-', "w:3"));
        // Of who came and went unseen nothing is told, unless it was told before.
        assert_eq!(next_move(&mut all).await, told('+', "w:2"));
    }
}

#[tokio::test]
async fn groups_come_and_go_with_their_workers() {
    for settings in every() {
        let (one, other) = (cluster(&settings, &[]).await, cluster(&settings, &[]).await);
        let first = register(&one, &worker("w:1", &["a", "b"])).await;
        wait_until("both groups are seen", SOON, || other.groups().now() == ["a", "b"]).await;
        let mut changes = other.groups().changes();
        let mut next = async || within("a change", SOON * 2, changes.next()).await;
        for group in ["a", "b"] {
            assert_eq!(next().await, Some(GroupChange::Appeared(group.to_owned())));
        }
        let second = register(&one, &worker("w:2", &["b"])).await;
        let _master = register(&one, &master("m:1")).await;
        first.leave().await.expect("it leaves");
        assert_eq!(next().await, Some(GroupChange::Vanished("a".to_owned())), "b has another worker");
        let _third = register(&one, &worker("w:3", &["c"])).await;
        assert_eq!(next().await, Some(GroupChange::Appeared("c".to_owned())));
        second.leave().await.expect("it leaves");
        assert_eq!(next().await, Some(GroupChange::Vanished("b".to_owned())));
        other.registry().close().await.expect("a close");
        assert_eq!(next().await, None, "there is nothing more to tell");
    }
}

#[tokio::test]
async fn a_restarted_server_has_left_and_joined() {
    for settings in every() {
        let (one, other) = (cluster(&settings, &[]).await, cluster(&settings, &[]).await);
        let _former = register(&one, &master("m:1")).await;
        let mut changes = one.masters().changes();
        assert_eq!(next_move(&mut changes).await, told('+', "m:1"));
        let latter = register(&other, &master("m:1")).await;
        assert_eq!(next_move(&mut changes).await, told('-', "m:1"));
        match next(&mut changes).await {
            Change::Joined(member) => assert_eq!(member.incarnation(), Some(latter.incarnation())),
            change => panic!("{change:?}"),
        }
    }
}

#[tokio::test]
async fn servers_of_other_versions_are_shown_with_unreadable_parts() {
    for settings in every() {
        let (one, other) = (cluster(&settings, &[]).await, cluster(&settings, &[]).await);
        let registry = one.registry();
        let ten = "0.25,0.5,1.0,7.5,8.0,0.3,1700000000000,1700000010000,0,4711";
        let later = r#"{"startupTime":5,"processId":7,"serverStatus":"BUSY","host":"j","jvmCpuUsage":0.1}"#;
        for (key, value) in [
            ("/nodes/worker/default/old:1", ten),
            ("/nodes/worker/ungrouped:1", later),
            ("/nodes/worker/default/broken:1", "{"),
            ("/nodes/alert-server/alert:1", "{}"),
        ] {
            registry.put(key, value).ephemeral().await.expect("a put");
        }
        registry.put("/nodes/worker/default/left-behind:1", ten).await.expect("a put");
        shows(&other.members(MemberFilter::Workers), &["broken:1", "old:1", "ungrouped:1"]).await;
        assert_eq!(other.groups().now(), ["default"]);
        let members = other.workers("default").now();
        let reason = members[0].heartbeat.as_ref().expect_err("it is broken").to_string();
        assert!(reason.contains("not JSON"), "{reason}");
        assert_eq!(other.choose("default").expect("a worker").address, "old:1");
        let ungrouped = other.members(MemberFilter::Workers).now()[2].clone();
        assert_eq!((ungrouped.group.as_deref(), ungrouped.is_normal()), (None, false));
    }
}

#[tokio::test]
async fn groups_differ_by_case_unless_an_old_version_wrote_them() {
    for settings in every() {
        let (one, foreign) = (cluster(&settings, &[]).await, registry_suite::open(settings).await.expect("a registry"));
        let put = async |key: &str, value: &str| {
            foreign.put(key, value).ephemeral().await.expect("a put");
        };
        let ten = "0.25,0.5,1.0,7.5,8.0,0.3,1700000000000,1700000010000,0,4711";
        let json = r#"{"startupTime":5,"reportTime":9,"memoryUsage":0.1,"serverStatus":0}"#;
        put("/nodes/worker/gpu/lower:1", json).await;
        put("/nodes/worker/gpu/old:1", ten).await;
        // It has said nothing yet.
        put("/nodes/worker/gpu/silent:1", "").await;
        shows(&one.workers("gpu"), &["lower:1", "old:1", "silent:1"]).await;
        assert_eq!(addresses(&one.workers("GPU")), ["old:1", "silent:1"]);
        assert_eq!(addresses(&one.workers("Gpu")), ["old:1", "silent:1"]);
        let mut changes = one.workers("GPU").changes();
        assert_eq!(next_move(&mut changes).await, told('+', "old:1"));
        assert_eq!(next_move(&mut changes).await, told('+', "silent:1"));
        assert_eq!(one.choose("GPU").expect("the old one").address, "old:1");
        let refused = one.choose("CPU").expect_err("nobody").to_string();
        assert!(refused.contains("\"CPU\""), "{refused}");
        put("/nodes/worker/GPU/exact:1", json).await;
        assert_eq!(next_move(&mut changes).await, told('+', "exact:1"));
        for _ in 0..9 {
            assert_eq!(one.choose(" GPU").expect("the exact one").address, "exact:1");
        }
        // It is upgraded: its group is what it says from now on.
        put("/nodes/worker/gpu/old:1", json).await;
        assert_eq!(next_move(&mut changes).await, told('-', "old:1"));
        shows(&one.workers("GPU"), &["exact:1", "silent:1"]).await;
    }
}

#[tokio::test]
async fn a_view_is_right_after_its_session_was_lost() {
    for (settings, ending) in Ending::each() {
        let one = cluster(&settings, &[]).await;
        let observer = cluster(&ending.awaits(settings), &[]).await;
        let leaves = register(&one, &worker("leaves:1", &["a"])).await;
        let _stays = register(&one, &worker("stays:1", &["a"])).await;
        shows(&observer.workers("a"), &["leaves:1", "stays:1"]).await;
        let mut changes = observer.workers("a").changes();
        assert_eq!(next_move(&mut changes).await, told('+', "leaves:1"));
        assert_eq!(next_move(&mut changes).await, told('+', "stays:1"));
        let (_, (_joins, ())) = tokio::join!(ending.of(observer.registry()), async {
            let joins = register(&one, &worker("joins:1", &["a"])).await;
            leaves.leave().await.expect("it leaves");
            (joins, ())
        });
        shows(&observer.workers("a"), &["joins:1", "stays:1"]).await;
        let mut moves = [next_move(&mut changes).await, next_move(&mut changes).await];
        moves.sort_unstable();
        assert_eq!(moves, [told('+', "joins:1"), told('-', "leaves:1")]);
    }
}

#[tokio::test]
async fn masters_agree_on_their_slots() {
    for settings in every() {
        let mut clusters = Vec::new();
        let mut masters = Vec::new();
        for number in 0..3 {
            let cluster = cluster(&settings, &[]).await;
            masters.push(register(&cluster, &master(&format!("m:{}", 9 - number))).await);
            clusters.push(cluster);
        }
        wait_until("all have a slot of three", SOON, || {
            masters.iter().enumerate().all(|(index, master)| master.slot() == Ok(Slot { index, count: 3 }))
        })
        .await;
        masters.remove(0).leave().await.expect("it leaves");
        wait_until("two have a slot of two", SOON, || {
            masters.iter().enumerate().all(|(index, master)| master.slot() == Ok(Slot { index, count: 2 }))
        })
        .await;
    }
}

/// Group and address.
type Place = (Option<String>, String);

/// What a reader of changes has made of them.
#[derive(Clone, Default)]
struct Mirrored(Arc<Mutex<BTreeMap<Place, Option<Incarnation>>>>);

impl Mirrored {
    /// Follows all changes, and holds each to what came before.
    async fn follow(self, mut changes: Changes) {
        while let Some(change) = changes.next().await {
            let (member, mut there) = (change.member().clone(), self.0.lock().unwrap());
            let key = (member.group.clone(), member.address.clone());
            match change {
                Change::Joined(_) => assert_eq!(there.insert(key, member.incarnation()), None, "nobody joins twice"),
                Change::Left(_) => assert!(there.remove(&key).is_some(), "nobody leaves who isn't there"),
                _ => assert_eq!(there.get(&key), Some(&member.incarnation()), "nobody beats who isn't there"),
            }
        }
    }

    fn is(&self, members: &[Arc<Member>]) -> bool {
        let members =
            members.iter().map(|member| ((member.group.clone(), member.address.clone()), member.incarnation()));
        *self.0.lock().unwrap() == members.collect()
    }
}

#[tokio::test]
async fn fifty_changing_members_are_seen_alike_by_all() {
    for settings in every() {
        let clusters: Vec<Cluster> = join_all((0..5).map(|_| cluster(&settings, &[]))).await;
        let mirrors: Vec<_> = clusters.iter().map(|_| Mirrored::default()).collect();
        let mut following: JoinSet<()> = JoinSet::new();
        for (cluster, mirror) in clusters.iter().zip(&mirrors) {
            following.spawn(mirror.clone().follow(cluster.members(MemberFilter::All).changes()));
        }
        let members = join_all((0..50).map(|number: usize| come_and_go(&clusters[number % 5], number))).await;
        let members: Vec<_> = members.into_iter().flatten().collect();
        assert_eq!(members.len(), 17);
        let wanted: usize = members.iter().map(|member| member.server().keys().len()).sum();
        let there = |cluster: &Cluster| cluster.members(MemberFilter::All).now();
        for (cluster, mirror) in clusters.iter().zip(&mirrors) {
            wait_until("all are seen", SOON, || there(cluster).len() == wanted).await;
            wait_until("all are told", SOON, || mirror.is(&there(cluster))).await;
        }
        for cluster in &clusters {
            cluster.registry().close().await.expect("a close");
        }
        // What was wrong among the changes shows here.
        while let Some(followed) = following.join_next().await {
            followed.expect("every change follows from those before");
        }
    }
}

/// Registers and goes a few times, in order or not; every third one stays.
async fn come_and_go(cluster: &Cluster, number: usize) -> Option<Membership> {
    let server = worker(&format!("w:{}", number + 1), &["a", "b"][..1 + number % 2]);
    for _ in 0..fastrand::usize(0..4) {
        let member = register(cluster, &server).await;
        if fastrand::bool() {
            member.leave().await.expect("it leaves");
        } else {
            drop(member);
        }
    }
    if number.is_multiple_of(3) { Some(register(cluster, &server).await) } else { None }
}
