//! Of entries that go with their sessions.

use super::story::{C1, C2, Story, ephemeral, failed, leaf};
use crate::history::{Action, Answer, Change, Event, State, Who};

fn etcd() -> Story {
    Story::new("etcd").ephemeral(C1, 1_000, "/e", "a", 5)
}

/// The first client's session is lost at ten seconds, another follows at fifteen.
fn lost(story: Story) -> Story {
    let story = story.state(C1, 8_000, State::Suspended, 1).state(C1, 10_000, State::Lost, 1);
    story.state(C1, 15_000, State::Connected, 3).lives_until(C1, 40_000)
}

#[test]
fn entries_go_with_their_sessions() {
    lost(etcd()).gone(13_000, "/e", 1).keeps_everything();
    lost(etcd()).gone(15_900, "/e", 1).keeps_everything();
    etcd().process(C1, 10_000, Change::Kill).gone(15_900, "/e", 1).keeps_everything();
    let close = |story: Story| story.call(C1, 10_000, 10_010, Action::Close, Answer::Done);
    close(etcd()).gone(10_020, "/e", 1).keeps_everything();
    etcd().process(C1, 10_000, Change::Stop).gone(15_000, "/e", 1).keeps_everything();
}

#[test]
fn an_entry_that_outlives_its_session_is_found() {
    lost(etcd()).gone(16_100, "/e", 1).breaks("4.2", "/e was there 0.1 s");
    etcd().process(C1, 10_000, Change::Kill).gone(16_100, "/e", 1).breaks("4.2", "/e was there 0.1 s");
    etcd()
        .call(C1, 10_000, 10_010, Action::Close, Answer::Done)
        .gone(12_100, "/e", 1)
        .breaks("4.2", "/e was there 0.1 s");
    let killed = || etcd().process(C1, 10_000, Change::Kill);
    killed().tree(17_000, &[leaf("/e", "a", 5, Some(1))]).breaks("4.2", "/e was there 1.0 s");
    killed().list(C2, 17_000, "/", &[leaf("/e", "a", 5, Some(1))]).breaks("4.2", "/e was there 1.0 s");
    killed().list(C2, 15_995, "/", &[leaf("/e", "a", 5, Some(1))]).keeps_everything();
    // One that stood still for that long sent nothing since.
    let slept = |gone| {
        let slept = etcd().process(C1, 5_000, Change::Stop).process(C1, 14_500, Change::Continue);
        let slept = slept.state(C1, 14_520, State::Suspended, 1).state(C1, 14_530, State::Lost, 1);
        slept.lives_until(C1, 20_000).gone(gone, "/e", 1)
    };
    slept(10_900).keeps_everything();
    slept(11_100).breaks("4.2", "/e was there 0.1 s");
}

#[test]
fn an_entry_belongs_to_its_session_on_any_lease() {
    let moved = || etcd().line(5_000, Who::Chaos, Event::Moved { from: 1, to: 7 });
    let again = || moved().line(6_000, Who::Chaos, Event::Moved { from: 7, to: 8 });
    moved().lives_until(C1, 30_000).gone(9_000, "/e", 7).breaks("4.1", "/e went while its session 1 lived");
    again().lives_until(C1, 30_000).gone(9_000, "/e", 8).breaks("4.1", "/e went while its session 1 lived");
    again().process(C1, 10_000, Change::Kill).gone(16_100, "/e", 8).breaks("4.2", "/e was there 0.1 s");
    // Put again by its own client in the next session.
    let renewed = etcd().line(15_500, Who::Chaos, Event::Moved { from: 1, to: 3 });
    lost(renewed).gone(16_100, "/e", 3).breaks("4.1", "/e went while its session 3 lived");
}

#[test]
fn zookeeper_has_a_tick_more() {
    let killed = || Story::new("zookeeper").ephemeral(C1, 1_000, "/e", "a", 5).process(C1, 10_000, Change::Kill);
    killed().gone(16_400, "/e", 1).keeps_everything();
    killed().gone(16_600, "/e", 1).breaks("4.2", "/e was there 0.1 s");
}

#[test]
fn servers_that_start_again_count_from_the_beginning() {
    let killed = || etcd().process(C1, 10_000, Change::Kill);
    let again = || killed().fault("kill-leader", &["member 0"], 12_000, 14_000);
    again().gone(19_900, "/e", 1).keeps_everything();
    again().gone(20_100, "/e", 1).breaks("4.2", "/e was there 0.1 s");
    let leader = |ms, member: Option<&str>| (ms, Event::Leader { member: member.map(str::to_owned) });
    let [none, other] = [leader(12_000, None), leader(14_000, Some("member 1"))];
    let elected = || killed().line(none.0, Who::Chaos, none.1.clone()).line(other.0, Who::Chaos, other.1.clone());
    elected().gone(19_900, "/e", 1).keeps_everything();
    elected().gone(20_100, "/e", 1).breaks("4.2", "/e was there 0.1 s");
    // What a client's network held back is heard when it is let through, which concerns no other.
    killed().fault("cut", &["client 1", "member 0"], 9_000, 14_000).gone(19_900, "/e", 1).keeps_everything();
    killed().fault("cut", &["client 2", "member 0"], 9_000, 14_000).gone(19_900, "/e", 1).breaks("4.2", "/e was there");
}

#[test]
fn servers_that_answer_nobody_count_from_the_beginning() {
    let killed = || etcd().process(C1, 10_000, Change::Kill);
    let get = || Action::Get { key: "/k".to_owned() };
    let answered = |story: Story| story.call(C2, 12_500, 14_000, get(), Answer::Entry { entry: None });
    let third = Who::Client(3, 0);
    let asked =
        |story: Story| answered(story.begun(third, 9_000, get()).line(9_100, third, Event::Dropped { call: 1 }));
    asked(killed()).gone(19_900, "/e", 1).keeps_everything();
    asked(killed()).gone(20_100, "/e", 1).breaks("4.2", "/e was there 0.1 s");
    // One client that hears nothing may be to blame itself.
    answered(killed()).gone(19_900, "/e", 1).breaks("4.2", "/e was there");
}

#[test]
fn an_entry_that_goes_while_its_session_lives_is_found() {
    let lives = || etcd().lives_until(C1, 40_000);
    lives().gone(9_000, "/e", 1).breaks("4.1", "/e went while its session 1 lived");
    lost(etcd()).gone(5_900, "/e", 1).breaks("4.1", "/e went while its session 1 lived");
    etcd().process(C1, 10_000, Change::Kill).gone(9_000, "/e", 1).breaks("4.1", "/e went while its session 1 lived");
    // A pause that the session outlives is no excuse, others are.
    let paused = |until| lives().process(C1, 5_000, Change::Stop).process(C1, until, Change::Continue);
    paused(5_500).gone(9_000, "/e", 1).breaks("4.1", "/e went while its session 1 lived");
    lost(etcd())
        .process(C1, 3_000, Change::Stop)
        .process(C1, 9_000, Change::Continue)
        .gone(8_900, "/e", 1)
        .keeps_everything();
}

#[test]
fn an_entry_that_was_deleted_or_taken_has_not_vanished() {
    let lives = || etcd().lives_until(C1, 40_000);
    lives().delete(C1, 8_990, "/e").gone(9_000, "/e", 1).keeps_everything();
    lives()
        .call(C2, 6_000, 7_000, Action::Delete { key: "/e".to_owned() }, failed("unknown"))
        .gone(9_000, "/e", 1)
        .keeps_everything();
    lives().ephemeral(C2, 8_990, "/e", "b", 6).gone(9_000, "/e", 1).keeps_everything();
    lives().delete(C2, 500, "/e").gone(9_000, "/e", 1).breaks("4.1", "/e went while");
    // Nobody here has put it, such as a queue entry.
    lives().gone(9_000, "/lock/1", 1).keeps_everything();
}

#[test]
fn an_entry_is_recreated_in_the_next_session() {
    lost(etcd()).gone(13_000, "/e", 1).tree(39_000, &[leaf("/e", "a", 9, Some(3))]).keeps_everything();
    lost(etcd()).tree(39_000, &[]).breaks("4.4", "at the end there is nothing");
    let found = lost(etcd()).tree(39_000, &[leaf("/e", "a", 5, Some(1))]).found();
    assert!(found.iter().any(|finding| finding.clause == "4.4"), "{found:?}");
    // Its client is gone.
    lost(etcd()).process(C1, 38_000, Change::Kill).tree(39_000, &[]).keeps_everything();
}

#[test]
fn an_entry_that_was_deleted_or_taken_is_not_recreated() {
    lost(etcd()).delete(C2, 11_000, "/e").tree(39_000, &[]).keeps_everything();
    let taken = || lost(etcd()).ephemeral(C2, 11_000, "/e", "b", 8).lives_until(C2, 40_000);
    taken().tree(39_000, &[leaf("/e", "b", 8, Some(2))]).keeps_everything();
    taken().tree(39_000, &[leaf("/e", "a", 9, Some(3))]).breaks("4.4", "was put as ephemeral by Client(2, 0)");
    // What a dead client had under way can't come after its session.
    let other = || Story::new("etcd").begun(C2, 900, ephemeral("/e", "b")).process(C2, 1_000, Change::Kill);
    other()
        .ephemeral(C1, 9_000, "/e", "a", 5)
        .lives_until(C1, 40_000)
        .tree(39_000, &[])
        .breaks("4.4", "there is nothing");
    other().ephemeral(C1, 3_000, "/e", "a", 5).lives_until(C1, 40_000).tree(39_000, &[]).keeps_everything();
}

#[test]
fn recreating_an_entry_taken_over_is_found() {
    let taken = || etcd().ephemeral(C2, 3_000, "/e", "b", 6).lives_until(C1, 40_000).lives_until(C2, 40_000);
    let read = |story: Story, value, version| story.list(C2, 5_000, "/e", &[leaf("/e", value, version, Some(1))]);
    read(taken(), "b", 6).keeps_everything();
    read(taken(), "a", 7).breaks("4.4", "by the registry of the first again, as version 7");
    // There was nothing any more that could be taken back.
    read(taken().process(C2, 4_000, Change::Kill), "a", 7).keeps_everything();
    read(taken().delete(C2, 4_000, "/e"), "a", 7).keeps_everything();
    // It has put it again itself.
    read(taken().ephemeral(C1, 4_000, "/e", "c", 8), "c", 9).keeps_everything();
}

#[test]
fn an_observer_may_hear_late_of_a_deletion() {
    let again = |deleted| etcd().delete(C1, deleted, "/e").ephemeral(C1, 20_000, "/e", "b", 6).lives_until(C1, 60_000);
    again(19_900).gone(20_100, "/e", 1).keeps_everything();
    again(5_000).gone(20_100, "/e", 1).breaks("4.1", "/e went while its session 1 lived");
}
