//! How many round trips an operation takes, as the server counts them.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use registry_plugin::{Backend, Check, Key, Operation};
use registry_test_servers::Etcd as Server;
use serde_json::json;

use super::support::*;

/// The requests on keys that the server has begun to serve.
fn requests(server: SocketAddr) -> u64 {
    let mut stream = TcpStream::connect(server).expect("a connection");
    stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: {server}\r\n\r\n").expect("a request");
    let mut page = String::new();
    stream.read_to_string(&mut page).expect("a page");
    let counts = page.lines().filter(|line| {
        line.starts_with("grpc_server_started_total") && line.contains(r#"grpc_service="etcdserverpb.KV""#)
    });
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[tokio::test]
async fn the_common_cases_are_one_round_trip() {
    let server = Server::start().expect("a server");
    let client = connect_with(json!({ "endpoints": server.endpoint() }), options("ns")).await.expect("a connection");
    client.write(&[put("/a/b", "1"), put("/a/c/d", "1"), ephemeral("/e", "")]).await.expect("puts");
    let mut before = requests(server.address());
    let mut trips = |what: &str, expected| {
        let now = requests(server.address());
        assert_eq!(now - before, expected, "{what}");
        before = now;
    };
    client.get(key("/a/b")).await.expect("an answer");
    trips("a get", 1);
    client.children(key("/a")).await.expect("names");
    trips("children", 1);
    client.children(Key::ROOT).await.expect("names");
    trips("children of the root", 1);
    client.write(&[put("/a/b", "2")]).await.expect("a put");
    trips("a put on an existing parent", 1);
    client.write(&[ephemeral("/a/f", "2")]).await.expect("a put");
    trips("an ephemeral put on an existing parent", 1);
    client.txn(&[Check::Present(key("/a"))], &[put("/a/b", "3"), delete("/a/f")]).await.expect("a Txn");
    trips("a Txn", 1);
    client.write(&[delete("/a/b")]).await.expect("a delete");
    trips("a delete", 1);
    client.write(&[delete("/a")]).await.expect_err("it has children");
    trips("a refused delete", 1);
    client.write(&[put("/e/f", "")]).await.expect_err("its parent is ephemeral");
    trips("a refused put", 1);
    client.txn(&[Check::Absent(key("/a"))], &[put("/a", "")]).await.expect_err("it is there");
    trips("a failed check", 1);
    client.write(&[put("/x/y/z", "")]).await.expect("a put");
    trips("a put with missing ancestors", 2);
    client.write(&[delete("/x/y/z"), delete("/x/y"), delete("/x")]).await.expect("deletes");
    trips("an entry deleted with its children in one Txn", 2);
    client.write(&[Operation::DeleteRecursive(key("/a"))]).await.expect("a delete");
    trips("a recursive delete", 1);
}
