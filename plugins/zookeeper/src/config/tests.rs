use std::{fs, time::Duration};

use registry_plugin::{
    Context, Error, ErrorKind, Options,
    config::{ConfigError, Section, from_value},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::{Config, Settings};

fn check(section: &Value, options: Options) -> Result<Settings, Error> {
    let config: Config = from_value(section, &options.prefix).map_err(|error: ConfigError| Error::from(error))?;
    Settings::new(config, &Context::detached::<crate::Zookeeper>(options, Handle::current()))
}

fn options() -> Options {
    Options::new("registry.zookeeper")
}

fn accepted(section: &Value) -> Settings {
    check(section, options()).unwrap_or_else(|error| panic!("{section}: {error}"))
}

/// The whole message with which a section is refused.
fn refusal(section: Value) -> String {
    let Err(error) = check(&section, options()) else { panic!("{section} was accepted") };
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
    error.to_string()
}

#[tokio::test]
async fn dolphinschedulers_own_section_is_accepted() {
    let section = json!({
        "connect-string": "zoo1:2181,zoo2:2182",
        "retry-policy": { "base-sleep-time": "1s", "max-sleep": "3s", "max-retries": "5" },
        "connection-timeout": "15s", "block-until-connected": "15s", "digest": "",
    });
    let settings = accepted(&section);
    assert_eq!(settings.dial.addresses(), "zoo1:2181, zoo2:2182");
    assert_eq!((settings.block_until_connected, settings.max_retries), (Duration::from_secs(15), 5));
    for digest in [json!({ "digest": "user:pa:ss" }), json!({ "authorization": { "digest": "user:password" } })] {
        assert!(!accepted(&digest).dial.is_nobody(), "{digest}");
    }
}

#[test]
fn users_with_their_passwords_are_secret() {
    let keys = Config::keys();
    let secrets: Vec<_> = keys.iter().filter(|key| key.secret).map(|key| &*key.name).collect();
    assert_eq!(secrets, ["digest", "authorization.digest", "sasl.password"]);
}

#[tokio::test]
async fn a_connect_string_is_servers_and_a_chroot() {
    for (text, servers, root) in [
        ("a", "a:2181", "/ns"),
        ("127.0.0.1:1", "127.0.0.1:1", "/ns"),
        ("a:1,b:65535", "a:1, b:65535", "/ns"),
        (" a:1 , b ", "a:1, b:2181", "/ns"),
        ("[::1]", "[::1]:2181", "/ns"),
        ("[fe80::1]:1,b_c.example:2", "[fe80::1]:1, b_c.example:2", "/ns"),
        ("a/", "a:2181", "/ns"),
        ("a:1,b:2/c", "a:1, b:2", "/c/ns"),
        ("a:1/c/d/", "a:1", "/c/d/ns"),
        ("a:1,", "a:1", "/ns"),
        (",a:1,,b:2,/c", "a:1, b:2", "/c/ns"),
    ] {
        let mut options = options();
        options.namespace = "ns".to_owned();
        let settings = check(&json!({ "connect-string": text }), options).expect(text);
        assert_eq!((&*settings.dial.addresses(), settings.paths.root()), (servers, root), "{text}");
    }
}

#[tokio::test]
async fn a_connect_string_may_be_a_list() {
    for (list, servers, root) in [
        (json!(["a:1", "b:2"]), "a:1, b:2", "/ns"),
        (json!(["a:1,", "b:2/c"]), "a:1, b:2", "/c/ns"),
        (json!(["a:1,b:2", "[::1]"]), "a:1, b:2, [::1]:2181", "/ns"),
    ] {
        let mut options = options();
        options.namespace = "ns".to_owned();
        let settings = check(&json!({ "connect-string": list }), options).expect("a good list");
        assert_eq!((&*settings.dial.addresses(), settings.paths.root()), (servers, root), "{list}");
    }
    for (list, says) in [
        (json!([]), "names no server"),
        (json!(["a:1/c", "b:2"]), "has a server after the chroot"),
        (json!([["a:1"]]), "must be a single value"),
        (json!({ "a": 1 }), "must be a list"),
    ] {
        let message = refusal(json!({ "connect-string": list }));
        assert!(message.contains("registry.zookeeper.connect-string") && message.contains(says), "{message}");
    }
}

#[tokio::test]
async fn a_wrong_connect_string_is_named_with_what_is_accepted() {
    for (text, part) in [
        ("", ""),
        ("/c", "/c"),
        (",", ""),
        ("a:1,b:0", "b:0"),
        ("a:65536", "a:65536"),
        ("a:", "a:"),
        ("a:x", "a:x"),
        (":1", ":1"),
        ("a b:1", "a b:1"),
        ("a;b", "a;b"),
        ("1.2.3:1", "1.2.3:1"),
        ("1.2.3.256", "1.2.3.256"),
        ("::1", "::1"),
        ("::1:2181", "::1:2181"),
        ("[::1", "[::1"),
        ("[a]:1", "[a]:1"),
        ("[::1]1", "[::1]1"),
        ("[::1]:", "[::1]:"),
        ("a:1//b", "//b"),
        ("a:1/../b", "/../b"),
        ("a:1/b/,c:2", "a:1/b/,c:2"),
        ("tcp://a:1", "tcp://a:1"),
    ] {
        let message = refusal(json!({ "connect-string": text }));
        for needed in ["registry.zookeeper.connect-string", "host:port", &format!("{part:?} ")] {
            assert!(message.contains(needed), "{text}: {message} lacks {needed}");
        }
    }
    let message = refusal(json!({ "connect-string": "user:hush@a:1" }));
    assert!(!message.contains("hush"), "{message}");
}

#[tokio::test]
async fn zookeepers_own_path_is_refused() {
    for (text, namespace) in [("a", "zookeeper"), ("a/zookeeper", ""), ("a/zookeeper", "ns"), ("a", "zookeeper/ns")] {
        let mut options = options();
        options.namespace = namespace.to_owned();
        let Err(error) = check(&json!({ "connect-string": text }), options) else { panic!("{text} {namespace}") };
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.to_string().contains("registry.namespace"), "{error}");
    }
    let mut options = options();
    options.namespace = "zookeepers".to_owned();
    assert!(check(&json!({}), options).is_ok());
}

#[tokio::test]
async fn half_of_a_pair_is_refused() {
    for (section, missing) in [
        (json!({ "sasl": { "user": "u" } }), "registry.zookeeper.sasl.password is not set"),
        (json!({ "sasl": { "user": "u", "password": "" } }), "registry.zookeeper.sasl.password is not set"),
        (json!({ "sasl": { "password": "hush" } }), "registry.zookeeper.sasl.user is not set"),
        (json!({ "tls": { "cert-file": "c.pem" } }), "registry.zookeeper.tls.key-file is not set"),
        (json!({ "tls": { "key-file": "k.pem" } }), "registry.zookeeper.tls.cert-file is not set"),
        (json!({ "tls": { "cert-file": "c.pem", "key-file": "k.pem" } }), "registry.zookeeper.tls.ca-file is not set"),
    ] {
        let message = refusal(section);
        assert!(message.contains(missing) && !message.contains("hush"), "{message}");
    }
}

#[tokio::test]
async fn a_malformed_digest_is_refused_and_hidden() {
    for digest in ["hush", "hush:", ":hush"] {
        for (section, key) in [
            (json!({ "digest": digest }), "registry.zookeeper.digest"),
            (json!({ "authorization": { "digest": digest } }), "registry.zookeeper.authorization.digest"),
        ] {
            let message = refusal(section);
            assert!(message.contains(key) && message.contains("user:password"), "{message}");
            assert!(!message.contains("hush"), "{message}");
        }
    }
    let message = refusal(json!({ "digest": "u:hush", "authorization": { "digest": "u:hush" } }));
    assert!(message.contains("registry.zookeeper.authorization.digest") && !message.contains("hush"), "{message}");
}

#[tokio::test]
async fn files_that_are_missing_or_wrong_are_named() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("empty.pem"), "").expect("a file");
    let nonsense = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    fs::write(folder.path().join("nonsense.pem"), nonsense).expect("a file");
    for (file, what) in [("no.pem", "can't be read"), ("empty.pem", "no certificate"), ("nonsense.pem", "trusted")] {
        let mut options = options();
        options.base = folder.path().to_path_buf();
        let Err(error) = check(&json!({ "tls": { "ca-file": file } }), options) else { panic!("{file} was accepted") };
        let message = error.to_string();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(message.contains("registry.zookeeper.tls.ca-file") && message.contains(what), "{message}");
    }
}

#[tokio::test]
async fn a_key_that_belongs_to_another_certificate_is_refused() {
    let certificates = registry_test_servers::Certificates::generate().expect("certificates");
    let others = registry_test_servers::Certificates::generate().expect("certificates");
    let (authority, cert) = (certificates.ca_file(), certificates.cert_file());
    let good = json!({ "ca-file": authority, "cert-file": cert, "key-file": certificates.key_file() });
    assert!(accepted(&json!({ "tls": good })).dial.trust().is_some());
    let message = refusal(json!({ "tls": { "ca-file": authority, "cert-file": cert, "key-file": others.key_file() } }));
    assert!(message.contains("registry.zookeeper.tls.cert-file") && message.contains("another"), "{message}");
    let message = refusal(json!({ "tls": { "ca-file": authority, "cert-file": cert, "key-file": cert } }));
    assert!(message.contains("registry.zookeeper.tls.key-file") && message.contains("private key"), "{message}");
}

#[tokio::test]
async fn a_session_timeout_that_no_server_grants_is_refused() {
    for (timeout, shown) in [(Duration::from_millis(999), "999ms"), (Duration::from_secs(25 * 60 * 60), "90000s")] {
        let mut options = options();
        options.session_timeout = timeout;
        let Err(error) = check(&json!({}), options) else { panic!("{timeout:?} was accepted") };
        let message = error.to_string();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        for part in ["registry.zookeeper.session-timeout", "registry.session-timeout", shown, "from 1s to 24h"] {
            assert!(message.contains(part), "{message} lacks {part}");
        }
    }
}

#[tokio::test]
async fn a_silent_server_leaves_time_for_another() {
    let mut options = options();
    options.session_timeout = Duration::from_secs(8);
    let settings = check(&json!({ "connection-timeout": "15s" }), options).expect("a good section");
    assert_eq!(settings.dial.connection_timeout, Duration::from_secs(2));
}

#[tokio::test]
async fn a_silent_server_leaves_a_waiting_call_time_for_another() {
    for (operations, silence) in [(4_000, 3_000), (1_000, 2_000), (60_000, 15_000)] {
        let mut options = options();
        options.session_timeout = Duration::from_secs(60);
        options.operation_timeout = Duration::from_millis(operations);
        let settings = check(&json!({ "connection-timeout": "15s" }), options).expect("a good section");
        assert_eq!(settings.dial.connection_timeout, Duration::from_millis(silence));
    }
}

#[tokio::test]
async fn pauses_grow_up_to_the_longest() {
    let policy = json!({ "base-sleep-time": "10ms", "max-sleep": "40ms" });
    let mut backoff = accepted(&json!({ "retry-policy": policy })).dial.backoff();
    let pauses: Vec<_> = (0..9).map(|_| backoff.next_pause()).collect();
    let (shortest, longest) = (Duration::from_millis(40), Duration::from_millis(80));
    assert!(pauses[0] <= Duration::from_millis(20), "{pauses:?}");
    assert!(pauses[3..].iter().all(|pause| (shortest..=longest).contains(pause)), "{pauses:?}");
}

#[tokio::test]
async fn other_wrong_values_are_named() {
    for (section, named) in [
        (json!({ "connectstring": "a:1" }), "registry.zookeeper.connectstring"),
        (json!({ "connection-timeout": "60" }), "registry.zookeeper.connection-timeout"),
        (json!({ "connection-timeout": "0s" }), "registry.zookeeper.connection-timeout is 0s; accepted: from 100ms"),
        (json!({ "connection-timeout": "365d" }), "registry.zookeeper.connection-timeout"),
        (json!({ "block-until-connected": "0ms" }), "registry.zookeeper.block-until-connected"),
        (json!({ "retry-policy": { "base-sleep-time": "0s" } }), "registry.zookeeper.retry-policy.base-sleep-time"),
        (json!({ "retry-policy": { "max-sleep": "25h" } }), "registry.zookeeper.retry-policy.max-sleep is 90000s"),
        (json!({ "retry-policy": { "max-retries": "-1" } }), "registry.zookeeper.retry-policy.max-retries"),
        (json!({ "retry-policy": { "retries": "1" } }), "registry.zookeeper.retry-policy.retries"),
        (json!({ "sync-reads": "always" }), "registry.zookeeper.sync-reads"),
        (json!({ "authorization": { "x509": "CN=a" } }), "registry.zookeeper.authorization.x509"),
        (json!({ "tls": { "domain": "a" } }), "registry.zookeeper.tls.domain"),
    ] {
        let message = refusal(section);
        assert!(message.contains(named) && message.contains("accepted"), "{message}");
    }
}
