//! Of host servers, and of those who take over for them.

use super::story::{C1, C2, Story};
use crate::history::{Change, Event, ServerState, Who};

const W: &str = "worker_c-1:1/100-7";

fn server(story: Story, who: Who, at: u64, server: &str, standing: ServerState) -> Story {
    story.line(at, who, Event::Server { server: server.to_owned(), standing })
}

fn takes(story: Story, who: Who, (from, to): (u64, u64), server: &str, token: u64, done: bool) -> Story {
    let server = server.to_owned();
    let story = story.line(from, who, Event::TakesOver { server: server.clone(), token });
    story.line(to, who, Event::TookOver { server, token, done })
}

fn crossed_out(story: Story, at: u64, server: &str) -> Story {
    story.line(at, Who::Chaos, Event::CrossedOut { server: server.to_owned() })
}

/// The first client's worker serves, from 1,000 on.
fn serving() -> Story {
    let story = server(Story::new("etcd"), C1, 900, "worker_c-1:1", ServerState::Registers);
    server(story, C1, 1_000, W, ServerState::Serves)
}

#[test]
fn each_server_that_went_is_taken_over_once() {
    let story = takes(serving().process(C1, 2_000, Change::Kill), C2, (8_000, 8_100), W, 5, true);
    crossed_out(story, 8_110, W).keeps_everything();
    // Not if the first to try has failed.
    let story = takes(serving().process(C1, 2_000, Change::Kill), C2, (8_000, 8_100), W, 5, false);
    let story = takes(story, C2, (9_000, 9_100), W, 6, true);
    crossed_out(story, 9_110, W).keeps_everything();
}

#[test]
fn a_repeated_take_over_is_found() {
    let once = || {
        let story = takes(serving().process(C1, 2_000, Change::Kill), C2, (8_000, 8_100), W, 5, true);
        crossed_out(story, 8_110, W)
    };
    takes(once(), C2, (9_000, 9_100), W, 6, true).breaks("failover", "once more");
    // One that stood still in between may not have heard of it.
    let slept = once().process(C2, 8_500, Change::Stop).process(C2, 8_900, Change::Continue);
    takes(slept, C2, (9_000, 9_100), W, 6, true).keeps_everything();
}

#[test]
fn a_missed_take_over_is_found() {
    let killed = || serving().process(C1, 2_000, Change::Kill);
    crossed_out(killed(), 8_000, W).breaks("failover", "nobody had taken over");
    let failed = takes(killed(), C2, (8_000, 8_100), W, 5, false);
    crossed_out(failed, 8_110, W).breaks("failover", "nobody had taken over");
    crossed_out(server(serving(), C1, 2_000, W, ServerState::Leaves), 2_100, W).keeps_everything();
    // One that nobody has told of may have been called off while it registered.
    crossed_out(Story::new("etcd"), 8_000, W).keeps_everything();
    let unfinished = Event::Unfinished { server: W.to_owned() };
    killed().line(20_000, Who::Chaos, unfinished).breaks("failover", "neither left nor been taken over for");
}

#[test]
fn concurrent_take_overs_of_one_role_are_found() {
    let (other, master) = ("worker_c-9:1/100-9", "master_c-9:1/100-9");
    let both = |server, from| {
        let first = takes(serving().process(C1, 2_000, Change::Kill), C2, (8_000, 9_000), W, 5, true);
        takes(first, Who::Client(3, 0), (from, 9_500), server, 6, true)
    };
    both(other, 8_900).breaks("failover", "while");
    both(other, 9_100).keeps_everything();
    both(master, 8_900).keeps_everything();
    // A process that has been killed, or stands still, takes over for nobody.
    both(other, 8_900).process(C2, 8_500, Change::Kill).keeps_everything();
    both(other, 8_900).process(C2, 8_500, Change::Stop).keeps_everything();
}

#[test]
fn a_take_over_of_a_serving_server_is_found() {
    let over = |story: Story| takes(story.lives_until(C1, 30_000), C2, (8_000, 8_100), W, 5, true);
    over(serving()).breaks("failover", "while it served");
    over(server(serving(), C1, 7_900, W, ServerState::Waits)).keeps_everything();
    over(server(serving(), C1, 7_900, W, ServerState::Stops)).keeps_everything();
    over(server(serving(), C1, 7_900, "worker_c-1:1", ServerState::Registers)).keeps_everything();
    let again = server(serving(), C1, 7_800, W, ServerState::Waits);
    over(server(again, C1, 7_900, W, ServerState::Serves)).breaks("failover", "while it served");
    over(serving().process(C1, 7_900, Change::Kill)).keeps_everything();
    over(serving().process(C1, 5_000, Change::Stop).process(C1, 7_990, Change::Continue)).keeps_everything();
}

#[test]
fn a_view_that_misses_a_server_is_found() {
    let seen = |servers: &[&str]| {
        let servers = servers.iter().map(|server| (*server).to_owned()).collect();
        serving().line(20_000, C2, Event::Seen { servers })
    };
    seen(&[W]).keeps_everything();
    seen(&[]).breaks("membership", "at the end");
    seen(&["master_c-1:1/100-7", W]).breaks("membership", "at the end");
}
