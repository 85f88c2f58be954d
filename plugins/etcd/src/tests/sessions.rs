use std::time::Duration;

use registry_plugin::{Backend, ErrorKind, Outcome, SessionState};
use serde_json::json;

use super::support::*;

fn revoke(client: &Client) {
    let (id, _) = client.context.session().current().expect("a session");
    server().etcdctl(["lease", "revoke", &id.to_string()]).expect("a revocation");
}

#[tokio::test]
async fn closing_ends_what_the_session_owns() {
    let namespace = fresh();
    let (client, other) = (connect_to(&namespace).await, connect_to(&namespace).await);
    client.write(&[ephemeral("/a/e", ""), put("/a/p", "")]).await.expect("puts");
    client.close().await.expect("a close");
    assert_eq!(other.keys("/a").await, ["/a", "/a/p"]);
    client.close().await.expect("a second close");
}

#[tokio::test]
async fn dropped_unclosed_entries_stay_until_the_session_timeout() {
    let namespace = fresh();
    let mut options = options(&namespace);
    options.session_timeout = Duration::from_secs(2);
    let section = json!({ "endpoints": server().endpoint() });
    let client = connect_with(section, options).await.expect("a connection");
    client.write(&[ephemeral("/a/e", "")]).await.expect("a put");
    drop(client);
    let other = connect_to(&namespace).await;
    assert_eq!(other.keys("/a").await, ["/a", "/a/e"]);
    until("the entry is gone", async || other.keys("/a").await == ["/a"]).await;
}

#[tokio::test]
async fn a_session_is_kept_alive_beyond_its_timeout() {
    let mut options = options(&fresh());
    let section = json!({ "endpoints": server().endpoint() });
    options.session_timeout = Duration::from_secs(2);
    let client = connect_with(section, options).await.expect("a connection");
    client.write(&[ephemeral("/e", "")]).await.expect("a put");
    let (id, granted) = client.context.session().current().expect("a session");
    let begun = tokio::time::Instant::now();
    until("more than twice the timeout has passed", async || {
        assert_eq!(client.context.session().state(), Some(SessionState::Connected));
        begun.elapsed() > 2 * granted + Duration::from_secs(1)
    })
    .await;
    assert_eq!(client.context.session().current().map(|(now, _)| now), Some(id));
    assert!(client.find("/e").await.is_some());
}

#[tokio::test]
async fn a_session_ended_by_the_server_is_replaced() {
    let client = connect().await;
    client.write(&[ephemeral("/e", "")]).await.expect("a put");
    let (lost, _) = client.context.session().current().expect("a session");
    revoke(&client);
    let reporter = client.context.session();
    until("another session is open", async || {
        reporter.current().is_some_and(|(id, _)| id != lost) && reporter.state() == Some(SessionState::Connected)
    })
    .await;
    assert_eq!(client.find("/e").await, None);
    client.write(&[ephemeral("/e", "")]).await.expect("a put");
    let owner = client.find("/e").await.and_then(|entry| entry.ephemeral);
    assert_eq!(owner, reporter.current().map(|(id, _)| id));
}

#[tokio::test]
async fn a_put_tells_at_once_of_an_expired_session() {
    let client = connect().await;
    let (lost, _) = client.context.session().current().expect("a session");
    revoke(&client);
    match client.write(&[ephemeral("/e", "")]).await {
        Err(error) => assert_eq!((error.kind(), error.outcome()), (ErrorKind::SessionLost, Outcome::NotApplied)),
        // A keepalive was faster.
        Ok(_) => assert_ne!(client.context.session().current().map(|(id, _)| id), Some(lost)),
    }
    until("another session is open", async || client.write(&[ephemeral("/e", "")]).await.is_ok()).await;
}
