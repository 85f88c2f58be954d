//! Of each law a history that keeps it and, for each way to break it, one that is found.

mod ends;
mod entries;
mod ephemerals;
mod failovers;
mod locks;
mod sessions;
mod story;
mod watches;

use self::story::{C1, C2, Story};

#[test]
fn a_history_of_nothing_keeps_everything() {
    Story::new("etcd").keeps_everything();
}

#[test]
fn lines_may_come_in_any_order() {
    let story = || {
        Story::new("etcd").put(C1, 1_000, "/k", "a", 7).put(C2, 2_000, "/k", "b", 8).get(
            C1,
            3_000,
            "/k",
            Some(("b", 8)),
        )
    };
    story().backwards().keeps_everything();
    let stale = || story().get(C1, 4_000, "/k", Some(("a", 7)));
    assert_eq!(stale().backwards().found(), stale().found());
}
