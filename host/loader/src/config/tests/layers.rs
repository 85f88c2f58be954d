use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::{DisconnectStrategy, Source};

#[test]
fn nothing_written_gives_the_defaults() {
    let settings = Settings::builder().build().unwrap();
    assert_eq!(settings.registry_type(), "memory");
    assert_eq!(settings.namespace(), "dolphinscheduler");
    assert_eq!(settings.disconnect_strategy(), DisconnectStrategy::Stop { grace: Duration::ZERO });
    assert_eq!(settings.operation_timeout().as_secs(), 5);
    assert_eq!(settings.session_timeout(&ETCD).unwrap().as_secs(), 30);
    assert_eq!(settings.plugin_sha256("memory"), None);
    let beside = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let installed = beside.parent().unwrap().join("lib/registry/plugins");
    assert_eq!(settings.plugin_dirs(), [beside, installed, PathBuf::from("/usr/lib/registry/plugins")]);
    assert_eq!(settings.section(&[]).unwrap().json(), &serde_json::json!({}));
}

#[test]
fn precedence_is_set_then_environment_then_file() {
    let file = Written::yaml("registry: {namespace: file, type: etcd, etcd: {user: file, password: file}}");
    assert_eq!(file.settings().namespace(), "file");
    let variables = [("REGISTRY_NAMESPACE", "environment"), ("REGISTRY_ETCD_USER", "environment")];
    let settings = file.builder().environment(variables).build().unwrap();
    assert_eq!(settings.namespace(), "environment");
    assert_eq!(handed(&settings, "/user").as_deref(), Some("environment"));
    assert_eq!(handed(&settings, "/password").as_deref(), Some("file"));
    let builder = file.builder().environment(variables).set("registry.namespace=set").set("registry.etcd.user=a=b");
    let settings = builder.build().unwrap();
    assert_eq!(settings.namespace(), "set");
    assert_eq!(handed(&settings, "/user").as_deref(), Some("a=b"));
}

#[test]
fn of_two_settings_of_a_key_the_last_counts() {
    let settings =
        Settings::builder().set("registry.namespace=a").set_value("registry.namespace", "b").build().unwrap();
    assert_eq!(settings.namespace(), "b");
}

#[test]
fn a_layer_overrides_a_key_in_any_spelling() {
    let file = Written::yaml("registry: {type: etcd, etcd: {retryDelay: 1s, tls: {caFile: a, keyFile: k}}}");
    let settings = file
        .builder()
        .environment([("REGISTRY_ETCD_RETRY_DELAY", "2s"), ("REGISTRY_ETCD_TLS__CA_FILE", "b")])
        .build()
        .unwrap();
    let section = settings.section(&ETCD).unwrap();
    let expected = serde_json::json!({"retry-delay": "2s", "tls": {"ca-file": "b", "keyFile": "k"}});
    assert_eq!(section.json(), &expected);
}

#[test]
fn a_bad_assignment_is_refused_without_being_repeated() {
    let refused = refusal(Settings::builder().set("hunter2"));
    assert_says(&refused, &["--set", "KEY=VALUE", "registry.type=etcd"]);
    assert!(!refused.contains("hunter2"));
    for key in ["type", "registry", "registry.", "registry..type", "", "spring.type"] {
        let refused = refusal(Settings::builder().set_value(key, "hunter2"));
        assert_says(&refused, &["registry.type=etcd"]);
        assert!(!refused.contains("hunter2"), "{refused}");
    }
}

#[test]
fn every_value_tells_where_it_was_written() {
    let file = Written::yaml(
        "registry:\n  type: etcd\n  namespace: n\n  etcd:\n    endpoints:\n      - a:1\n      - http://me:pw@b:2\n    password: hunter2\n    pin: 1234\n  zookeeper: {digest: x}\n",
    );
    let settings = file
        .builder()
        .environment([("REGISTRY_ETCD_USER", "root"), ("REGISTRY_PORT", "tcp://1.2.3.4:5")])
        .set("registry.operation-timeout=7s")
        .build()
        .unwrap();
    let mut rows: Vec<_> = settings.merged(&ETCD).unwrap();
    rows.retain(|row| row.key != "registry.plugin-dirs");
    let rows: Vec<String> = rows.iter().map(|row| format!("{} = {} ({})", row.key, row.value, row.source)).collect();
    let expected = [
        "registry.disconnect-grace = 0s (default)".to_owned(),
        "registry.disconnect-max-wait = 100s (default)".to_owned(),
        "registry.disconnect-strategy = stop (default)".to_owned(),
        format!("registry.etcd.endpoints[0] = a:1 ({})", file.line(6)),
        format!("registry.etcd.endpoints[1] = http://<hidden>@b:2 ({})", file.line(7)),
        format!("registry.etcd.password = <hidden> ({})", file.line(8)),
        format!("registry.etcd.pin = <hidden> ({})", file.line(9)),
        "registry.etcd.user = root (environment variable REGISTRY_ETCD_USER)".to_owned(),
        format!("registry.namespace = n ({})", file.line(3)),
        "registry.operation-timeout = 7s (--set)".to_owned(),
        "registry.session-timeout = 30s (default)".to_owned(),
        format!("registry.type = etcd ({})", file.line(2)),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn an_overridden_default_is_not_listed() {
    let file = Written::yaml("registry: {type: etcd, etcd: {namespace: near, ttl: 9s}}");
    let rows = file.settings().merged(&ETCD).unwrap();
    let shown = |key: &str| rows.iter().find(|row| row.key == key).map(|row| row.value.as_str());
    assert_eq!(shown("registry.etcd.namespace"), Some("near"));
    assert_eq!(shown("registry.etcd.ttl"), Some("9s"));
    assert_eq!(shown("registry.namespace"), None);
    assert_eq!(shown("registry.session-timeout"), None);
}

#[test]
fn settings_never_show_a_secret_when_printed() {
    let settings = Settings::builder().set("registry.type=etcd").set("registry.etcd.pin=hunter2").build().unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
    assert!(settings.merged(&ETCD).unwrap().iter().all(|row| row.value != "hunter2"));
}

#[test]
fn a_value_set_by_the_host_names_its_option() {
    let settings = Settings::builder().set("registry.namespace=a").build().unwrap();
    let row = settings.merged(&[]).unwrap().into_iter().find(|row| row.key == "registry.namespace").unwrap();
    assert_eq!(row.source, Source::Set("--set"));
}

/// A value as Java's own writer of properties escapes it.
fn escaped(value: &str) -> String {
    let unit = |unit: u16| match u8::try_from(unit).map(char::from) {
        Ok(letter) if letter.is_ascii_alphanumeric() => letter.to_string(),
        _ => format!("\\u{unit:04X}"),
    };
    value.encode_utf16().map(unit).collect()
}

proptest! {
    #[test]
    fn any_scalar_survives_every_layer(plain in "[^\0]*") {
        // As it is to be written, and as it is then read.
        let value = plain.replace("${", "\\${");
        let json = serde_json::json!({"registry": {"type": "etcd", "etcd": {"user": value}}}).to_string();
        let quoted = serde_json::to_string(&value).unwrap();
        let file = Written::new("registry.json", &json);
        prop_assert_eq!(handed(&file.settings(), "/user"), Some(plain.clone()));
        // What JSON escapes, YAML and TOML read alike, but for the slash and DEL that TOML wants escaped.
        let file = Written::new("registry.toml", format!("[registry]\ntype = 'etcd'\netcd.user = {}\n", quoted.replace('\u{7f}', "\\u007f")));
        prop_assert_eq!(handed(&file.settings(), "/user"), Some(plain.clone()));
        let file = Written::new("registry.properties", format!("registry.type=etcd\nregistry.etcd.user={}\n", escaped(&value)));
        prop_assert_eq!(handed(&file.settings(), "/user"), Some(plain.clone()));
        let etcd = Settings::builder().set("registry.type=etcd");
        let set = etcd.clone().set(format!("registry.etcd.user={value}")).build().unwrap();
        prop_assert_eq!(handed(&set, "/user"), Some(plain.clone()));
        let environment = etcd.environment([("REGISTRY_ETCD_USER", &value)]).build().unwrap();
        prop_assert_eq!(handed(&environment, "/user"), Some(plain));
    }

    #[test]
    fn a_plain_yaml_scalar_stays_as_written(value in "[a-zA-Z0-9._+-]{0,3}[a-zA-Z0-9]") {
        prop_assume!(!matches!(value.as_str(), "null" | "Null" | "NULL"));
        let file = Written::yaml(&format!("registry:\n  type: etcd\n  etcd:\n    user: {value}\n"));
        prop_assert_eq!(handed(&file.settings(), "/user"), Some(value));
    }
}

#[test]
fn what_is_set_takes_precedence_over_a_flat_variable() {
    let environment = [("REGISTRY_TYPE", "etcd"), ("REGISTRY_USER", "environment"), ("REGISTRY_TTL", "5s")];
    let builder = Settings::builder().environment(environment).set("registry.user=set").set("registry.ttl=7s");
    let settings = builder.build().unwrap();
    assert_eq!(settings.section(&ETCD).unwrap().json(), &serde_json::json!({"user": "set"}));
    assert_eq!(settings.session_timeout(&ETCD).unwrap().as_secs(), 7);
}
