//! Of what is left, and of what should never be.

use super::story::{C1, C2, Story};
use crate::history::{Answer, BEGIN, END, Event, Who};

fn holds(when: &str, threads: u64, descriptors: u64, resident_kb: u64) -> Event {
    Event::Holds { when: when.to_owned(), threads, descriptors, resident_kb }
}

fn servers(when: &str, sessions: u64, watches: Option<u64>, entries: u64) -> Event {
    Event::Servers { when: when.to_owned(), sessions, watches, entries }
}

#[test]
fn a_client_that_has_more_at_the_end_is_found() {
    for (then, now) in [(BEGIN, END), ("warm", "closed")] {
        let story = |end| Story::new("etcd").line(1_000, C1, holds(then, 10, 20, 30_000)).line(9_000, C1, end);
        story(holds(now, 10, 20, 30_000)).keeps_everything();
        story(holds(now, 12, 23, 77_000)).keeps_everything();
        story(holds(now, 13, 20, 30_000)).breaks("4.5", "13 threads instead of 10");
        story(holds(now, 10, 24, 30_000)).breaks("4.5", "24 descriptors instead of 20");
        story(holds(now, 10, 20, 78_000)).breaks("4.5", "78000 KiB of memory instead of 30000");
        story(holds("between", 99, 99, 99_000)).keeps_everything();
    }
    // Each is compared with itself.
    let others =
        Story::new("etcd").line(1_000, C1, holds(BEGIN, 10, 20, 30_000)).line(9_000, C2, holds(END, 99, 99, 30_000));
    others.keeps_everything();
}

#[test]
fn servers_that_have_more_at_the_end_are_found() {
    let story =
        |end| Story::new("etcd").line(1_000, Who::Chaos, servers(BEGIN, 1, Some(2), 3)).line(9_000, Who::Chaos, end);
    story(servers(END, 1, Some(2), 3)).keeps_everything();
    story(servers(END, 1, None, 3)).keeps_everything();
    story(servers(END, 2, Some(2), 3)).breaks("4.2", "2 sessions instead of 1");
    story(servers(END, 1, Some(3), 3)).breaks("4.2", "3 watches instead of 2");
    story(servers(END, 1, Some(2), 4)).breaks("4.2", "4 entries instead of 3");
}

#[test]
fn what_should_never_be_is_found() {
    Story::new("etcd").line(1_000, C1, Event::Wrong { what: "odd".to_owned() }).breaks("7.1", "odd");
    let panicked = Answer::Failed {
        kind: "plugin_panicked".to_owned(),
        outcome: "unknown".to_owned(),
        message: "boom".to_owned(),
    };
    let get = crate::history::Action::Get { key: "/k".to_owned() };
    Story::new("etcd").call(C1, 1_000, 1_010, get, panicked).breaks("7.2", "boom");
}
