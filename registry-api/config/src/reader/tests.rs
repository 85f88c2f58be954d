use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::{Secret, duration};

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default, rename_all = "kebab-case")]
struct Config {
    endpoints: Vec<String>,
    ports: Vec<u16>,
    user: Option<String>,
    password: Secret,
    pin: Option<Secret>,
    #[serde(with = "duration")]
    retry_delay: Duration,
    #[serde(with = "duration::option")]
    give_up_after: Option<Duration>,
    max_retries: u8,
    ratio: f64,
    verbose: bool,
    ca_file: Option<PathBuf>,
    tls: Tls,
    labels: BTreeMap<String, u32>,
    policy: Policy,
    range: Option<(u16, u16)>,
    #[serde(alias = "old-name")]
    new_name: Option<String>,
    signs: HashSet<char>,
    #[serde(deserialize_with = "even")]
    even: u32,
    #[serde(deserialize_with = "grumpy")]
    access_token: String,
    #[serde(deserialize_with = "grumpy")]
    mirror: String,
}

/// A struct whose author renames nothing.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
struct Tls {
    ca_file: Option<PathBuf>,
    server_name: String,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
enum Policy {
    #[default]
    RoundRobin,
    PickFirst,
    Weighted {
        weight: u32,
    },
    Fixed(u32),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(dead_code)]
struct Required {
    connect_string: String,
    nested: Option<Nested>,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code)]
struct Nested {
    user_name: String,
}

fn even<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        even if even % 2 == 0 => Ok(even),
        _ => Err(serde::de::Error::custom("is not even")),
    }
}

/// Refuses everything and repeats it, as many a `FromStr` does.
fn grumpy<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Err(serde::de::Error::custom(format!("I don't like {}", String::deserialize(deserializer)?)))
}

fn read(section: serde_json::Value) -> Config {
    from_value(&section, "registry.etcd").expect("the section is good")
}

fn refusal<T: serde::de::DeserializeOwned>(section: serde_json::Value) -> String {
    match from_value::<T>(&section, "registry.etcd") {
        Ok(_) => panic!("{section} is refused"),
        Err(refused) => refused.to_string(),
    }
}

#[test]
fn every_kind_of_value_is_read_from_text() {
    let config = read(json!({
        "endpoints": ["a:1", "b:2"],
        "ports": "1, 2,,65535,",
        "user": "007",
        "password": "1.10",
        "pin": "1234",
        "retry-delay": "60ms",
        "give-up-after": "PT1M",
        "max-retries": "255",
        "ratio": "0.5",
        "verbose": "Yes",
        "ca-file": "certs/ca.pem",
        "tls": {"ca-file": "x", "server-name": "y"},
        "labels": {"aB": "1", "a-b": "2"},
        "policy": "PICK_FIRST",
        "range": "1,2",
        "signs": "+,-",
        "even": "4",
    }));
    assert_eq!(config.endpoints, ["a:1", "b:2"]);
    assert_eq!(config.ports, [1, 2, 65535]);
    assert_eq!(config.user.as_deref(), Some("007"));
    assert_eq!(config.password.expose(), "1.10");
    assert_eq!(config.pin.unwrap().expose(), "1234");
    assert_eq!(config.retry_delay, Duration::from_millis(60));
    assert_eq!(config.give_up_after, Some(Duration::from_secs(60)));
    assert_eq!(config.max_retries, 255);
    assert_eq!(config.ratio, 0.5);
    assert!(config.verbose);
    assert_eq!(config.ca_file, Some(PathBuf::from("certs/ca.pem")));
    assert_eq!(config.tls, Tls { ca_file: Some("x".into()), server_name: "y".to_owned() });
    assert_eq!(config.labels, BTreeMap::from([("aB".to_owned(), 1), ("a-b".to_owned(), 2)]));
    assert_eq!(config.policy, Policy::PickFirst);
    assert_eq!(config.range, Some((1, 2)));
    assert_eq!(config.signs, HashSet::from(['+', '-']));
    assert_eq!(config.even, 4);
}

#[test]
fn real_json_numbers_and_booleans_are_read_too() {
    let config = read(json!({"max-retries": 3, "verbose": true, "ports": 7, "user": 5}));
    assert_eq!((config.max_retries, config.verbose, config.ports), (3, true, vec![7]));
    assert_eq!(config.user.as_deref(), Some("5"));
}

#[test]
fn names_are_found_in_every_case() {
    for name in ["retry-delay", "retryDelay", "retry_delay", "RetryDelay"] {
        assert_eq!(read(json!({ name: "1s" })).retry_delay, Duration::from_secs(1), "{name}");
    }
    for name in ["ca-file", "caFile", "ca_file"] {
        assert!(read(json!({"tls": { name: "x" }})).tls.ca_file.is_some(), "{name}");
    }
    assert_eq!(read(json!({"oldName": "x"})).new_name.as_deref(), Some("x"));
}

#[test]
fn what_is_not_written_is_left_to_the_default() {
    assert_eq!(read(json!({})), Config::default());
    assert_eq!(read(json!(null)), Config::default());
    assert_eq!(read(json!({"user": null, "tls": null, "max-retries": null})), Config::default());
    let empty =
        read(json!({"user": "", "ca-file": "", "give-up-after": "", "endpoints": "", "password": "", "pin": ""}));
    assert_eq!(empty, Config::default());
}

#[test]
fn a_refusal_names_key_value_and_what_is_accepted() {
    for (section, says) in [
        (
            json!({"max-retries": "256"}),
            "registry.etcd.max-retries: \"256\" is not accepted; accepted: a whole number from 0 to 255",
        ),
        (
            json!({"maxRetries": "-1"}),
            "registry.etcd.max-retries: \"-1\" is not accepted; accepted: a whole number from 0 to 255",
        ),
        (json!({"ratio": "NaN"}), "registry.etcd.ratio: \"NaN\" is not accepted; accepted: a number"),
        (json!({"verbose": "maybe"}), "registry.etcd.verbose: \"maybe\" is not accepted; accepted: true, false"),
        (
            json!({"retry-delay": "5"}),
            "registry.etcd.retry-delay: \"5\" has no unit; accepted: a number with a unit, such as 60s, 300ms, 1m30s or PT30S, or from 100 on a bare number of milliseconds, up to 365d",
        ),
        (
            json!({"ports": "1,x"}),
            "registry.etcd.ports[1]: \"x\" is not accepted; accepted: a whole number from 0 to 65535",
        ),
        (json!({"ports": ["1", ["2"]]}), "registry.etcd.ports[1]: must be a single value, not a list"),
        (json!({"user": {"a": "b"}}), "registry.etcd.user: must be a single value, not a map"),
        (json!({"endpoints": {"a": "b"}}), "registry.etcd.endpoints: must be a list, not a map"),
        (json!({"tls": "x"}), "registry.etcd.tls: \"x\" must be a map of keys"),
        (
            json!({"labels": {"a.b": "x"}}),
            "registry.etcd.labels.a.b: \"x\" is not accepted; accepted: a whole number from 0 to 4294967295",
        ),
        (
            json!({"policy": "pick-frist"}),
            "registry.etcd.policy: \"pick-frist\" is not accepted; did you mean pick-first? accepted: round-robin, pick-first, weighted, fixed",
        ),
        (
            json!({"policy": {"weighted": {"weight": "x"}}}),
            "registry.etcd.policy.weighted.weight: \"x\" is not accepted; accepted: a whole number from 0 to 4294967295",
        ),
        (
            json!({"policy": {"fixed": "x"}}),
            "registry.etcd.policy.fixed: \"x\" is not accepted; accepted: a whole number from 0 to 4294967295",
        ),
        (
            json!({"policy": {"round-robin": "x"}}),
            "registry.etcd.policy.round-robin: \"x\" is not accepted; accepted: nothing",
        ),
        (json!({"range": "1,2,3"}), "registry.etcd.range: has 3 values; accepted: 2"),
        (json!({"signs": "+-"}), "registry.etcd.signs[0]: \"+-\" is not accepted; accepted: a character"),
        (json!({"even": "3"}), "registry.etcd.even: \"3\" is not even"),
        (json!({"mirror": "x"}), "registry.etcd.mirror: \"x\" I don't like x"),
        (json!("x"), "registry.etcd: \"x\" must be a map of keys"),
    ] {
        assert_eq!(refusal::<Config>(section), says);
    }
}

#[test]
fn variants_may_hold_something() {
    assert_eq!(read(json!({"policy": {"weighted": {"weight": "3"}}})).policy, Policy::Weighted { weight: 3 });
    assert_eq!(read(json!({"policy": {"fixed": "3"}})).policy, Policy::Fixed(3));
}

#[test]
fn unknown_keys_are_refused_with_what_was_meant() {
    let refused = refusal::<Config>(json!({"tls": {"caFle": "hunter2"}}));
    assert_eq!(
        refused,
        "registry.etcd.tls.caFle: is not a known key; did you mean registry.etcd.tls.ca-file? accepted: ca-file, server-name"
    );
    let refused = refusal::<Config>(json!({"pasword": "hunter2", "zzz": "x"}));
    assert!(refused.starts_with(
        "registry.etcd.pasword: is not a known key; did you mean registry.etcd.password? accepted: endpoints, "
    ));
    assert!(refused.contains("zzz"), "{refused}");
    assert!(!refused.contains("hunter2"), "{refused}");
    assert_eq!(refusal::<()>(json!({"a": "b"})), "registry.etcd.a: is not a known key; none is accepted");
    assert!(from_value::<()>(&json!({}), "registry.etcd").is_ok());
}

#[test]
fn the_same_key_twice_is_refused_naming_both() {
    let refused = refusal::<Config>(json!({"retry-delay": "1s", "retryDelay": "1s"}));
    let keys = ["registry.etcd.retry-delay", "registry.etcd.retryDelay"];
    assert!(keys.iter().all(|key| refused.contains(key)), "{refused}");
}

#[test]
fn a_missing_key_is_named() {
    assert_eq!(refusal::<Required>(json!({})), "registry.etcd.connect-string: is missing");
    let section = json!({"connect-string": "a", "nested": {}});
    assert_eq!(refusal::<Required>(section), "registry.etcd.nested.user-name: is missing");
}

#[test]
fn secrets_are_never_shown() {
    for section in [
        json!({"password": ["hunter2"]}),
        json!({"password": {"hunter2": "hunter2"}}),
        json!({"pin": ["hunter2"]}),
        json!({"access-token": "hunter2"}),
        json!({"accessToken": "hunter2"}),
        json!({"mirror": "http://me:hunter2@host"}),
        json!({"labels": {"my-secret": "hunter2"}}),
    ] {
        let refused = refusal::<Config>(section.clone());
        assert!(!refused.contains("hunter2"), "{section}: {refused}");
    }
    assert_eq!(
        refusal::<Config>(json!({"access-token": "hunter2"})),
        "registry.etcd.access-token: <hidden> is not accepted"
    );
    let config = read(json!({"password": "hunter2", "pin": "hunter2"}));
    assert!(!format!("{config:?} {}", config.password).contains("hunter2"));
}

#[test]
fn a_secret_refused_by_its_type_is_hidden() {
    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Pins {
        pins: Vec<Secret>,
        even: Option<Even>,
        pair: Option<(Secret, Secret)>,
    }
    /// A secret that not every text will do for.
    #[derive(Debug)]
    struct Even;
    impl<'de> Deserialize<'de> for Even {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let secret = Secret::deserialize(deserializer)?;
            Err(serde::de::Error::custom(format!("must not be {}", secret.expose())))
        }
    }
    let refused = refusal::<Pins>(json!({"pins": ["a", {"hunter2": "x"}]}));
    assert_eq!(refused, "registry.etcd.pins[1]: must be a single value, not a map");
    let refused = refusal::<Pins>(json!({"pins": "a", "even": "hunter2"}));
    assert_eq!(refused, "registry.etcd.even: <hidden> is not accepted");
    let refused = refusal::<Pins>(json!({"pins": "a", "pair": "hunter2,hunter2,hunter2"}));
    assert_eq!(refused, "registry.etcd.pair: has 3 values; accepted: 2");
}

#[test]
fn json_is_read_from_bytes() {
    let config: Config = from_slice(br#"{"user": "u"}"#, "registry.etcd").unwrap();
    assert_eq!(config.user.as_deref(), Some("u"));
    let refused = from_slice::<Config>(b"{\"hunter2\"", "registry.etcd").unwrap_err();
    assert_eq!(refused.to_string(), "registry.etcd: is not JSON at line 1 column 10");
}

#[test]
fn the_error_becomes_the_contracts() {
    let refused = from_value::<Config>(&json!({"max-retries": "x"}), "registry.etcd").unwrap_err();
    let text = refused.to_string();
    let error = registry_api::Error::from(refused);
    assert_eq!(error.kind(), registry_api::ErrorKind::InvalidConfig);
    assert_eq!(error.key(), Some("registry.etcd.max-retries"));
    assert_eq!(error.to_string(), text);
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let name = prop_oneof![
        proptest::sample::select(
            &[
                "endpoints",
                "ports",
                "user",
                "password",
                "pin",
                "retryDelay",
                "give-up-after",
                "maxRetries",
                "ratio",
                "verbose",
                "tls",
                "caFile",
                "labels",
                "policy",
                "weighted",
                "fixed",
                "range",
                "signs",
                "even",
            ][..]
        )
        .prop_map(str::to_owned),
        ".{0,6}",
    ];
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|truth| json!(truth)),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,12}".prop_map(|text| json!(text)),
        "[0-9a-z,]{0,6}".prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(|items| json!(items)),
            proptest::collection::btree_map(name.clone(), inner, 0..6).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_survives(text in ".*") {
        let section = json!({"password": text, "new-name": text, "endpoints": [text]});
        let config = read(section);
        prop_assert_eq!(config.password.expose(), &text);
        prop_assert_eq!(config.new_name.unwrap_or_default(), text.clone());
        prop_assert_eq!(&config.endpoints, &[text]);
    }

    #[test]
    fn any_section_is_read_or_refused_in_one_line(section in any_json()) {
        if let Err(refused) = from_value::<Config>(&section, "registry.etcd") {
            prop_assert!(refused.key().is_some_and(|key| key.starts_with("registry.etcd")));
            prop_assert!(!refused.to_string().contains('\n'));
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        drop(from_slice::<Config>(&bytes, "registry.etcd"));
    }

    #[test]
    fn a_secret_never_shows(secret in "[a-z]{6}[0-9]{6}", shape in 0..4) {
        let section = match shape {
            0 => json!({"accessToken": secret}),
            1 => json!({"pin": {"a": secret}}),
            2 => json!({"password": [secret]}),
            _ => json!({"mirror": format!("https://u:{secret}@h/x")}),
        };
        prop_assert!(!refusal::<Config>(section).contains(&secret));
    }
}
