//! ZooKeeper with users and with TLS: who gets in, who sees what, who is told what, and no secret in any of it.

use std::{fs, path::Path, sync::LazyLock};

use registry_host::{Error, ErrorKind, Registry, Settings, SettingsBuilder};
use registry_suite::{Logs, Mirror, SOON, beside, etcd, open, unique, wait_until, within, zookeeper};
use registry_test_servers::{Certificates, Etcd, Tls, ZooKeeper};
use zookeeper_client::Permission;

const USER: &str = "keeper";
const PASSWORD: &str = "correct-horse-battery";

/// The subscriber of this process: the plugin's lines are looked through for secrets.
static LOGS: LazyLock<Logs> = LazyLock::new(Logs::install);

static USERS: LazyLock<ZooKeeper> = LazyLock::new(|| {
    LazyLock::force(&LOGS);
    ZooKeeper::builder().auth(USER, PASSWORD).start().expect("a ZooKeeper server")
});
static SERVER_TLS: LazyLock<ZooKeeper> =
    LazyLock::new(|| ZooKeeper::builder().tls(Tls::Server).start().expect("a ZooKeeper server"));
static MUTUAL_TLS: LazyLock<ZooKeeper> =
    LazyLock::new(|| ZooKeeper::builder().tls(Tls::Mutual).start().expect("a ZooKeeper server"));

fn plain() -> &'static ZooKeeper {
    LazyLock::force(&LOGS);
    ZooKeeper::shared().expect("a ZooKeeper server")
}

/// Settings on the plain server in one namespace, as the user of this digest.
fn digest(namespace: &str, digest: &str) -> SettingsBuilder {
    zookeeper(plain()).set_value("registry.namespace", namespace).set_value("registry.zookeeper.digest", digest)
}

fn sasl(server: &ZooKeeper, user: &str, password: &str) -> SettingsBuilder {
    zookeeper(server)
        .set_value("registry.zookeeper.sasl.user", user)
        .set_value("registry.zookeeper.sasl.password", password)
}

fn tls(server: &ZooKeeper, files: &[(&str, &Path)]) -> SettingsBuilder {
    files.iter().fold(zookeeper(server), |settings, (key, file)| {
        settings.set_value(format!("registry.zookeeper.tls.{key}"), file.display().to_string())
    })
}

fn certificates(server: &ZooKeeper) -> &Certificates {
    server.certificates().expect("it uses TLS")
}

async fn works(registry: &Registry) {
    registry.put("/works/it", "does").await.expect("a put");
    registry.put("/works/mine", "1").ephemeral().await.expect("an ephemeral put");
    assert!(registry.get("/works/it").await.expect("a get").is_some());
    let mut mirror = Mirror::of(registry, "/works").await;
    assert!(mirror.has("/works/it", "does"));
    registry.put("/works/it", "still").await.expect("a put");
    mirror.until("the put is told", |mirror| mirror.has("/works/it", "still")).await;
    registry.lock("/works/lock").await.expect("a lock").release().await.expect("a release");
}

async fn refused(settings: SettingsBuilder) -> Error {
    let settings = settings.set("registry.zookeeper.block-until-connected=12s");
    let opening = open(settings.set("registry.zookeeper.retry-policy.max-retries=1"));
    within("the opening ends", SOON, opening).await.map(drop).expect_err("this user is nobody there")
}

#[track_caller]
fn shows_no_secret(error: &Error) {
    let shown = format!("{error} {error:?} {error:#?} {:?}", error.causes());
    assert!(!shown.contains(PASSWORD), "{shown}");
}

#[tokio::test]
async fn a_digests_entries_are_its_users_alone() {
    let namespace = unique("digest");
    let registry = open(digest(&namespace, &format!("{USER}:{PASSWORD}"))).await.unwrap();
    works(&registry).await;
    let (other, same) = (plain().client().await.unwrap(), plain().client().await.unwrap());
    same.auth("digest", format!("{USER}:{PASSWORD}").as_bytes()).await.unwrap();
    for path in ["", "/works", "/works/it", "/works/mine", "/works/lock"] {
        let path = format!("/{namespace}{path}");
        assert_eq!(other.get_data(&path).await.unwrap_err(), zookeeper_client::Error::NoAuth, "{path}");
        let (acl, _) = same.get_acl(&path).await.unwrap();
        assert_eq!((acl.len(), acl[0].scheme(), acl[0].permission()), (1, "digest", Permission::ALL), "{path}");
        assert!(acl[0].id().starts_with(&format!("{USER}:")));
    }
    // The same user by the other name that the key has.
    let settings = zookeeper(plain()).set_value("registry.namespace", &namespace);
    let settings = settings.set_value("registry.zookeeper.authorization.digest", format!("{USER}:{PASSWORD}"));
    works(&open(settings).await.unwrap()).await;
}

#[tokio::test]
async fn a_wrong_digest_is_noticed_when_opening() {
    let namespace = unique("wrong");
    let right = open(digest(&namespace, &format!("{USER}:{PASSWORD}"))).await.unwrap();
    right.put("/a", "1").await.unwrap();
    let nobody = zookeeper(plain()).set_value("registry.namespace", &namespace);
    let wrong = [digest(&namespace, &format!("{USER}:{PASSWORD}-not")), digest(&namespace, "other:x"), nobody];
    for settings in wrong {
        let error = refused(settings).await;
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        assert!(!error.is_retryable());
        let message = error.to_string();
        assert!(
            message.contains(&format!("/{namespace}")) && message.contains("registry.zookeeper.digest"),
            "{message}"
        );
        shows_no_secret(&error);
    }
}

#[tokio::test]
async fn a_user_of_sasl_gets_in_and_others_do_not() {
    let namespace = unique("sasl");
    let registry = open(sasl(&USERS, USER, PASSWORD).set_value("registry.namespace", &namespace)).await.unwrap();
    works(&registry).await;
    let (acl, _) = USERS.client().await.unwrap().get_acl(&format!("/{namespace}/works/it")).await.unwrap();
    assert_eq!((acl.len(), acl[0].scheme(), acl[0].id()), (1, "sasl", USER));
    registry.close().await.unwrap();
    for (settings, says) in [
        (sasl(&USERS, USER, &format!("{PASSWORD}-not")), "registry.zookeeper.sasl.password"),
        // With the keeper's password ZooKeeper 3.8.0 would let him in: it remembers whose it asked for last.
        (sasl(&USERS, "nobody", "anything"), "registry.zookeeper.sasl.user"),
        (zookeeper(&USERS), "let nobody in without a user"),
    ] {
        let error = refused(settings).await;
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
        assert!(error.to_string().contains(says) && !error.is_retryable(), "{error}");
        shows_no_secret(&error);
    }
}

#[tokio::test]
async fn a_server_that_knows_no_users_of_sasl_is_told() {
    let error = refused(sasl(plain(), USER, PASSWORD)).await;
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
    assert!(error.to_string().contains("registry.zookeeper.sasl.user"), "{error}");
    shows_no_secret(&error);
}

#[tokio::test]
async fn tls_works_with_absolute_and_relative_paths() {
    let authority = certificates(&SERVER_TLS);
    let registry = open(tls(&SERVER_TLS, &[("ca-file", &authority.ca_file())])).await.unwrap();
    works(&registry).await;
    // The port of TLS answers the word, too.
    let named = format!("ZooKeeper {} at {}", SERVER_TLS.version().unwrap(), SERVER_TLS.endpoint());
    assert_eq!(registry.server().await.unwrap(), named);
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
    let names = files.map(|(key, file)| format!("      {key}: keys/{}\n", file.file_name().unwrap().display()));
    let servers = MUTUAL_TLS.connect_string();
    let yaml = format!(
        "registry:\n  type: zookeeper\n  zookeeper:\n    connect-string: {servers}\n    tls:\n{}",
        names.concat()
    );
    fs::write(&file, yaml).unwrap();
    let settings = Settings::builder().file(&file).plugin_dir(beside()).set("registry.namespace=relative");
    works(&open(settings).await.unwrap()).await;
}

#[tokio::test]
async fn tls_works_beside_another_plugin_that_uses_it() {
    let server = Etcd::builder().tls(Tls::Server).start().unwrap();
    let authority = server.certificates().unwrap().ca_file().display().to_string();
    let etcd = open(etcd(&server).set_value("registry.etcd.tls.ca-file", authority)).await.unwrap();
    let zookeeper = open(tls(&SERVER_TLS, &[("ca-file", &certificates(&SERVER_TLS).ca_file())])).await.unwrap();
    works(&etcd).await;
    works(&zookeeper).await;
}

#[tokio::test]
async fn a_server_or_client_that_is_not_trusted_is_refused() {
    let other = Certificates::generate().unwrap();
    let mutual = certificates(&MUTUAL_TLS);
    let port = SERVER_TLS.address().port();
    for (settings, cause) in [
        // A server of another authority.
        (tls(&SERVER_TLS, &[("ca-file", &other.ca_file())]), "invalid peer certificate"),
        // A client of another authority, and none.
        (
            tls(
                &MUTUAL_TLS,
                &[("ca-file", &mutual.ca_file()), ("cert-file", &other.cert_file()), ("key-file", &other.key_file())],
            ),
            "alert",
        ),
        (tls(&MUTUAL_TLS, &[("ca-file", &mutual.ca_file())]), "alert"),
        // A server of another name.
        (
            tls(&SERVER_TLS, &[("ca-file", &certificates(&SERVER_TLS).ca_file())])
                .set_value("registry.zookeeper.connect-string", format!("127.0.0.2:{port},[::1]:{port}")),
            "127.0.0.2",
        ),
    ] {
        let error = refused(settings).await;
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        let text = format!("{error} {:?}", error.causes());
        assert!(text.contains(cause), "{text} lacks {cause}");
    }
}

#[tokio::test]
async fn half_a_pair_is_refused_by_the_missing_key() {
    let mutual = certificates(&MUTUAL_TLS);
    let (ca, cert, key) = (mutual.ca_file(), mutual.cert_file(), mutual.key_file());
    let nowhere = mutual.folder().join("nowhere.pem");
    let secret = fs::read_to_string(&key).unwrap();
    let secret = secret.lines().nth(1).unwrap();
    for (settings, name) in [
        (tls(&MUTUAL_TLS, &[("ca-file", &ca), ("cert-file", &cert)]), "registry.zookeeper.tls.key-file"),
        (tls(&MUTUAL_TLS, &[("ca-file", &ca), ("key-file", &key)]), "registry.zookeeper.tls.cert-file"),
        (tls(&MUTUAL_TLS, &[("cert-file", &cert), ("key-file", &key)]), "registry.zookeeper.tls.ca-file"),
        (tls(&MUTUAL_TLS, &[("ca-file", &nowhere)]), "registry.zookeeper.tls.ca-file"),
        (tls(&MUTUAL_TLS, &[("ca-file", &key)]), "registry.zookeeper.tls.ca-file"),
        (
            tls(&MUTUAL_TLS, &[("ca-file", &ca), ("cert-file", &cert), ("key-file", &ca)]),
            "registry.zookeeper.tls.key-file",
        ),
        (zookeeper(plain()).set("registry.zookeeper.sasl.user=keeper"), "registry.zookeeper.sasl.password"),
        (zookeeper(plain()).set_value("registry.zookeeper.sasl.password", PASSWORD), "registry.zookeeper.sasl.user"),
        (digest("any", PASSWORD), "registry.zookeeper.digest"),
    ] {
        let error = open(settings).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
        assert!(error.to_string().contains(name), "{name} is not in {error}");
        shows_no_secret(&error);
        assert!(!format!("{error:?}").contains(secret), "{error:?}");
    }
}

#[tokio::test]
async fn no_secret_is_logged_or_shown() {
    let by_sasl = sasl(&USERS, USER, PASSWORD);
    let by_digest = digest(&unique("shown"), &format!("{USER}:{PASSWORD}"));
    let given = zookeeper(&USERS)
        .environment([("REGISTRY_ZOOKEEPER_SASL__USER", USER), ("REGISTRY_ZOOKEEPER_SASL__PASSWORD", PASSWORD)]);
    for settings in [by_sasl, by_digest, given] {
        let built = settings.clone().build().unwrap();
        assert!(!format!("{settings:?} {built:?}").contains(PASSWORD), "{settings:?} {built:?}");
        let registry = open(settings).await.unwrap();
        assert!(!format!("{registry:?} {:?}", registry.session()).contains(PASSWORD));
        works(&registry).await;
        registry.close().await.unwrap();
    }
    // A password in the wrong place is still one.
    let misplaced = format!("{USER}:{PASSWORD}@127.0.0.1:1");
    let error = open(zookeeper(plain()).set_value("registry.zookeeper.connect-string", misplaced)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
    shows_no_secret(&error);
    wait_until("the plugin has logged", SOON, || !LOGS.with("registry_plugin").is_empty()).await;
    assert_eq!(LOGS.with(PASSWORD), Vec::<String>::new());
}
