use std::{sync::Arc, time::Duration};

use registry_plugin::{Backend, ErrorKind, Outcome, Scope, SessionState};
use registry_test_servers::{Certificates, Etcd as Server, Tls};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::support::*;

async fn refusal(section: Value) -> registry_plugin::Error {
    match connect_with(section, options("ns")).await {
        Ok(_) => panic!("a connection"),
        Err(error) => error,
    }
}

fn with_users() -> Server {
    Server::builder().auth("registry", "right").token_timeout(Duration::from_secs(1)).start().expect("a server")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_refused_and_not_shown() {
    let server = with_users();
    let error = refusal(json!({ "endpoints": server.endpoint(), "user": "registry", "password": "wrong-one" })).await;
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unauthenticated, Outcome::NotApplied));
    assert!(!error.to_string().contains("wrong-one") && !format!("{error:?}").contains("wrong-one"));
    let error = refusal(json!({ "endpoints": server.endpoint() })).await;
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_a_server_without_users_is_refused() {
    let error = refusal(json!({ "endpoints": server().endpoint(), "user": "registry", "password": "right" })).await;
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_run_out_are_renewed() {
    let server = with_users();
    let section = json!({ "endpoints": server.endpoint(), "user": "registry", "password": "right" });
    let client = Arc::new(connect_with(section, options("ns")).await.expect("a connection"));
    client.write(&[ephemeral("/e", "1")]).await.expect("a put");
    let mut watch = watch(&client, "/e", Scope::Node);
    watch.synced().await;
    let id = client.id();
    // A token is good for a second after its last use; keepalives don't use it.
    let begun = Instant::now();
    until("the token has run out", async || begun.elapsed() > Duration::from_secs(3)).await;
    assert!(client.find("/e").await.is_some());
    client.write(&[ephemeral("/e", "2")]).await.expect("a put");
    while watch.next().await != "/e 2" {}
    assert_eq!((client.id(), client.state()), (id, Some(SessionState::Connected)));
    // A watch that is begun with a token that has run out.
    until("the token has run out again", async || begun.elapsed() > Duration::from_secs(6)).await;
    let mut late = super::support::watch(&client, "/e", Scope::Node);
    assert_eq!(late.synced().await, ["+/e 2"]);
    client.write(&[ephemeral("/e", "3")]).await.expect("a put");
    while late.next().await != "/e 3" {}
    client.close().await.expect("a close");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_may_not_do_is_denied() {
    let server = with_users();
    for command in [
        &["user", "add", "guest:guest"][..],
        &["role", "add", "guest"],
        &["role", "grant-permission", "guest", "readwrite", "ns/mine", "ns/mine0"],
        &["user", "grant-role", "guest", "guest"],
    ] {
        server.etcdctl(command).expect("a command");
    }
    let section = json!({ "endpoints": server.endpoint(), "user": "guest", "password": "guest" });
    let client = Arc::new(connect_with(section, options("ns")).await.expect("a connection"));
    let denied = [
        client.get(key("/other")).await.map(drop),
        client.children(key("/other")).await.map(drop),
        client.write(&[put("/other", "")]).await.map(drop),
    ];
    for denied in denied {
        let error = denied.expect_err("a denial");
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::PermissionDenied, Outcome::NotApplied));
    }
    let denied =
        timeout(LIMIT, watch(&client, "/other", Scope::Subtree).task).await.expect("in time").expect("no panic");
    assert_eq!(denied.map_err(|error| error.kind()), Err(ErrorKind::PermissionDenied));
    client.write(&[put("/mine", "")]).await.expect("a put");
    assert!(client.find("/mine").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_may_be_called_by_another_name() {
    let section = json!({ "endpoints": server().endpoint(), "authority": "etcd.example.org:2379" });
    let client = connect_with(section, options(&fresh())).await.expect("a connection");
    client.write(&[put("/a", "1")]).await.expect("a put");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_needs_the_right_authority() {
    let server = Server::builder().tls(Tls::Server).start().expect("a server");
    let certificates = server.certificates().expect("certificates");
    let ca = certificates.ca_file();
    let port = server.address().port();
    let section = json!({ "endpoints": server.endpoint(), "tls": { "ca-file": ca } });
    let client = connect_with(section, options("ns")).await.expect("a connection");
    client.write(&[put("/a", "1")]).await.expect("a put");
    // Relative to the configuration's folder, and without a scheme.
    let mut relative = options("ns");
    relative.base = certificates.folder().to_path_buf();
    let section = json!({ "endpoints": format!("localhost:{port}"), "tls": { "ca-file": "ca.pem" } });
    connect_with(section, relative).await.expect("a connection");
    let section = json!({ "endpoints": server.endpoint(), "tls": { "ca-file": ca, "domain": "localhost" } });
    connect_with(section, options("ns")).await.expect("a connection by another name");

    let others = Certificates::generate().expect("certificates");
    for (tls, what) in [
        (json!({ "ca-file": others.ca_file() }), "another authority"),
        (json!({ "ca-file": ca, "domain": "example.org" }), "another name"),
        (json!({}), "the system's authorities"),
    ] {
        let error = refusal(json!({ "endpoints": server.endpoint(), "tls": tls })).await;
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{what}: {error}");
    }
    let error = refusal(json!({ "endpoints": format!("http://127.0.0.1:{port}") })).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "plain text: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mutual_tls_needs_a_certificate() {
    let server = Server::builder().tls(Tls::Mutual).start().expect("a server");
    let certificates = server.certificates().expect("certificates");
    let (ca, cert, key) = (certificates.ca_file(), certificates.cert_file(), certificates.key_file());
    let tls = json!({ "ca-file": ca, "cert-file": cert, "key-file": key });
    let client = connect_with(json!({ "endpoints": server.endpoint(), "tls": tls }), options("ns")).await;
    client.expect("a connection").write(&[put("/a", "1")]).await.expect("a put");
    // The server refuses after the handshake: whether its reason or the end of the connection is heard first is chance.
    let refused = |error: registry_plugin::Error| {
        assert!(matches!(error.kind(), ErrorKind::Unauthenticated | ErrorKind::Unavailable), "{error}");
        assert!(error.to_string().contains("certificate"), "{error}");
    };
    refused(refusal(json!({ "endpoints": server.endpoint(), "tls": { "ca-file": ca } })).await);
    let others = Certificates::generate().expect("certificates");
    let tls = json!({ "ca-file": ca, "cert-file": others.cert_file(), "key-file": others.key_file() });
    refused(refusal(json!({ "endpoints": server.endpoint(), "tls": tls })).await);
}
