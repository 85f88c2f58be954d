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
    Settings::new(config, &Context::detached::<crate::Etcd>(options, Handle::current()))
}

fn options() -> Options {
    Options::new("registry.etcd")
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
        "endpoints": "http://etcd0:2379, http://etcd1:2379",
        "connection-timeout": "9s", "retry-delay": "60ms", "retry-max-delay": "300ms", "retry-max-duration": "1500ms",
        "user": "", "password": "", "authority": "", "load-balancer-policy": "",
    });
    let settings = check(&section, options()).expect("a good section");
    assert_eq!(settings.endpoints.addresses(), "etcd0:2379, etcd1:2379");
    assert_eq!(settings.connection_timeout, Duration::from_secs(9));
}

#[test]
fn the_password_alone_is_secret() {
    assert!(Config::keys().iter().all(|key| key.secret == (key.name == "password")));
}

#[tokio::test]
async fn endpoints_are_a_host_and_a_port() {
    for good in ["127.0.0.1:2379", "http://a:1/", "https://b:2", "[::1]:2379", "http://[::1]:2379"] {
        assert!(check(&json!({ "endpoints": [good] }), options()).is_ok(), "{good}");
    }
    for bad in
        ["a", "a:0", "a:99999", ":1", "http://", "ftp://a:1", "http://a:1/path", "a:1?q", "a b:1", "http://a", "::1"]
    {
        let message = refusal(json!({ "endpoints": [bad] }));
        assert!(message.contains("registry.etcd.endpoints") && message.contains("host:port"), "{bad}: {message}");
        assert!(message.contains(&format!("{bad:?}")), "{bad}: {message}");
    }
    assert!(refusal(json!({ "endpoints": "" })).contains("names no server"));
    let message = refusal(json!({ "endpoints": "http://user:secret@a:1" }));
    assert!(!message.contains("secret"), "{message}");
}

#[tokio::test]
async fn half_of_a_pair_is_refused() {
    for (section, missing) in [
        (json!({ "user": "u" }), "registry.etcd.password"),
        (json!({ "password": "hush" }), "registry.etcd.user"),
        (json!({ "tls": { "cert-file": "c.pem" } }), "registry.etcd.tls.key-file"),
        (json!({ "tls": { "key-file": "k.pem" } }), "registry.etcd.tls.cert-file"),
        (json!({ "key-cert-chain-file": "c.pem" }), "registry.etcd.key-file is not set"),
        (json!({ "key-file": "k.pem" }), "registry.etcd.key-cert-chain-file is not set"),
    ] {
        let message = refusal(section);
        assert!(message.contains(missing) && !message.contains("hush"), "{message}");
    }
    let message = refusal(json!({ "endpoints": "http://a:1", "tls": { "domain": "a" } }));
    assert!(message.contains("plain text"), "{message}");
}

#[tokio::test]
async fn files_that_are_missing_or_wrong_are_named() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("empty.pem"), "").expect("a file");
    fs::write(folder.path().join("text.pem"), "-----BEGIN CERTIFICATE-----\nnot base64!\n").expect("a file");
    for (file, what) in [("no.pem", "can't be read"), ("empty.pem", "no certificate"), ("text.pem", "not PEM")] {
        let mut options = options();
        options.base = folder.path().to_path_buf();
        let Err(error) = check(&json!({ "tls": { "ca-file": file } }), options) else { panic!("{file} was accepted") };
        let message = error.to_string();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(
            message.contains("registry.etcd.tls.ca-file") && message.contains(file) && message.contains(what),
            "{message}"
        );
        assert!(message.contains(&folder.path().display().to_string()), "{message}");
    }
}

#[tokio::test]
async fn dolphinschedulers_names_of_the_tls_files_mean_the_same() {
    let certificates = registry_test_servers::Certificates::generate().expect("certificates");
    let files = [certificates.ca_file(), certificates.cert_file(), certificates.key_file()];
    let names = ["cert-file", "key-cert-chain-file", "key-file"];
    let whole: serde_json::Map<_, _> =
        names.into_iter().zip(files).map(|(name, file)| (name.to_owned(), json!(file))).collect();
    let mut options = options();
    options.base = "/nowhere".into();
    // TLS is in use: an endpoint that asks for plain text contradicts it.
    let mut plain = whole.clone();
    plain.insert("endpoints".to_owned(), json!("http://a:1"));
    assert!(refusal(Value::Object(plain)).contains("plain text although TLS is configured"));
    assert!(check(&Value::Object(whole.clone()), options).is_ok());
    for (name, ours) in names.into_iter().zip(["ca-file", "cert-file", "key-file"]) {
        let mut wrong = whole.clone();
        wrong.insert(name.to_owned(), json!("no.pem"));
        let message = refusal(Value::Object(wrong));
        let from_here = std::env::current_dir().expect("a working directory").join("no.pem").display().to_string();
        assert!(message.contains(&format!("registry.etcd.{name}")) && message.contains(&from_here), "{message}");
        let mut twice = whole.clone();
        twice.insert("tls".to_owned(), json!({ ours: "x.pem" }));
        let message = refusal(Value::Object(twice));
        assert!(
            message.contains(&format!("registry.etcd.tls.{ours} is set, and so is registry.etcd.{name}")),
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_key_that_belongs_to_another_certificate_is_refused() {
    let certificates = registry_test_servers::Certificates::generate().expect("certificates");
    let others = registry_test_servers::Certificates::generate().expect("certificates");
    let tls = json!({ "cert-file": certificates.cert_file(), "key-file": others.key_file(), "ca-file": certificates.ca_file() });
    let message = refusal(json!({ "tls": tls }));
    assert!(message.contains("registry.etcd.tls"), "{message}");
    let tls = json!({ "cert-file": certificates.cert_file(), "key-file": certificates.cert_file() });
    let message = refusal(json!({ "tls": tls }));
    assert!(message.contains("registry.etcd.tls.key-file") && message.contains("private key"), "{message}");
}

#[tokio::test]
async fn a_session_of_less_than_two_seconds_is_refused() {
    let mut options = options();
    options.session_timeout = Duration::from_millis(1_999);
    let Err(error) = check(&json!({}), options) else { panic!("it was accepted") };
    let message = error.to_string();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(message.contains("registry.etcd.ttl") && message.contains("1.999s") && message.contains("2s"), "{message}");
}

#[tokio::test]
async fn other_wrong_values_are_named() {
    for (section, named) in [
        (json!({ "endpoint": "a:1" }), "registry.etcd.endpoint"),
        (json!({ "retry-delay": "60" }), "registry.etcd.retry-delay"),
        (json!({ "retry-delay": "0s" }), "registry.etcd.retry-delay"),
        (json!({ "connection-timeout": "0ms" }), "registry.etcd.connection-timeout"),
        (json!({ "authority": "a b" }), "registry.etcd.authority"),
        (json!({ "tls": { "ca-fil": "x" } }), "registry.etcd.tls.ca-fil"),
    ] {
        let message = refusal(section);
        assert!(message.contains(named), "{message}");
    }
}
