//! Members of an ensemble that are silent, and Txns through one that hears of other members' writes late.

use std::time::Duration;

use futures_util::future::join_all;
use registry_plugin::{Backend, Check, Operation};
use registry_test_servers::ZooKeeper as Server;
use serde_json::json;

use super::support::*;

pub(crate) async fn connect_through(server: &Server, member: usize) -> Client {
    let section = json!({ "connect-string": server.members()[member].endpoint() });
    let mut options = options("ns");
    // A member may stand still for a while.
    options.session_timeout = Duration::from_secs(30);
    connect_with(section, options).await.expect("a connection")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_rests_on_what_others_have_written_before() {
    let server = Server::builder().members(3).start().expect("an ensemble");
    let clients =
        [connect_through(&server, 0).await, connect_through(&server, 1).await, connect_through(&server, 2).await];
    for round in 0..100 {
        let (client, other) = (&clients[round % 3], &clients[(round + 1) % 3]);
        let at = format!("/{}/a/b", round % 7);
        let version = client.write(&[put(&at, "")]).await.expect("a put").version(0).expect("a version");
        let checks = [Check::Version(key(&at), version), Check::Absent(key("/no"))];
        other.txn(&checks, &[]).await.expect("it is at that version");
        other.txn(&checks[..1], &[put(&at, "")]).await.expect("it is at that version");
        client.write(&[delete(&at)]).await.expect("a delete");
        other.txn(&[Check::Absent(key(&at))], &[]).await.expect("it is gone");
        client.write(&[put(&at, ""), ephemeral("/e", "")]).await.expect("puts");
        let gone = other.write(&[Operation::DeleteRecursive(key(&at))]).await.expect("a delete").deleted();
        assert_eq!(gone, 1, "it was there");
        client.write(&[delete("/e")]).await.expect("a delete");
        other.write(&[put("/e", "")]).await.expect("a put");
    }
}

/// A client with so much patience that a test fails if it waits for a silent member.
async fn connect_patiently(servers: &str) -> Client {
    let hour = Duration::from_secs(3600);
    let mut options = options("ns");
    (options.session_timeout, options.operation_timeout) = (hour, hour);
    let section = json!({ "connect-string": servers, "connection-timeout": "15m", "block-until-connected": "1h" });
    connect_with(section, options).await.expect("a connection")
}

/// The sessions that there are.
fn sessions(server: &Server) -> usize {
    let answer = server.ask("mntr").expect("an answer");
    let count = answer.lines().find_map(|line| line.strip_prefix("zk_global_sessions"));
    count.and_then(|count| count.trim().parse().ok()).expect("a count")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_silent_keeps_nobody_waiting() {
    let server = Server::builder().members(3).start().expect("an ensemble");
    let leader = server.leader().expect("a leader").number();
    // The first is asked for what it knows.
    let member = server.members().iter().skip(1).find(|member| member.number() != leader).expect("a follower");
    member.stop().expect("a stop");
    let servers = server.connect_string();
    let opening = join_all((0..16).map(|_| connect_patiently(&servers)));
    let clients = tokio::time::timeout(LIMIT, opening).await.expect("all are opened in time");
    until("no session was opened in vain", async || sessions(&server) == clients.len()).await;
    let closing = join_all(clients.iter().map(|client| client.close()));
    for closed in tokio::time::timeout(LIMIT, closing).await.expect("all are closed in time") {
        closed.expect("a close");
    }
    until("none is left", async || sessions(&server) == 0).await;
}
