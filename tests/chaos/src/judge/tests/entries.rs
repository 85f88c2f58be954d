//! Of writes and reads.

use super::story::{C1, C2, Story, failed, leaf, put, put_if};
use crate::history::{Action, Answer, Leaf};

fn etcd() -> Story {
    Story::new("etcd")
}

fn k(value: &str, version: u64) -> Leaf {
    leaf("/k", value, version, None)
}

#[test]
fn the_last_acknowledged_write_or_a_later_unknown_remains() {
    let story = || etcd().put(C1, 1_000, "/k", "a", 5).put(C1, 2_000, "/k", "b", 7);
    story().tree(9_000, &[k("b", 7)]).keeps_everything();
    let later = || story().call(C1, 3_000, 3_900, put("/k", "c"), failed("unknown"));
    later().tree(9_000, &[k("b", 7)]).keeps_everything();
    later().tree(9_000, &[k("c", 9)]).keeps_everything();
    story().begun(C1, 3_000, put("/k", "c")).tree(9_000, &[k("c", 9)]).keeps_everything();
    story().delete(C2, 3_000, "/k").tree(9_000, &[]).keeps_everything();
    story()
        .call(C2, 1_500, 1_600, Action::Delete { key: "/k".to_owned() }, failed("unknown"))
        .tree(9_000, &[])
        .keeps_everything();
}

#[test]
fn an_acknowledged_write_that_is_missing_is_found() {
    let story = || etcd().put(C1, 1_000, "/k", "a", 5).put(C1, 2_000, "/k", "b", 7);
    story().tree(9_000, &[]).breaks("3.1", "there is nothing");
    story().delete(C2, 1_500, "/k").tree(9_000, &[]).breaks("3.1", "there is nothing");
    story().tree(9_000, &[k("a", 5)]).breaks("3.1", "at version 5");
    // Written once more by nobody.
    let found = story().tree(9_000, &[k("a", 9)]).found();
    assert!(found.iter().any(|finding| finding.what.contains("the value of an older one")), "{found:?}");
}

#[test]
fn a_read_of_an_unapplied_write_is_found() {
    let refused = || etcd().call(C1, 1_000, 1_100, put("/k", "a"), failed("not_applied"));
    refused().tree(9_000, &[]).keeps_everything();
    refused().get(C2, 2_000, "/k", None).keeps_everything();
    refused().get(C2, 2_000, "/k", Some(("a", 5))).breaks("3.6", "was not applied");
    refused().list(C2, 2_000, "/", &[k("a", 5)]).breaks("3.6", "was not applied");
    refused().tree(9_000, &[k("a", 5)]).breaks("3.6", "was not applied");
}

#[test]
fn a_value_that_nobody_wrote_is_found() {
    etcd().put(C1, 1_000, "/k", "a", 5).get(C2, 2_000, "/k", Some(("b", 6))).breaks("1.2", "nobody wrote");
    etcd().get(C2, 2_000, "/others", Some(("b", 6))).keeps_everything();
}

#[test]
fn a_version_that_the_writer_was_not_told_is_found() {
    etcd().put(C1, 1_000, "/k", "a", 5).get(C2, 2_000, "/k", Some(("a", 6))).breaks("3.1", "another version than 6");
}

fn counted(to: &str, tree: Option<&str>) -> Story {
    let story = etcd()
        .call(C1, 1_000, 1_010, put_if("/n", "1 a", None), Answer::Written { version: 4 })
        .call(C2, 1_100, 1_110, put_if("/n", to, Some(4)), Answer::Written { version: 5 })
        .call(C1, 1_200, 1_210, put_if("/n", "2 c", Some(4)), failed("not_applied"))
        .call(C1, 1_300, 1_900, put_if("/n", "3 d", Some(5)), failed("unknown"));
    let leaf = tree.map(|value| leaf("/n", value, if value == to { 5 } else { 6 }, None));
    story.tree(9_000, leaf.as_slice())
}

#[test]
fn a_counter_counts_each_write_once() {
    counted("2 b", Some("2 b")).keeps_everything();
    counted("2 b", Some("3 d")).keeps_everything();
    let found = counted("2 b", Some("4 e")).found();
    assert!(found.iter().any(|finding| finding.what.contains("counts 4 at the end, but 2 to 3")), "{found:?}");
    counted("1 b", Some("1 b")).breaks("3.1", "counts 1 at the end, but 2 to 3");
}

#[test]
fn two_writes_on_the_same_condition_are_found() {
    let third = |version| {
        etcd()
            .call(C1, 1_000, 1_010, put_if("/n", "1 a", None), Answer::Written { version: 4 })
            .call(C2, 1_100, 1_110, put_if("/n", "2 b", Some(4)), Answer::Written { version: 5 })
            .call(C1, 1_200, 1_210, put_if("/n", "3 c", version), Answer::Written { version: 6 })
    };
    third(Some(5)).keeps_everything();
    third(Some(4)).breaks("3.1", "on the condition of version Some(4)");
    third(None).breaks("3.1", "on the condition of version None");
}

#[test]
fn a_linearizable_read_sees_what_was_written_or_read_before() {
    let story = || etcd().put(C1, 1_000, "/k", "a", 5).put(C1, 2_000, "/k", "b", 7);
    story().get(C2, 3_000, "/k", Some(("b", 7))).keeps_everything();
    // One that began before the write was answered may see either.
    story().get(C2, 2_005, "/k", Some(("a", 5))).keeps_everything();
    story().get(C2, 3_000, "/k", Some(("a", 5))).breaks("2.1", "at version 5, after version 7");
    story().get(C2, 3_000, "/k", None).breaks("2.1", "was not found");
    story().list(C2, 3_000, "/", &[k("a", 5)]).breaks("2.1", "at version 5, after version 7");
    story().list(C2, 3_000, "/", &[]).breaks("2.1", "was not found");
    story().list(C2, 3_000, "/other", &[]).keeps_everything();
    let unknown = etcd().call(C1, 1_000, 1_500, put("/k", "c"), failed("unknown")).get(C1, 2_000, "/k", Some(("c", 9)));
    unknown.get(C2, 3_000, "/k", None).breaks("2.1", "was not found");
}

#[test]
fn what_was_deleted_may_be_missing() {
    let story = || etcd().put(C1, 1_000, "/k", "a", 5);
    story().delete(C2, 2_000, "/k").get(C2, 3_000, "/k", None).keeps_everything();
    story()
        .delete(C2, 2_000, "/k")
        .put(C1, 2_500, "/k", "b", 8)
        .get(C2, 3_000, "/k", None)
        .breaks("2.1", "was not found");
    let unknown = story().call(C2, 2_000, 2_100, Action::Delete { key: "/k".to_owned() }, failed("unknown"));
    unknown.put(C1, 2_500, "/k", "b", 8).get(C2, 3_000, "/k", None).keeps_everything();
    let refused = story().call(C2, 2_000, 2_100, Action::Delete { key: "/k".to_owned() }, failed("not_applied"));
    refused.get(C2, 3_000, "/k", None).breaks("2.1", "was not found");
}

#[test]
fn a_lagging_read_is_never_behind_its_client() {
    let story = || Story::new("zookeeper").put(C1, 1_000, "/k", "a", 5).put(C1, 2_000, "/k", "b", 7);
    story().get(C2, 3_000, "/k", Some(("a", 5))).keeps_everything();
    story().get(C1, 3_000, "/k", Some(("a", 5))).breaks("2.1", "at version 5, after version 7");
    story().get(C2, 3_000, "/k", Some(("b", 7))).get(C2, 4_000, "/k", Some(("a", 5))).breaks("2.1", "after version 7");
    story().list(C1, 3_000, "/k", &[]).breaks("2.1", "was not found");
}
