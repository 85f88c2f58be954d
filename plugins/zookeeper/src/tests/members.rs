//! Txns through a member of an ensemble that hears of other members' writes late.

use std::time::Duration;

use registry_plugin::{Check, Operation};
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
