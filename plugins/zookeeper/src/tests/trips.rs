//! How many requests a Txn takes, as the server counts them.

use registry_plugin::Check;
use registry_test_servers::ZooKeeper as Server;
use serde_json::json;

use super::support::*;

/// The requests that the server has received so far.
fn requests(server: &Server) -> u64 {
    let answer = server.ask("mntr").expect("an answer");
    let count = answer.lines().find_map(|line| line.strip_prefix("zk_packets_received"));
    count.and_then(|count| count.trim().parse().ok()).expect("a count")
}

/// How many requests something takes at least, with one that asks for the count. The session is kept alive beside it,
/// but not every time.
async fn least(server: &Server, mut some: impl AsyncFnMut()) -> u64 {
    let mut least = u64::MAX;
    for _ in 0..5 {
        let before = requests(server);
        some().await;
        least = least.min(requests(server) - before);
    }
    least
}

#[tokio::test]
async fn the_usual_txns_are_one_request() {
    let server = Server::start().expect("a server");
    let section = json!({ "connect-string": server.connect_string() });
    let client = connect_with(section, options("ns")).await.expect("a connection");
    client.write(&[put("/a/b", ""), put("/c/d", "")]).await.expect("puts");
    let asking = least(&server, async || {}).await;
    let one = asking + 1;
    for (what, operation) in [("a put", put("/a/b", "v")), ("an ephemeral put", ephemeral("/a/e", "v"))] {
        for _ in 0..10 {
            client.write(&[operation]).await.expect("a put");
        }
        let took = least(&server, async || drop(client.write(&[operation]).await.expect("a put"))).await;
        assert_eq!(took, one, "{what} on an entry that is put again and again");
        let check = [Check::Present(key("/a/b"))];
        let took = least(&server, async || drop(client.txn(&check, &[operation]).await.expect("a put"))).await;
        assert_eq!(took, one, "{what} on an entry that is put again and again, if there is one");
    }
    let operation = [put("/a/b", "v")];
    let at_once = async || {
        let put = || client.write(&operation);
        let answers = tokio::join!(put(), put(), put(), put());
        for answer in [answers.0, answers.1, answers.2, answers.3] {
            answer.expect("a put");
        }
    };
    assert_eq!(
        least(&server, at_once).await,
        asking + 4,
        "puts of one entry, each sent before the one before is answered"
    );
    let took = least(&server, async || drop(client.write(&[delete("/x")]).await.expect("a delete"))).await;
    assert_eq!(took, one, "a delete");
    let took = least(&server, async || drop(client.write(&[delete("/c")]).await.expect_err("a refusal"))).await;
    assert_eq!(took, one, "a delete of what has children");
    let both = [put("/a/b", "v"), ephemeral("/a/e", "v")];
    let took = least(&server, async || drop(client.write(&both).await.expect("puts"))).await;
    assert_eq!(took, one, "puts on entries that are put again and again");
}
