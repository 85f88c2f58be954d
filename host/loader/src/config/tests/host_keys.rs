use super::*;

#[test]
fn the_sections_namespace_and_timeout_take_precedence() {
    let file = Written::yaml(
        "registry:\n  type: zookeeper\n  namespace: general\n  session-timeout: 30s\n  zookeeper: {namespace: near/er, session-timeout: 60s}\n",
    );
    assert_eq!(file.settings().namespace(), "near/er");
    assert_eq!(file.settings().session_timeout(&ETCD).unwrap().as_secs(), 60);
    let memory = file.builder().set("registry.type=memory").build().unwrap();
    assert_eq!(memory.namespace(), "general");
    assert_eq!(memory.session_timeout(&ETCD).unwrap().as_secs(), 30);
}

#[test]
fn etcds_ttl_is_its_session_timeout() {
    for (text, seconds) in [
        ("{type: etcd, etcd: {ttl: 7s}, session-timeout: 9s}", 7),
        ("{type: etcd, ttl: 8s, session-timeout: 9s}", 8),
        ("{type: etcd, etcd: {ttl: 7s, session-timeout: 6s}, ttl: 8s}", 6),
        ("{type: memory, session-timeout: 9s}", 9),
    ] {
        let settings = Written::yaml(&format!("registry: {text}")).settings();
        assert_eq!(settings.session_timeout(&ETCD).unwrap().as_secs(), seconds, "{text}");
        assert_eq!(settings.section(&ETCD).unwrap().json(), &serde_json::json!({}), "{text}");
    }
    let environment = [("REGISTRY_TYPE", "etcd"), ("REGISTRY_TTL", "5s")];
    assert_eq!(
        Settings::builder().environment(environment).build().unwrap().session_timeout(&ETCD).unwrap().as_secs(),
        5
    );
    let memory = Written::yaml("registry: {ttl: 5s}").settings();
    assert_eq!(memory.section(&[]).unwrap().json(), &serde_json::json!({"ttl": "5s"}));
}

#[test]
fn a_namespace_is_segments_joined_by_slashes() {
    for namespace in ["", "a", "a/b", "ä/…", "a b", "1.10"] {
        let settings = Settings::builder().set_value("registry.namespace", namespace).build().unwrap();
        assert_eq!(settings.namespace(), namespace);
    }
    for namespace in ["/", "/a", "a/", "a//b", "a/../b", ".", "a\nb", &"a".repeat(16_385), &["a"; 33].join("/")] {
        let refused = refusal(Settings::builder().set_value("registry.namespace", namespace));
        assert_says(&refused, &["registry.namespace", "namespace", "(--set)"]);
        assert!(refused.len() < 400, "{refused}");
    }
}

#[test]
fn bad_values_of_the_hosts_keys_are_refused() {
    for (key, value, says) in [
        ("registry.type", "Etcd", "lower-case"),
        ("registry.type", "../evil", "lower-case"),
        ("registry.type", "", "such as etcd"),
        ("registry.type", "namespace", "not a registry type"),
        ("registry.disconnect-strategy", "panic", "stop, wait"),
        ("registry.disconnect-grace", "5", "has no unit"),
        ("registry.disconnect-max-wait", "0s", "longer than nothing"),
        ("registry.operation-timeout", "5", "has no unit"),
        ("registry.operation-timeout", "0s", "longer than nothing"),
        ("registry.session-timeout", "1M", "not a duration"),
        ("registry.session-timeout", "400d", "up to 365d"),
        ("registry.plugin-sha256.etcd", "abc", "64 hexadecimal digits"),
        ("registry.plugin-sha256.Etcd", &"ab".repeat(32), "lower-case"),
        ("registry.plugin-sha256", "abc", "map from a type"),
        ("registry.plugin-dirs", "/a,,/b", "empty directory"),
    ] {
        let refused = refusal(Settings::builder().set_value(key, value));
        assert_says(&refused, &[&format!("{key}: "), says, "(--set)"]);
    }
}

#[test]
fn a_value_of_the_wrong_shape_is_refused() {
    for (text, key, says) in [
        ("{type: [etcd]}", "registry.type", "not a list"),
        ("{type: {name: etcd}}", "registry.type", "not a map"),
        ("{operation-timeout: [5s]}", "registry.operation-timeout", "not a list"),
        ("{type: etcd, etcd: a}", "registry.etcd", "map of keys"),
        ("{type: etcd, etcd: [a]}", "registry.etcd", "map of keys"),
        ("{plugin-dirs: {a: b}}", "registry.plugin-dirs", "list of directories"),
        ("{plugin-dirs: [[a]]}", "registry.plugin-dirs", "list of directories"),
        ("{plugin-sha256: {etcd: [a]}}", "registry.plugin-sha256.etcd", "not a list"),
        ("etcd", "registry", "map of keys"),
    ] {
        let file = Written::yaml(&format!("registry: {text}"));
        assert_says(&refusal(file.builder()), &[&format!("{key}: "), says, &file.line(1)]);
    }
}

#[test]
fn relative_directories_start_from_the_file() {
    let file = Written::yaml("registry: {plugin-dirs: [plugins, /abs]}");
    let folder = file.folder.path();
    assert_eq!(file.settings().plugin_dirs(), [folder.join("plugins"), PathBuf::from("/abs")]);
    assert_eq!(file.settings().base(), folder);
    assert_eq!(Settings::builder().build().unwrap().base(), std::env::current_dir().unwrap());
}

#[test]
fn directories_of_the_command_line_come_first() {
    let file = Written::yaml("registry: {plugin-dirs: [/file]}");
    let settings = file.builder().plugin_dir("/first").plugin_dir("/second").build().unwrap();
    assert_eq!(settings.plugin_dirs(), ["/first", "/second", "/file"].map(PathBuf::from));
}
