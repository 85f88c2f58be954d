use super::*;

#[test]
fn a_key_reads_the_same_nested_or_dotted() {
    for text in [
        "registry: {type: etcd, etcd: {tls: {ca-file: a}}}",
        "registry.type: etcd\nregistry.etcd.tls.ca-file: a\n",
        "registry:\n  type: etcd\n  etcd.tls.ca-file: a\n",
        "registry:\n  type: etcd\nregistry.etcd:\n  tls.ca-file: a\n",
        "registry.etcd:\n  tls:\n    ca-file: a\nregistry:\n  type: etcd\n",
    ] {
        assert_eq!(handed(&Written::yaml(text).settings(), "/tls/ca-file").as_deref(), Some("a"), "{text}");
    }
    let toml = Written::new("registry.toml", "registry.type = 'etcd'\n'registry.etcd.tls.ca-file' = 'a'\n");
    assert_says(&refusal(toml.builder().set("registry.namespace=/")), &["registry.namespace"]);
    assert_eq!(handed(&toml.settings(), "/tls/ca-file").as_deref(), Some("a"));
}

#[test]
fn the_hosts_keys_read_the_same_in_camel_case() {
    let digest = "ab".repeat(32);
    let file = Written::yaml(&format!(
        "registry:\n  operationTimeout: 1s\n  sessionTimeout: 2s\n  disconnectStrategy: wait\n  pluginDirs: /p\n  pluginSha256: {{memory: {digest}}}\n"
    ));
    let settings = file.settings();
    assert_eq!(settings.operation_timeout().as_secs(), 1);
    assert_eq!(settings.session_timeout(&ETCD).unwrap().as_secs(), 2);
    assert_eq!(settings.plugin_dirs(), [PathBuf::from("/p")]);
    assert_eq!(settings.plugin_sha256("memory"), Some(&[0xab; 32]));
}

#[test]
fn the_same_key_twice_is_refused_naming_both() {
    for (text, first, second) in [
        (
            "registry:\n  operationTimeout: 1s\n  operation-timeout: 2s\n",
            "registry.operationTimeout",
            "registry.operation-timeout",
        ),
        (
            "registry:\n  type: etcd\n  etcd:\n    retryDelay: 1s\n    retry-delay: 1s\n",
            "registry.etcd.retryDelay",
            "registry.etcd.retry-delay",
        ),
        ("registry.type: a\nregistry:\n  type: b\n", "registry.type", "registry.type"),
        ("registry:\n  type: a\n  type: b\n", "registry.type", "registry.type"),
        ("registry:\n  type: a\nregistry:\n  namespace: b\n", "registry", "registry"),
        ("registry:\n  etcd: x\n  etcd.ttl: 1s\n", "registry.etcd", "registry.etcd.ttl"),
    ] {
        let file = Written::yaml(text);
        let refused = refusal(file.builder());
        assert_says(&refused, &[first, second, "keep one", &format!("{}:", file.path().display())]);
        assert!(refused.matches(&file.path().display().to_string()).count() == 2, "{refused} names both places");
    }
}

#[test]
fn entries_whose_names_are_the_users_own_are_not_renamed() {
    let digest = "ab".repeat(32);
    let file = Written::yaml(&format!("registry: {{plugin-sha256: {{myType: {digest}}}}}"));
    assert_says(&refusal(file.builder()), &["registry.plugin-sha256.myType", "lower-case"]);
    let file = Written::yaml("registry: {type: etcd, etcd: {labels: {myLabel: a, my-label: b, my.label: c}}}");
    let section = file.settings().section(&ETCD).unwrap();
    let expected = serde_json::json!({"labels": {"myLabel": "a", "my-label": "b", "my.label": "c"}});
    assert_eq!(section.json(), &expected);
}

#[test]
fn names_with_empty_parts_are_refused() {
    for name in ["registry..type", "registry.", "registry.etcd."] {
        assert_says(&refusal(Written::yaml(&format!("{name}: x\n")).builder()), &["empty name"]);
    }
}

#[test]
fn what_stands_beside_registry_is_left_alone() {
    let file =
        Written::yaml("spring: {a: 1, a: 2}\nregistry-center: {type: x}\nmaster: [1, 2]\nregistry: {type: etcd}\n");
    assert_eq!(file.settings().registry_type(), "etcd");
}
