//! A file that was named but says nothing of the registry.

use super::*;

#[test]
fn a_file_without_a_registry_section_is_refused() {
    for name in ["registry.yaml", "registry.yml", "registry.toml", "registry.json", "registry.properties"] {
        for text in ["", "\u{feff}", "\n\n"] {
            let refused = refusal(Written::new(name, text).builder());
            assert_says(&refused, &[name, "has no registry section", "registry.type: etcd"]);
        }
    }
    for text in ["# nothing\n", "---\n---\n", "~", "master: {listen-port: 5678}\nregistry-center: {type: x}\n"] {
        assert_says(&refusal(Written::yaml(text).builder()), &["registry.yaml", "has no registry section"]);
    }
    // Whatever else says which registry is meant: what the file was to add is not there.
    let refused = refusal(Written::yaml("").builder().set("registry.type=etcd"));
    assert_says(&refused, &["has no registry section"]);
}

#[test]
fn the_near_name_is_suggested() {
    for (name, text, key, line) in [
        ("registry.yaml", "\nregsitry:\n  type: etcd\n", "regsitry", 3),
        ("registry.yaml", "registery.type: etcd\n", "registery.type", 1),
        ("registry.yaml", "a: b\nregistri: ~\n", "registri", 2),
        ("registry.toml", "\n[regisrty]\ntype = 'etcd'\n", "regisrty", 2),
        ("registry.json", "{\"registy\": {\"type\": \"etcd\"}}", "registy", 1),
        ("registry.properties", "\nregsitry.type=etcd\n", "regsitry.type", 2),
    ] {
        let file = Written::new(name, text);
        assert_says(&refusal(file.builder()), &[&format!("{key}: "), "did you mean registry?", &file.line(line)]);
    }
}

#[test]
fn a_section_that_stands_too_deep_is_named() {
    let file = Written::yaml("spring:\n  a: b\n  registry:\n    type: etcd\n");
    assert_says(&refusal(file.builder()), &["spring.registry: ", "must stand by itself", &file.line(4)]);
}

#[test]
fn documents_of_other_profiles_are_named() {
    let text = "a: b\n---\nspring.config.activate.on-profile: [prod, test]\nregistry: {type: etcd}\n---\n\
                spring: {profiles: old}\nregistry.type: etcd\n---\nspring.profiles: other\n";
    let file = Written::yaml(text);
    let refused = refusal(file.builder());
    let lines = [file.line(3), file.line(6)];
    assert_says(
        &refused,
        &["prod (", "test (", "old (", "none is active", "SPRING_PROFILES_ACTIVE", &lines[0], &lines[1]],
    );
    assert!(!refused.contains("other ("), "{refused}");
    assert_says(&refusal(file.builder().profile("other")), &["other is active"]);
    assert_eq!(file.builder().profile("prod").build().unwrap().registry_type(), "etcd");
}

#[test]
fn names_of_old_releases_are_refused_with_the_new_ones() {
    let file =
        Written::new("zookeeper.properties", "# 1.3\nzookeeper.quorum=a:2181\nzookeeper.dolphinscheduler.root=/d\n");
    assert_says(&refusal(file.builder()), &["zookeeper.quorum: ", "registry.zookeeper.connect-string", &file.line(2)]);
    for (text, key, now) in [
        ("registry.plugin.name=zookeeper\nregistry.servers=a:2181\n", "registry.plugin.name: ", "registry.type"),
        ("registry.servers=a:2181\n", "registry.servers: ", "registry.zookeeper.connect-string"),
        ("registry.session.timeout.ms=30000\n", "registry.session.timeout.ms: ", "registry.session-timeout"),
        ("registry.plugin-name=zookeeper\n", "registry.plugin-name: ", "registry.type"),
        ("registry.max.retries=5\n", "registry.max.retries: ", "registry.zookeeper.retry-policy.max-retries"),
    ] {
        let file = Written::new("registry.properties", text);
        for keys in [&[key_of_memory()][..], &ETCD[..]] {
            let refused = file.settings().section(keys).unwrap_err().to_string();
            assert_says(&refused, &[key, now, "DolphinScheduler 2.0", &file.line(1)]);
        }
    }
    for (variable, now) in [
        ("REGISTRY_PLUGIN_NAME", "REGISTRY_TYPE now"),
        ("REGISTRY_SERVERS", "REGISTRY_ZOOKEEPER_CONNECT_STRING (etcd: REGISTRY_ETCD_ENDPOINTS) now"),
        ("REGISTRY_MAX_SLEEP_MS", "REGISTRY_ZOOKEEPER_RETRY_POLICY__MAX_SLEEP now"),
    ] {
        let settings = Settings::builder().environment([(variable, "zookeeper")]).build().unwrap();
        assert_says(&settings.section(&[key_of_memory()]).unwrap_err().to_string(), &[variable, now]);
    }
    // A backend may have a key of that name.
    let settings = Settings::builder().environment([("REGISTRY_SERVERS", "a")]).build().unwrap();
    assert_eq!(settings.section(&[key("servers")]).unwrap().json(), &serde_json::json!({"servers": "a"}));
    let quorum = Settings::builder().environment([("ZOOKEEPER_QUORUM", "a:2181")]);
    assert_says(&refusal(quorum.clone()), &["ZOOKEEPER_QUORUM", "REGISTRY_ZOOKEEPER_CONNECT_STRING"]);
    assert!(quorum.set("registry.type=etcd").build().is_ok());
}

fn key_of_memory() -> ConfigKey {
    key("name")
}
