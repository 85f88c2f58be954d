//! ZooKeeper that can't be opened, or not as configured: what is told of it, and by when.

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use registry_host::{Capability, Error, ErrorKind, Outcome, Registry, SettingsBuilder};
use registry_suite::{Mirror, SOON, open, settings, unique, within, zookeeper};
use registry_test_servers::{Certificates, Tls, ZooKeeper};
use tokio::task::JoinHandle;
use zookeeper_client::{Acl, Acls, AuthId, Client, CreateMode, Permission};

const CONNECT_STRING: &str = "registry.zookeeper.connect-string";

fn server() -> &'static ZooKeeper {
    ZooKeeper::shared().expect("a ZooKeeper server")
}

/// Settings for servers that need not be there, with less patience than usual.
fn at(connect_string: impl Into<String>) -> SettingsBuilder {
    settings("zookeeper")
        .set_value(CONNECT_STRING, connect_string)
        .set("registry.zookeeper.block-until-connected=2s")
        .set("registry.zookeeper.retry-policy.base-sleep-time=50ms")
}

/// The error of an opening that must have ended by itself long before.
async fn refused(settings: SettingsBuilder) -> Error {
    within("the opening ends", SOON, open(settings)).await.map(drop).expect_err("nobody can be opened there")
}

/// Whole, with its causes.
fn text(error: &Error) -> String {
    format!("{error} {}", error.causes().join(" | "))
}

#[track_caller]
fn says(error: &Error, parts: &[&str]) {
    let text = text(error);
    for part in parts {
        assert!(text.contains(part), "{text:?} lacks {part:?}");
    }
}

/// A server that takes connections, and does with each what `answer` says.
async fn impostor(answer: &'static [u8], closes: bool) -> (SocketAddr, JoinHandle<()>) {
    use tokio::io::AsyncWriteExt;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            // Those who have left already hear nothing.
            let _ = stream.write_all(answer).await;
            if !closes {
                kept.push(stream);
            }
        }
    });
    (address, serving)
}

/// A port that nobody listens at.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn anyone() -> AuthId {
    AuthId::new("world", "anyone")
}

async fn client() -> Client {
    server().client().await.expect("a client")
}

#[tokio::test]
async fn no_server_is_named_with_what_each_does() {
    let (one, other) = (nobody(), nobody());
    let error = refused(at(format!("{one},{other}"))).await;
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unavailable, Outcome::NotApplied));
    says(&error, &[CONNECT_STRING, &one.to_string(), &other.to_string(), "Connection refused"]);
    assert!(!text(&error).contains("TLS"), "that is not what is wrong: {}", text(&error));
    let error = refused(at("nowhere.invalid")).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    says(&error, &[CONNECT_STRING, "nowhere.invalid:2181 can't be connected to"]);
}

#[tokio::test]
async fn servers_that_are_no_zookeeper_are_told_apart() {
    for (answer, closes, what) in [
        (&b""[..], false, "takes connections and stays silent"),
        (b"", true, "maxClientCnxns"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", true, "does not answer as ZooKeeper does"),
        (b"This ZooKeeper instance is not currently serving requests\n", true, "not currently serving requests"),
    ] {
        let (address, serving) = impostor(answer, closes).await;
        let error = refused(at(address.to_string())).await;
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        says(&error, &[CONNECT_STRING, &address.to_string(), what]);
        assert!(!text(&error).contains("TLS"), "that is not what is wrong: {}", text(&error));
        serving.abort();
    }
}

#[tokio::test]
async fn opening_a_silent_server_ends_by_the_deadline() {
    let stopped = ZooKeeper::start().unwrap();
    stopped.stop().unwrap();
    let settings = at(stopped.connect_string()).set("registry.zookeeper.session-timeout=40s");
    // One server may take longer than all of it.
    let error = refused(settings.set("registry.zookeeper.connection-timeout=1m")).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    says(&error, &[&stopped.endpoint(), "takes connections and stays silent"]);
    stopped.cont().unwrap();
}

#[tokio::test]
async fn one_server_of_several_is_enough() {
    let registry = open(at(format!("{},{}", nobody(), server().connect_string()))).await.unwrap();
    assert_eq!(registry.children("/").await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_server_that_comes_later_is_waited_for() {
    let late = ZooKeeper::start().unwrap();
    late.kill();
    let settings = at(late.connect_string()).set("registry.zookeeper.block-until-connected=30s");
    let opening = tokio::spawn(open(settings.set("registry.zookeeper.retry-policy.max-retries=1000")));
    let registry = tokio::task::spawn_blocking(move || late.restart().map(|()| late)).await.unwrap().unwrap();
    within("it is opened", SOON, opening).await.unwrap().expect("the server is back").close().await.unwrap();
    drop(registry);
}

#[tokio::test]
async fn as_many_attempts_are_made_as_configured() {
    let (address, serving) = impostor(b"", true).await;
    serving.abort();
    let _ = serving.await;
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let settings = at(address.to_string()).set("registry.zookeeper.block-until-connected=1m");
    let opening = tokio::spawn(refused(settings.set("registry.zookeeper.retry-policy.max-retries=2")));
    let mut taken = 0;
    let counted = async {
        loop {
            drop(listener.accept().await.unwrap());
            taken += 1;
        }
    };
    let error = tokio::select! {
        error = opening => error.unwrap(),
        () = counted => unreachable!("it takes connections for ever"),
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(taken, 2 * (1 + 2) + 2, "the first and its retries, each with a look at why, and two looks at the end");
}

#[tokio::test]
async fn tls_and_plain_text_mixed_up_are_told() {
    // What is left when the last attempt has failed must do for a look at what is wrong, on a busy machine too.
    let at = |connect_string: String| at(connect_string).set("registry.zookeeper.block-until-connected=6s");
    let secure = ZooKeeper::builder().tls(Tls::Server).start().unwrap();
    let error = refused(at(secure.connect_string())).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    says(&error, &[&secure.endpoint(), "whether they want TLS (registry.zookeeper.tls.ca-file)"]);
    let authority = Certificates::generate().unwrap().ca_file().display().to_string();
    let missing = at(server().connect_string()).set_value("registry.zookeeper.tls.ca-file", authority);
    let error = open(missing).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "the authority is gone: {error}");
    let authority = secure.certificates().unwrap().ca_file().display().to_string();
    let error = refused(at(server().connect_string()).set_value("registry.zookeeper.tls.ca-file", authority)).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    says(&error, &[&server().endpoint(), "which speak plain text, while registry.zookeeper.tls.ca-file asks for TLS"]);
}

#[tokio::test]
async fn a_missing_chroot_is_created_by_writes_only() {
    let client = client().await;
    for ephemeral in [false, true] {
        let (chroot, namespace) = (unique("chroot"), unique("suite"));
        let settings = at(format!("{}/{chroot}/below", server().connect_string()));
        let registry = open(settings.set_value("registry.namespace", &namespace)).await.unwrap();
        assert_eq!(registry.get("/a").await.unwrap(), None);
        assert_eq!(registry.list("/a").await.unwrap().len(), 0);
        assert_eq!(registry.children("/").await.unwrap(), [""; 0]);
        assert_eq!(registry.children("/a").await.unwrap_err().kind(), ErrorKind::NotFound);
        let mut mirror = Mirror::of(&registry, "/a").await;
        // What writes nothing makes nothing, either.
        assert_eq!(registry.delete("/a").await.unwrap(), 0);
        assert_eq!(registry.delete_recursive("/a").await.unwrap(), 0);
        registry.txn().check_absent("/a").commit().await.unwrap();
        registry.txn().check_absent("/a/b").delete("/a").commit().await.unwrap();
        let failed = registry.txn().check_present("/a").delete("/a").commit().await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::ConditionFailed, "{failed}");
        assert_eq!(client.check_stat(&format!("/{chroot}")).await.unwrap(), None);
        let put = registry.put("/a/b", "1");
        if ephemeral { put.ephemeral().await } else { put.await }.unwrap();
        let (value, _) = client.get_data(&format!("/{chroot}/below/{namespace}/a/b")).await.unwrap();
        assert_eq!(value, b"1");
        mirror.until("the watch tells it", |mirror| mirror.has("/a/b", "1")).await;
        registry.close().await.unwrap();
    }
    let registry = open(at(format!("{}/{}", server().connect_string(), unique("chroot")))).await.unwrap();
    registry.try_lock("/lock").await.unwrap().release().await.unwrap();
    registry.close().await.unwrap();
}

#[tokio::test]
async fn a_forbidden_chroot_is_named_by_the_first_write() {
    let (client, locked, namespace) = (client().await, unique("locked"), unique("suite"));
    let readable = [Acl::new(Permission::READ, anyone())];
    let options = CreateMode::Persistent.with_acls(Acls::from(&readable[..]));
    client.create(&format!("/{locked}"), b"", &options).await.unwrap();
    let settings = at(format!("{}/{locked}/mine", server().connect_string()));
    let registry = open(settings.set_value("registry.namespace", namespace)).await.unwrap();
    let error = registry.put("/a", "1").await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::PermissionDenied, Outcome::NotApplied), "{error}");
    says(&error, &[&format!("/{locked}/mine"), "digest", "/a"]);
}

#[tokio::test]
async fn what_may_be_used_but_not_made_is_used() {
    let (client, locked, namespace) = (client().await, unique("locked"), unique("suite"));
    let open_to_all = CreateMode::Persistent.with_acls(Acls::anyone_all());
    let readable = [Acl::new(Permission::READ, anyone())];
    client.create(&format!("/{locked}"), b"", &open_to_all).await.unwrap();
    client.create(&format!("/{locked}/open"), b"", &open_to_all).await.unwrap();
    client.set_acl(&format!("/{locked}"), &readable, None).await.unwrap();
    let settings = at(format!("{}/{locked}/open", server().connect_string()));
    let registry = open(settings.set_value("registry.namespace", namespace)).await.unwrap();
    registry.put("/a", "1").await.unwrap();
}

#[tokio::test]
async fn the_server_is_named_with_its_version() {
    let registry = open(zookeeper(server())).await.unwrap();
    let named = format!("ZooKeeper {} at {}", server().version().unwrap(), server().endpoint());
    assert_eq!(registry.server().await.unwrap(), named);
    // Where the word is forbidden the version is not told.
    let mute = ZooKeeper::builder().setting("4lw.commands.whitelist=ruok,srvr").start().unwrap();
    let registry = open(zookeeper(&mute)).await.unwrap();
    assert!(registry.server().await.unwrap().ends_with(&mute.endpoint()));
    mute.kill();
    assert!(registry.server().await.is_err(), "it shows that the server answers");
}

#[tokio::test]
async fn a_session_timeout_is_as_the_server_grants_it() {
    let registry = open(zookeeper(server()).set("registry.zookeeper.session-timeout=5m")).await.unwrap();
    assert_eq!(registry.session().timeout(), Duration::from_secs(40));
}

async fn reading(sync_reads: &str) -> Registry {
    open(zookeeper(server()).set(format!("registry.zookeeper.sync-reads={sync_reads}"))).await.unwrap()
}

#[tokio::test]
async fn only_a_quorum_makes_reads_linearizable() {
    for (sync_reads, linearizable) in [("", false), ("sync", false), ("quorum", true)] {
        let registry = reading(sync_reads).await;
        assert_eq!(registry.capabilities().has(Capability::LinearizableReads), linearizable, "{sync_reads}");
        registry.put("/a/b", "1").await.unwrap();
        assert_eq!(&registry.get("/a/b").await.unwrap().unwrap().value[..], b"1");
        assert_eq!(registry.children("/a").await.unwrap(), ["b"]);
        assert_eq!(registry.list("/a").await.unwrap().len(), 2);
    }
}

/// What the server counts: its transactions, and the requests that it has received.
fn counted(server: &ZooKeeper) -> (u64, u64) {
    let answer = server.ask("srvr").unwrap();
    let find = |name| answer.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let zxid = u64::from_str_radix(find("Zxid: 0x"), 16).unwrap();
    (zxid, find("Received: ").parse().unwrap())
}

#[tokio::test]
async fn what_reads_wait_for_is_sent_ahead_of_each() {
    const READS: u64 = 50;
    let server = ZooKeeper::start().unwrap();
    // A Txn for each read, a request more for each, and nothing.
    for (sync_reads, transactions, requests) in [("quorum", READS, 2 * READS), ("sync", 0, 2 * READS), ("", 0, READS)] {
        let settings = zookeeper(&server).set("registry.zookeeper.session-timeout=40s");
        let registry = open(settings.set(format!("registry.zookeeper.sync-reads={sync_reads}"))).await.unwrap();
        let before = counted(&server);
        for _ in 0..READS {
            registry.get("/a").await.unwrap();
        }
        let after = counted(&server);
        assert_eq!(after.0 - before.0, transactions, "{sync_reads}");
        registry.close().await.unwrap();
        // Some more keep the session.
        assert!((requests..requests + READS).contains(&(after.1 - before.1)), "{sync_reads}: {before:?} {after:?}");
    }
}

#[tokio::test]
async fn the_largest_value_is_put_and_larger_ones_refused() {
    let registry = open(zookeeper(server())).await.unwrap();
    let id = registry.session().id();
    let largest = vec![b'x'; 1_000_000];
    registry.put("/large", &largest[..]).await.unwrap();
    let error = registry.put("/large", &[&largest[..], b"x"].concat()[..]).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::ValueTooLarge, Outcome::NotApplied), "{error}");
    registry.put("/small", "1").ephemeral().await.unwrap();
    assert_eq!(registry.get("/large").await.unwrap().unwrap().value.len(), largest.len());
    assert_eq!(registry.session().id(), id);
}
