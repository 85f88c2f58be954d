//! etcd with users and with TLS: who gets in, who is told what, and no secret in any of it.

use std::{fs, path::Path, sync::LazyLock, time::Duration};

use registry_host::{Error, ErrorKind, Registry, Scope, SessionState, Settings, SettingsBuilder};
use registry_suite::{Logs, Mirror, SOON, beside, etcd, eventually, leases, open, unique, wait_until};
use registry_test_servers::{Certificates, Etcd, Proxy, Tls};

const USER: &str = "keeper";
const PASSWORD: &str = "correct-horse-battery";
/// The user who may read below `/shared/open` and write nowhere.
const READER: &str = "reader";

/// The subscriber of this process: the plugin's lines are looked through for secrets.
static LOGS: LazyLock<Logs> = LazyLock::new(Logs::install);

/// One server with users and tokens that run out after a second.
static USERS: LazyLock<Etcd> = LazyLock::new(|| {
    LazyLock::force(&LOGS);
    let users = Etcd::builder().auth(USER, PASSWORD).token_timeout(Duration::from_secs(1));
    let server = users.start().expect("an etcd server");
    for arguments in [
        ["user", "add", &format!("{READER}:{PASSWORD}")].as_slice(),
        &["role", "add", "reading"],
        &["role", "grant-permission", "reading", "read", "shared/open", "shared/open0"],
        &["user", "grant-role", READER, "reading"],
    ] {
        server.etcdctl(arguments).expect("etcdctl makes the reader");
    }
    server
});

static SERVER_TLS: LazyLock<Etcd> = LazyLock::new(|| Etcd::builder().tls(Tls::Server).start().expect("an etcd server"));
static MUTUAL_TLS: LazyLock<Etcd> = LazyLock::new(|| Etcd::builder().tls(Tls::Mutual).start().expect("an etcd server"));

fn user(name: &str) -> SettingsBuilder {
    etcd(&USERS).set_value("registry.etcd.user", name).set_value("registry.etcd.password", PASSWORD)
}

fn tls(server: &Etcd, files: &[(&str, &Path)]) -> SettingsBuilder {
    files.iter().fold(etcd(server), |settings, (key, file)| {
        settings.set_value(format!("registry.etcd.tls.{key}"), file.display().to_string())
    })
}

fn certificates(server: &Etcd) -> &Certificates {
    server.certificates().expect("it uses TLS")
}

async fn works(registry: &Registry) {
    registry.put("/works/it", "does").await.expect("a put");
    assert!(registry.get("/works/it").await.expect("a get").is_some());
    let mut mirror = Mirror::of(registry, "/works").await;
    assert!(mirror.has("/works/it", "does"));
    registry.put("/works/it", "still").await.expect("a put");
    mirror.until("the put is told", |mirror| mirror.has("/works/it", "still")).await;
}

#[track_caller]
fn shows_no_secret(error: &Error) {
    let shown = format!("{error} {error:?} {error:#?} {:?}", error.causes());
    assert!(!shown.contains(PASSWORD), "{shown}");
}

#[tokio::test]
async fn only_the_right_user_and_password_get_in() {
    let registry = open(user(USER)).await.unwrap();
    works(&registry).await;
    registry.close().await.unwrap();
    let known = leases(&USERS).len();
    for refused in
        [user(USER).set_value("registry.etcd.password", format!("{PASSWORD}-not")), user("nobody"), etcd(&USERS)]
    {
        let error = open(refused).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
        assert!(!error.is_retryable());
        shows_no_secret(&error);
    }
    assert_eq!(leases(&USERS).len(), known, "nothing was opened");
}

/// Lets time pass in which no token is used. There is no condition to wait for: the server doesn't tell that a token
/// has run out, and each use renews it.
async fn unused_for(time: Duration) {
    tokio::time::sleep(time).await;
}

#[tokio::test]
async fn tokens_that_run_out_while_in_use_are_renewed() {
    let registry = open(user(USER).set("registry.etcd.ttl=3s")).await.unwrap();
    let (id, mut mirror) = (registry.session().id(), Mirror::of(&registry, "/w").await);
    registry.put("/w/mine", "1").ephemeral().await.unwrap();
    let guard = registry.lock("/lock").await.unwrap();
    // An idle connection's token runs out several times over, as does the session without its keepalives.
    unused_for(Duration::from_secs(7)).await;
    registry.put("/w/later", "1").await.expect("a write with a token that ran out");
    mirror.until("the watch goes on", |mirror| mirror.has("/w/later", "1")).await;
    let mut fresh = Mirror::of(&registry, "/w").await;
    registry.put("/w/latest", "1").await.unwrap();
    fresh.until("a watch begun later goes on", |mirror| mirror.has("/w/latest", "1")).await;
    assert!(!guard.is_lost());
    registry.txn().check_held(&guard).put("/w/held", "1").commit().await.unwrap();
    assert_eq!((registry.session().id(), registry.session().state()), (id, SessionState::Connected));
    assert!(registry.get("/w/mine").await.unwrap().is_some());
    unused_for(Duration::from_secs(2)).await;
    registry.close().await.expect("it closes with a token that ran out");
}

#[tokio::test]
async fn what_a_user_may_not_do_is_permission_denied() {
    let shared = |settings: SettingsBuilder| settings.set("registry.namespace=shared");
    let writer = open(shared(user(USER))).await.unwrap();
    writer.put("/open/key", "1").await.unwrap();
    writer.put("/closed/key", "1").await.unwrap();
    let reader = open(shared(user(READER))).await.unwrap();
    assert!(reader.get("/open/key").await.unwrap().is_some());
    assert_eq!(reader.list("/open").await.unwrap().len(), 2);
    let mut mirror = Mirror::of(&reader, "/open").await;
    writer.put("/open/key", "2").await.unwrap();
    mirror.until("what may be read is told", |mirror| mirror.has("/open/key", "2")).await;
    let denied = [
        reader.get("/closed/key").await.map(drop).unwrap_err(),
        reader.children("/closed").await.map(drop).unwrap_err(),
        reader.list("/closed").await.map(drop).unwrap_err(),
        reader.put("/open/key", "3").await.map(drop).unwrap_err(),
        reader.put("/open/mine", "3").ephemeral().await.map(drop).unwrap_err(),
        reader.delete("/open/key").await.map(drop).unwrap_err(),
        reader.watch("/closed", Scope::Subtree).await.map(drop).unwrap_err(),
        reader.watch("/closed/key", Scope::Node).await.map(drop).unwrap_err(),
        reader.try_lock("/closed/lock").await.map(drop).unwrap_err(),
    ];
    for error in denied {
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        assert!(error.key().is_some() && !error.is_retryable(), "{error:?}");
        shows_no_secret(&error);
    }
    assert_eq!(&writer.get("/open/key").await.unwrap().unwrap().value[..], b"2");
}

#[tokio::test]
async fn an_open_watch_that_is_denied_ends() {
    let role = unique("watching");
    let proxy = Proxy::to(USERS.address()).unwrap();
    let settings = user(&role).set("registry.namespace=revoked").set_value("registry.etcd.endpoints", proxy.url());
    for arguments in [
        ["user", "add", &format!("{role}:{PASSWORD}")].as_slice(),
        &["role", "add", &role],
        &["role", "grant-permission", &role, "read", "revoked/", "revoked0"],
        &["user", "grant-role", &role, &role],
    ] {
        USERS.etcdctl(arguments).unwrap();
    }
    let registry = open(settings).await.unwrap();
    let mut mirror = Mirror::of(&registry, "/w").await;
    USERS.etcdctl(["role", "revoke-permission", &role, "revoked/", "revoked0"]).unwrap();
    // The server looks again when a watch is begun or taken up.
    proxy.reset();
    let ended = async || mirror.watch().next().await.expect("the watch tells why it ends").err();
    let error = eventually("the watch ends", SOON, ended).await;
    assert_eq!((error.kind(), error.key()), (ErrorKind::PermissionDenied, Some("/w")), "{error}");
    assert!(mirror.watch().next().await.is_none());
    assert_eq!(registry.get("/w").await.unwrap_err().kind(), ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn tls_works_with_absolute_and_relative_paths() {
    let authority = certificates(&SERVER_TLS);
    works(&open(tls(&SERVER_TLS, &[("ca-file", &authority.ca_file())])).await.unwrap()).await;
    let mutual = certificates(&MUTUAL_TLS);
    let files: [(&str, &Path); 3] =
        [("ca-file", &mutual.ca_file()), ("cert-file", &mutual.cert_file()), ("key-file", &mutual.key_file())];
    works(&open(tls(&MUTUAL_TLS, &files)).await.unwrap()).await;

    // Relative paths start at the file that they stand in, wherever the process was started.
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    fs::create_dir(&keys).unwrap();
    for (_, file) in files {
        fs::copy(file, keys.join(file.file_name().unwrap())).unwrap();
    }
    let file = folder.path().join("registry.yaml");
    let endpoint = MUTUAL_TLS.endpoint();
    let names = files.map(|(key, file)| format!("      {key}: keys/{}\n", file.file_name().unwrap().display()));
    let yaml = format!("registry:\n  type: etcd\n  etcd:\n    endpoints: {endpoint}\n    tls:\n{}", names.concat());
    fs::write(&file, yaml).unwrap();
    let settings = Settings::builder().file(&file).plugin_dir(beside()).set("registry.namespace=relative");
    works(&open(settings).await.unwrap()).await;
}

#[tokio::test]
async fn a_server_or_client_that_is_not_trusted_is_refused() {
    let other = Certificates::generate().unwrap();
    let mutual = certificates(&MUTUAL_TLS);
    let refused = [
        // A server of another authority.
        tls(&SERVER_TLS, &[("ca-file", &other.ca_file())]),
        // A client of another authority, and none.
        tls(
            &MUTUAL_TLS,
            &[("ca-file", &mutual.ca_file()), ("cert-file", &other.cert_file()), ("key-file", &other.key_file())],
        ),
        tls(&MUTUAL_TLS, &[("ca-file", &mutual.ca_file())]),
        // A server of another name.
        tls(&SERVER_TLS, &[("ca-file", &certificates(&SERVER_TLS).ca_file())])
            .set("registry.etcd.tls.domain=elsewhere.example"),
    ];
    for settings in refused {
        let settings = settings.set("registry.etcd.connection-timeout=3s");
        let error = open(settings).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Unauthenticated | ErrorKind::Unavailable), "{error:?}");
        assert!(error.to_string().contains("certificate"), "it says what to look at: {error} {:?}", error.causes());
    }
    // Plain text to a server of TLS, and TLS to one of plain text.
    let plain = Etcd::shared().unwrap();
    for settings in [
        etcd(&SERVER_TLS).set_value("registry.etcd.endpoints", SERVER_TLS.address().to_string()),
        tls(plain, &[("ca-file", &other.ca_file())]).set_value("registry.etcd.endpoints", plain.address().to_string()),
    ] {
        let error = open(settings.set("registry.etcd.connection-timeout=3s")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    }
}

#[tokio::test]
async fn half_a_pair_is_refused_by_the_missing_key() {
    let mutual = certificates(&MUTUAL_TLS);
    let (ca, cert, key) = (mutual.ca_file(), mutual.cert_file(), mutual.key_file());
    let nowhere = mutual.folder().join("nowhere.pem");
    let cases = [
        (tls(&MUTUAL_TLS, &[("ca-file", &ca), ("cert-file", &cert)]), "registry.etcd.tls.key-file"),
        (tls(&MUTUAL_TLS, &[("ca-file", &ca), ("key-file", &key)]), "registry.etcd.tls.cert-file"),
        (tls(&MUTUAL_TLS, &[("ca-file", &nowhere)]), "registry.etcd.tls.ca-file"),
        (tls(&MUTUAL_TLS, &[("ca-file", &key)]), "registry.etcd.tls.ca-file"),
        (tls(&MUTUAL_TLS, &[("ca-file", &ca), ("cert-file", &cert), ("key-file", &ca)]), "registry.etcd.tls.key-file"),
        (etcd(&USERS).set("registry.etcd.user=keeper"), "registry.etcd.password"),
        (etcd(&USERS).set_value("registry.etcd.password", PASSWORD), "registry.etcd.user"),
        // TLS that is configured is never passed over.
        (
            tls(&MUTUAL_TLS, &[("ca-file", &ca)])
                .set_value("registry.etcd.endpoints", format!("http://{}", MUTUAL_TLS.address())),
            "registry.etcd.endpoints",
        ),
    ];
    let secret = fs::read_to_string(&key).unwrap();
    let secret = secret.lines().nth(1).unwrap();
    for (settings, name) in cases {
        let error = open(settings).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
        assert!(error.to_string().contains(name), "{name} is not in {error}");
        shows_no_secret(&error);
        assert!(!format!("{error:?}").contains(secret), "{error:?}");
    }
}

#[tokio::test]
async fn no_secret_is_logged_or_shown() {
    let settings = user(USER).set_value("registry.etcd.endpoints", USERS.address().to_string());
    let assigned = settings.clone().set(format!("registry.etcd.password={PASSWORD}"));
    let given = settings.clone().environment([("REGISTRY_ETCD_PASSWORD", PASSWORD)]);
    for settings in [&settings, &assigned, &given] {
        let built = settings.clone().build().unwrap();
        assert!(!format!("{settings:?} {built:?}").contains(PASSWORD), "{settings:?} {built:?}");
    }
    let registry = open(settings).await.unwrap();
    assert!(!format!("{registry:?} {:?}", registry.session()).contains(PASSWORD));
    works(&registry).await;
    // A password in the wrong place is still one.
    let misplaced = etcd(&USERS).set_value("registry.etcd.endpoints", format!("http://{USER}:{PASSWORD}@127.0.0.1:1"));
    let error = open(misplaced).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
    shows_no_secret(&error);
    registry.close().await.unwrap();
    wait_until("the plugin has logged", SOON, || !LOGS.with("registry_plugin").is_empty()).await;
    assert_eq!(LOGS.with(PASSWORD), Vec::<String>::new());
}
