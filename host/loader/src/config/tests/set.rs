use std::time::Duration;

use super::*;
use crate::config::DisconnectStrategy;

#[test]
fn methods_go_before_all_that_is_written() {
    let file = Written::yaml(
        "registry: {type: zookeeper, etcd: {namespace: near, ttl: 7s}, session-timeout: 8s, operation-timeout: 9s}",
    );
    let settings = file
        .builder()
        .environment([("REGISTRY_ETCD_NAMESPACE", "nearer"), ("REGISTRY_OPERATION_TIMEOUT", "10s")])
        .registry_type("etcd")
        .namespace("mine")
        .session_timeout(Duration::from_millis(12_500))
        .operation_timeout(Duration::new(3, 7))
        .disconnect_strategy(DisconnectStrategy::Wait { at_most: Duration::from_secs(90) })
        .build()
        .expect("the configuration is good");
    assert_eq!((settings.registry_type(), settings.namespace()), ("etcd", "mine"));
    assert_eq!(settings.session_timeout(&ETCD).unwrap(), Duration::from_millis(12_500));
    assert_eq!(settings.operation_timeout(), Duration::new(3, 7));
    assert_eq!(settings.disconnect_strategy(), DisconnectStrategy::Wait { at_most: Duration::from_secs(90) });
    assert_eq!(settings.section(&ETCD).unwrap().json(), &serde_json::json!({}));
}

#[test]
fn a_bad_value_is_refused_as_in_a_file() {
    let builder = || Settings::builder().registry_type("etcd");
    let zero = DisconnectStrategy::Wait { at_most: Duration::ZERO };
    for (set, written, method) in [
        (builder().registry_type("Etcd"), "{type: Etcd}", "registry_type"),
        (builder().namespace("/a"), "{type: etcd, etcd: {namespace: /a}}", "namespace"),
        (builder().session_timeout(Duration::ZERO), "{type: etcd, etcd: {session-timeout: 0s}}", "session_timeout"),
        (
            builder().operation_timeout(Duration::MAX),
            "{operation-timeout: 18446744073709551615999999999ns}",
            "operation_timeout",
        ),
        (
            builder().disconnect_strategy(zero),
            "{disconnect-strategy: wait, disconnect-max-wait: 0s}",
            "disconnect_strategy",
        ),
    ] {
        let file = Written::yaml(&format!("registry: {written}"));
        let expected = refusal(file.builder()).replace(&file.line(1), &format!("SettingsBuilder::{method}"));
        assert_eq!(refusal(set), expected);
    }
}
