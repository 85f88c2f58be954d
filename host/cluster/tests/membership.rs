//! Registration and heartbeats, on every backend.

mod support;

use futures_util::future::join_all;
use registry_cluster::{Heartbeat, MembershipState, Server, Status, Stop};
use registry_host::{ErrorKind, SessionState};
use registry_suite::{Ending, SOON, eventually, proxied, wait_until, within};
use support::*;

#[tokio::test]
async fn a_server_is_seen_from_registering_until_leaving() {
    for settings in every() {
        let (one, other) = (cluster(&settings, &[]).await, cluster(&settings, &[]).await);
        let first = register(&one, &master("m:1")).await;
        assert_eq!(addresses(&one.masters()), ["m:1"], "its own view shows it");
        let second = register(&other, &worker("w:1", &["GPU", ""])).await;
        assert_eq!(other.groups().now(), ["GPU", "default"]);
        shows(&other.masters(), &["m:1"]).await;
        shows(&one.workers(" GPU"), &["w:1"]).await;
        let keys = ["/nodes/master/m:1", "/nodes/worker/GPU/w:1", "/nodes/worker/default/w:1"];
        assert_eq!(keys_below(one.registry(), "/nodes").await, keys);
        let seen = one.workers("default").now()[0].clone();
        let heartbeat = seen.heartbeat.as_ref().expect("it can be read");
        assert_eq!(heartbeat.process_id, i64::from(std::process::id()));
        assert_eq!((heartbeat.worker_host_weight, seen.incarnation()), (Some(100), Some(second.incarnation())));
        assert_eq!(seen.session, other.registry().session().id());
        for membership in [first, second] {
            membership.leave().await.expect("it leaves");
        }
        assert_eq!(keys_below(one.registry(), "/nodes").await, [] as [&str; 0], "nothing is left behind");
        assert_eq!(one.registry().children("/cluster/lives").await.expect("the lives"), [] as [&str; 0], "nor here");
    }
}

#[tokio::test]
async fn a_worker_may_be_in_two_dozen_groups() {
    for settings in every() {
        let (one, other) = (cluster(&settings, &[]).await, cluster(&settings, &[]).await);
        let groups: Vec<_> = (0..24).map(|number| format!("g{number}")).collect();
        let server = Server::worker("w:1", &groups).expect("a worker");
        let _former = register(&one, &server).await;
        let latter = register(&other, &server).await;
        assert_eq!(other.groups().now().len(), 24);
        latter.leave().await.expect("it leaves");
        assert_eq!(keys_below(one.registry(), "/nodes").await, [] as [&str; 0]);
    }
}

#[tokio::test]
async fn a_view_is_complete_when_it_opens() {
    for settings in every() {
        let one = cluster(&settings, &[]).await;
        let _members = [register(&one, &master("m:1")).await, register(&one, &worker("w:1", &["a", "b"])).await];
        let other = cluster(&settings, &[]).await;
        assert_eq!(addresses(&other.masters()), ["m:1"]);
        assert_eq!(other.groups().now(), ["a", "b"]);
    }
}

#[tokio::test]
async fn a_server_clears_its_dead_mark_when_it_registers() {
    for settings in every() {
        let cluster = cluster(&settings, &[]).await;
        let server = worker("w:1", &[]);
        cluster.mark_dead(&server).await.expect("a mark");
        let mark = cluster.registry().get("/dead-servers/worker_w:1").await.expect("an answer").expect("a mark");
        assert_eq!(mark.value, "worker_w:1");
        let _member = register(&cluster, &server).await;
        assert_eq!(cluster.registry().get("/dead-servers/worker_w:1").await.expect("an answer"), None);
    }
}

#[tokio::test]
async fn a_server_tells_at_once_that_it_is_busy() {
    for settings in every() {
        let one = cluster(&settings, &["registry.cluster.exec-threads=2"]).await;
        let member_of_one = register(&one, &worker("w:1", &[])).await;
        let first = one.workers("").now()[0].clone();
        member(&one.workers(""), "it beats", |member| member.version > first.version).await;
        assert_eq!(member_of_one.failure().map(|error| error.to_string()), None);
        let slow =
            cluster(&settings, &["registry.cluster.exec-threads=2", "registry.cluster.max-heartbeat-interval=1h"])
                .await;
        let worker = register(&slow, &worker("w:2", &["slow"])).await;
        worker.set_waiting_tasks(3);
        let busy = |member: &registry_cluster::Member| member.status() == Some(Status::Busy);
        let busy = member(&one.workers("slow"), "it is busy", busy).await;
        assert_eq!(busy.heartbeat.as_ref().expect("it can be read").worker_waiting_task_count, Some(3));
        let refused = one.choose("slow").expect_err("nobody is normal");
        assert!(refused.message().contains("\"slow\""), "{refused}");
        worker.set_waiting_tasks(2);
        member(&one.workers("slow"), "it is normal again", |member| member.is_normal()).await;
        assert_eq!(one.choose("slow").expect("a worker").address, "w:2");
        worker.set_draining();
        let draining = |member: &registry_cluster::Member| member.status() == Some(Status::Draining);
        member(&one.workers("slow"), "it drains", draining).await;
        let refused = one.choose("slow").expect_err("it is given nothing more");
        assert!(refused.message().contains("1 draining"), "{refused}");
    }
}

#[tokio::test]
async fn old_formats_tell_a_server_from_its_former_process() {
    for settings in every() {
        for format in ["dolphinscheduler-1.3", "dolphinscheduler-2.0"] {
            let format = format!("registry.cluster.heartbeat-format={format}");
            let (old, new) = (cluster(&settings, &[&format]).await, cluster(&settings, &[&format]).await);
            let server = worker("w:1", &["a"]);
            let former = register(&old, &server).await;
            shows(&new.workers("a"), &["w:1"]).await;
            let first = new.workers("a").now()[0].clone();
            assert_eq!(first.incarnation(), Some(former.incarnation()));
            assert!(first.heartbeat.as_ref().expect("it can be read").keeps_record);
            // Its entry is still its own after beats of its own.
            member(&new.workers("a"), "it beats", |member| member.version > first.version).await;
            let latter = register(&new, &server).await;
            assert_ne!(former.incarnation(), latter.incarnation(), "in the same second, in the same process");
            let stop = stopped(&former).await;
            assert!(matches!(&*stop, Stop::Replaced { by: Some(by), .. } if *by == latter.incarnation()), "{stop}");
            latter.leave().await.expect("it leaves");
        }
    }
}

#[tokio::test]
async fn a_former_process_is_taken_over_and_told_to_stop() {
    for settings in every() {
        for server in [master("m:1"), worker("w:1", &["a", "b"])] {
            let (old, new) = (cluster(&settings, &[]).await, cluster(&settings, &[]).await);
            let former = register(&old, &server).await;
            let latter = register(&new, &server).await;
            assert_ne!(former.incarnation(), latter.incarnation());
            let stop = stopped(&former).await;
            assert!(matches!(&*stop, Stop::Replaced { by: Some(by), .. } if *by == latter.incarnation()), "{stop}");
            assert!(former.slot().is_err());
            old.registry().close().await.expect("a close");
            // All entries stay with the process that is there now.
            for key in server.keys() {
                let entry = new.registry().get(&key).await.expect("an answer").expect("it is there");
                assert_eq!(entry.ephemeral, Some(new.registry().session().id()));
            }
            assert!(matches!(latter.state(), MembershipState::Serving));
            latter.leave().await.expect("it leaves");
        }
    }
}

#[tokio::test]
async fn a_former_process_in_other_groups_is_stopped() {
    for settings in every() {
        let (old, new) = (cluster(&settings, &[]).await, cluster(&settings, &[]).await);
        let former = register(&old, &worker("w:1", &["a"])).await;
        let latter = register(&new, &worker("w:1", &["b"])).await;
        let stop = stopped(&former).await;
        assert!(matches!(&*stop, Stop::Replaced { by: Some(by), .. } if *by == latter.incarnation()), "{stop}");
        shows(&new.workers("a"), &[]).await;
        latter.leave().await.expect("it is not told to stop");
    }
}

#[tokio::test]
async fn a_server_declared_dead_releases_its_entries_and_stops() {
    for settings in every() {
        let (one, other) = (cluster(&settings, &[]).await, cluster(&settings, &[]).await);
        let server = worker("w:1", &["a", "b"]);
        let member = register(&one, &server).await;
        other.mark_dead(&server).await.expect("a mark");
        let stop = stopped(&member).await;
        assert!(matches!(*stop, Stop::DeclaredDead), "{stop}");
        assert_eq!(keys_below(other.registry(), "/nodes").await, [] as [&str; 0], "released before it was told");
        assert!(std::sync::Arc::ptr_eq(&stop, &stopped(&member).await), "there is one cause");
        // A host that has dropped its work may go on as another incarnation of the same server.
        let again = register(&one, &server).await;
        assert_eq!(other.marked_dead().await.expect("the marks"), []);
        assert!(matches!(again.state(), MembershipState::Serving) && again.incarnation() != member.incarnation());
    }
}

#[tokio::test]
async fn a_server_declared_dead_ends_work_before_releasing_entries() {
    for settings in every() {
        let (one, other) = (cluster(&settings, &[]).await, cluster(&settings, &[]).await);
        let member = register(&one, &worker("w:1", &["a"])).await;
        let (key, version) = member.fence().await.expect("a fence");
        let (seen, mut told) = tokio::sync::oneshot::channel();
        let registry = other.registry().clone();
        member.before_release(move |stop| async move {
            let there = registry.get("/nodes/worker/a/w:1").await.expect("an answer").is_some();
            let _ = seen.send((there, stop.to_string()));
        });
        other.mark_dead(member.server()).await.expect("a mark");
        stopped(&member).await;
        let (there, stop) = told.try_recv().expect("the work is ended before the host is told");
        assert!(there && stop.contains("declared dead"), "{stop}");
        // A server that registers in its place writes that down first.
        let latter = register(&other, &worker("w:1", &["a"])).await;
        let late = one.registry().txn().check_version(&key, version).put("/late", "").commit().await;
        assert_eq!(late.expect_err("it is no longer who it was").kind(), ErrorKind::ConditionFailed);
        assert_eq!(member.fence().await.expect_err("there is none").kind(), ErrorKind::SessionLost);
        latter.leave().await.expect("it leaves");
    }
}

#[tokio::test]
async fn a_server_whose_entry_is_deleted_stops() {
    for settings in every() {
        let settings = settings.set("registry.session-timeout=4s");
        let one = cluster(&settings, &[]).await;
        let member = register(&one, &worker("w:1", &["a", "b"])).await;
        one.registry().delete("/nodes/worker/a/w:1").await.expect("a delete");
        let stop = stopped(&member).await;
        assert!(matches!(&*stop, Stop::EntryGone { key } if key == "/nodes/worker/a/w:1"), "{stop}");
        assert_eq!(keys_below(one.registry(), "/nodes").await, [] as [&str; 0]);
    }
}

#[tokio::test]
async fn a_server_that_is_dropped_is_gone_but_not_forgotten() {
    for settings in every() {
        let one = cluster(&settings, &[]).await;
        let member = register(&one, &worker("w:1", &[])).await;
        drop(member);
        shows(&one.workers(""), &[]).await;
        assert_eq!(keys_below(one.registry(), "/cluster/lives").await.len(), 1, "somebody is to take over");
    }
}

#[tokio::test]
async fn a_former_process_releases_its_own_entries_only() {
    for settings in every() {
        let (old, new) = (cluster(&settings, &[]).await, cluster(&settings, &[]).await);
        let server = worker("w:1", &["a", "b", "c"]);
        for _ in 0..100 {
            drop(register(&old, &server).await);
            let latter = register(&new, &server).await;
            latter.leave().await.expect("its entries are still its own");
        }
    }
}

#[tokio::test]
async fn a_waiting_server_is_back_with_its_next_session() {
    for ((settings, ending), of_the_worker) in Ending::each().into_iter().zip([false, true].into_iter().cycle()) {
        let observer = cluster(&settings, &[]).await;
        // For the whole host, or for its worker alone as DolphinScheduler's own section says it.
        let settings = match ending.awaits(settings) {
            settings if of_the_worker => {
                settings.environment([("WORKER_REGISTRYDISCONNECTSTRATEGY_STRATEGY", "waiting")])
            }
            settings => settings.set("registry.disconnect-strategy=wait"),
        };
        let one = cluster(&settings, &[]).await;
        let member = register(&one, &worker("w:1", &["a", "b"])).await;
        let mut standings = member.states();
        let waited = tokio::spawn(async move {
            standings.wait_for(|standing| matches!(standing, MembershipState::Waiting)).await.map(drop)
        });
        ending.of(one.registry()).await;
        waited.await.expect("no panic").expect("it has waited");
        wait_until("it serves again", SOON, || matches!(member.state(), MembershipState::Serving)).await;
        let session = one.registry().session().id();
        wait_until("all see it in its new session", SOON, || {
            let (a, b) = (observer.workers("a").now(), observer.workers("b").now());
            [a, b].iter().all(|group| group.len() == 1 && group[0].session == session)
        })
        .await;
    }
}

#[tokio::test]
async fn a_server_without_a_session_is_to_stop() {
    for (settings, ending) in Ending::each() {
        let observer = cluster(&settings, &[]).await;
        let one = cluster(&ending.awaits(settings), &[]).await;
        let member = register(&one, &worker("w:1", &[])).await;
        ending.of(one.registry()).await;
        let stop = stopped(&member).await;
        assert!(matches!(*stop, Stop::Disconnected(_)), "{stop}");
        // It doesn't come back with the next session.
        wait_until("a session", SOON, || one.registry().session().state() == SessionState::Connected).await;
        shows(&observer.workers(""), &[]).await;
        // Nor does another register on a registry whose host is to stop: it would only be taken over for.
        for server in [worker("w:2", &[]), master("m:1")] {
            let error = one.register(server).await.expect_err("the host is to stop");
            assert_eq!(error.kind(), ErrorKind::SessionLost, "{error}");
        }
        assert_eq!(observer.registry().children("/cluster/lives").await.expect("the lives"), ["worker_w:1"]);
    }
}

#[tokio::test]
async fn a_stopped_server_leaves_without_waiting_for_contact() {
    for (settings, way) in proxied() {
        let one = cluster(&settings.set("registry.session-timeout=2s"), &[]).await;
        let member = register(&one, &worker("w:1", &[])).await;
        way.cut();
        stopped(&member).await;
        let error = within("an answer", SOON, member.leave()).await.expect_err("it was told to stop");
        assert_eq!(error.kind(), ErrorKind::SessionLost, "{error}");
        assert_ne!(one.registry().session().state(), SessionState::Connected, "there was no contact");
    }
}

#[tokio::test]
async fn stopped_servers_stay_away_in_the_next_session() {
    for (settings, ending) in Ending::each() {
        let observer = cluster(&settings, &[]).await;
        let one = cluster(&ending.awaits(settings), &[]).await;
        let servers: Vec<_> = (1..=40).map(|number| worker(&format!("w:{number}"), &["a", "b"])).collect();
        let members = join_all(servers.iter().map(|server| register(&one, server))).await;
        ending.of(one.registry()).await;
        join_all(members.iter().map(stopped)).await;
        let left = async || keys_below(observer.registry(), "/nodes").await;
        // Those that were recreated before they were released go; none comes after that.
        let gone = async || {
            for _ in 0..50 {
                one.registry().put("/later", "").await.expect("a put");
                if !left().await.is_empty() {
                    return None;
                }
            }
            Some(())
        };
        eventually("all are gone for good", SOON * 2, gone).await;
    }
}

#[tokio::test]
async fn a_closed_registry_ends_its_members() {
    for settings in every() {
        let one = cluster(&settings, &[]).await;
        let member = register(&one, &worker("w:1", &[])).await;
        one.registry().close().await.expect("a close");
        let stop = stopped(&member).await;
        assert!(matches!(*stop, Stop::Disconnected(_)), "{stop}");
    }
}

#[tokio::test]
async fn what_is_written_is_dolphinschedulers_json() {
    let settings = registry_suite::memory();
    let one = cluster(&settings, &[]).await;
    let _members = [register(&one, &master("m:1")).await, register(&one, &worker("w:1", &[])).await];
    let master = one.registry().get("/nodes/master/m:1").await.expect("an answer").expect("an entry");
    let worker = one.registry().get("/nodes/worker/default/w:1").await.expect("an answer").expect("an entry");
    let (master, worker) = (Heartbeat::read(&master.value).unwrap(), Heartbeat::read(&worker.value).unwrap());
    assert_eq!((master.server_status, worker.server_status), (None, Some(Status::Normal)));
    // Of servers that register at the same millisecond each gets a start of its own, a little ahead of the clock.
    assert!(master.report_time + 1_000 > master.startup_time && master.available_physical_memory_size > 0.0);
}
