//! Of what watches tell.

use super::story::{C1, Story, leaf};
use crate::history::{Event, Leaf, Scope};

fn subtree() -> Story {
    Story::new("etcd").watch(C1, 1_000, "/a", Scope::Subtree)
}

#[test]
fn what_a_watch_tells_follows_from_what_it_told() {
    subtree()
        .told(C1, 1_100, "/a", Some(3), true)
        .told(C1, 1_101, "/a/b", Some(2), true)
        .told(C1, 1_102, "/a/b", Some(5), false)
        .told(C1, 1_103, "/a/b", None, false)
        .told(C1, 1_104, "/a/b", Some(9), true)
        .keeps_everything();
}

#[test]
fn versions_that_do_not_grow_are_found() {
    let told = || subtree().told(C1, 1_100, "/a", Some(3), true);
    told().told(C1, 1_200, "/a", Some(3), false).breaks("5.3", "version 3 of /a after version 3");
    told().told(C1, 1_200, "/a", Some(2), false).breaks("5.3", "version 2 of /a after version 3");
    told().told(C1, 1_200, "/a", None, false).told(C1, 1_300, "/a", Some(2), true).breaks("5.3", "version 2");
}

#[test]
fn untrue_words_on_what_is_new_are_found() {
    subtree().told(C1, 1_100, "/a", Some(3), false).breaks("5.2", "for the first time");
    let told = || subtree().told(C1, 1_100, "/a", Some(3), true);
    told().told(C1, 1_200, "/a", Some(4), true).breaks("5.2", "as new");
    told().told(C1, 1_200, "/a", None, false).told(C1, 1_300, "/a", Some(5), false).breaks("5.2", "for the first time");
}

#[test]
fn a_delete_of_what_was_not_told_is_found() {
    subtree().told(C1, 1_100, "/a", None, false).breaks("5.2", "is deleted");
    let told = subtree().told(C1, 1_100, "/a", Some(3), true).told(C1, 1_200, "/a", None, false);
    told.told(C1, 1_300, "/a", None, false).breaks("5.2", "is deleted");
}

#[test]
fn what_a_watch_does_not_cover_is_found() {
    subtree().told(C1, 1_100, "/ab", Some(3), true).breaks("5.1", "/ab");
    let of = |scope| Story::new("etcd").watch(C1, 1_000, "/a", scope);
    of(Scope::Node).told(C1, 1_100, "/a", Some(3), true).keeps_everything();
    of(Scope::Node).told(C1, 1_100, "/a/b", Some(3), true).breaks("5.1", "/a/b");
    of(Scope::Children).told(C1, 1_100, "/a/b", Some(3), true).keeps_everything();
    of(Scope::Children).told(C1, 1_100, "/a", Some(3), true).breaks("5.1", "told of /a,");
    of(Scope::Children).told(C1, 1_100, "/a/b/c", Some(3), true).breaks("5.1", "/a/b/c");
}

fn mirrored(scope: Scope, told: &[Leaf]) -> Story {
    let tree = [leaf("/a", "x", 2, None), leaf("/a/b", "y", 3, Some(1)), leaf("/ab", "z", 4, None)];
    let mirror = Event::Mirror { watch: 0, tree: told.to_vec() };
    Story::new("etcd").watch(C1, 1_000, "/a", scope).line(2_000, C1, mirror).tree(2_100, &tree)
}

#[test]
fn a_mirror_shows_what_is_read() {
    let (own, below) = (leaf("/a", "x", 2, None), leaf("/a/b", "y", 3, Some(1)));
    mirrored(Scope::Subtree, &[own.clone(), below.clone()]).keeps_everything();
    mirrored(Scope::Children, std::slice::from_ref(&below)).keeps_everything();
    mirrored(Scope::Node, &[own]).keeps_everything();
}

#[test]
fn a_mirror_that_differs_is_found() {
    let (own, below) = (leaf("/a", "x", 2, None), leaf("/a/b", "y", 3, Some(1)));
    let with = |other: Leaf| mirrored(Scope::Subtree, &[own.clone(), other]);
    mirrored(Scope::Subtree, std::slice::from_ref(&own)).breaks("5.4", "does not tell of /a/b");
    with(leaf("/a/b", "old", 3, Some(1))).breaks("5.4", "it tells Leaf");
    with(leaf("/a/b", "y", 1, Some(1))).breaks("5.4", "it tells Leaf");
    with(leaf("/a/b", "y", 3, None)).breaks("5.4", "it tells Leaf");
    mirrored(Scope::Subtree, &[own, below, leaf("/a/c", "x", 9, None)]).breaks("5.4", "/a/c, which is not there");
}

#[test]
fn a_mirror_is_compared_with_what_its_own_client_read() {
    let below = leaf("/a/b", "y", 3, Some(1));
    let mirror = mirrored(Scope::Children, std::slice::from_ref(&below));
    mirror.line(9_000, crate::history::Who::Chaos, Event::Tree { tree: Vec::new() }).keeps_everything();
}
