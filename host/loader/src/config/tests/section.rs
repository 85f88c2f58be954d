use registry_api::{Error, ErrorKind};

use super::*;

#[test]
fn the_section_takes_precedence_over_flat_keys() {
    let file = Written::yaml(
        "registry:\n  type: etcd\n  endpoints: [a:1, b:2]\n  user: flat\n  tls: {caFile: flat, key-file: flat}\n  etcd:\n    user: near\n    tls: {ca-file: near}\n",
    );
    let section = file.settings().section(&ETCD).unwrap();
    let expected = serde_json::json!({"endpoints": ["a:1", "b:2"], "user": "near", "tls": {"ca-file": "near", "key-file": "flat"}});
    assert_eq!(section.json(), &expected);
    let origin = |key: &str| section.origin(key).map(|(key, source)| format!("{key} {source}"));
    assert_eq!(origin("registry.etcd.endpoints[1]"), Some(format!("registry.endpoints[1] {}", file.line(3))));
    assert_eq!(origin("registry.etcd.user"), Some(format!("registry.etcd.user {}", file.line(7))));
    assert_eq!(origin("registry.etcd.tls.ca-file"), Some(format!("registry.etcd.tls.ca-file {}", file.line(8))));
    assert_eq!(origin("registry.etcd.tls.key-file"), Some(format!("registry.tls.key-file {}", file.line(5))));
    assert_eq!(origin("registry.etcd.none"), None);
    assert_eq!(origin("elsewhere"), None);
}

#[test]
fn what_the_host_reads_is_not_handed_down() {
    let file = Written::yaml(
        "registry:\n  type: etcd\n  ttl: 9s\n  operation-timeout: 1s\n  etcd: {namespace: n, sessionTimeout: 9s, ttl: 9s, user: u}\n",
    );
    assert_eq!(file.settings().section(&ETCD).unwrap().json(), &serde_json::json!({"user": "u"}));
}

#[test]
fn sections_of_other_backends_are_left_alone() {
    let file = Written::yaml("registry: {type: etcd, zookeeper: {connect-string: z}, etcd3: {a: b}, etcd: {user: u}}");
    assert_eq!(file.settings().section(&ETCD).unwrap().json(), &serde_json::json!({"user": "u"}));
    let memory = file.builder().set("registry.type=memory").build().unwrap();
    assert_eq!(memory.section(&[key("name")]).unwrap().json(), &serde_json::json!({}));
}

#[test]
fn an_unknown_flat_key_is_refused_by_the_plugin() {
    let file = Written::yaml("registry: {type: etcd, endpiont: a}");
    assert_eq!(file.settings().section(&ETCD).unwrap().json(), &serde_json::json!({"endpiont": "a"}));
}

#[test]
fn a_slip_in_a_key_of_the_hosts_is_refused() {
    let file = Written::yaml("registry:\n  typ: hunter2\n");
    let refused = file.settings().section(&[key("name")]).unwrap_err().to_string();
    assert_says(&refused, &["registry.typ: ", "did you mean registry.type?", &file.line(2)]);
    assert!(!refused.contains("hunter2"));
    assert!(file.settings().section(&[key("typ")]).is_ok());
}

#[test]
fn a_slip_in_the_sections_name_is_refused() {
    let file = Written::yaml("registry:\n  type: etcd\n  ectd: {user: a}\n");
    let refused = file.settings().section(&ETCD).unwrap_err().to_string();
    assert_says(&refused, &["registry.ectd: ", "did you mean registry.etcd?", &file.line(3)]);
}

#[test]
fn a_plugins_refusal_names_the_users_key_and_line() {
    let file = Written::yaml("registry:\n  type: etcd\n  endpoints: [a, b]\n");
    let section = file.settings().section(&ETCD).unwrap();
    let refused = Error::new(ErrorKind::InvalidConfig, "\"b\" has no port")
        .or_key("registry.etcd.endpoints[1]")
        .or_plugin("etcd")
        .with_cause_text("cause");
    let located = section.locate(refused);
    assert_eq!(located.to_string(), format!("registry.endpoints[1]: \"b\" has no port ({}): cause", file.line(3)));
    assert_eq!(located.plugin(), Some("etcd"));
    let in_text = Error::new(ErrorKind::InvalidConfig, "registry.etcd.endpoints names no server");
    assert_eq!(section.locate(in_text).to_string(), format!("registry.endpoints: names no server ({})", file.line(3)));
    let unwritten = Error::new(ErrorKind::InvalidConfig, "is missing").or_key("registry.etcd.user");
    assert_eq!(section.locate(unwritten).to_string(), "registry.etcd.user: is missing");
    let other = section.locate(Error::new(ErrorKind::Unavailable, "no endpoint answers"));
    assert_eq!(other.to_string(), "no endpoint answers");
}

#[test]
fn a_refusal_of_a_missing_key_names_its_place() {
    let file = Written::yaml("registry:\n  type: etcd\n  tls:\n    ca-file: a\n");
    let refused = Error::new(ErrorKind::InvalidConfig, "is missing").or_key("registry.etcd.tls.key-file");
    let located = file.settings().section(&ETCD).unwrap().locate(refused);
    assert_eq!(located.to_string(), format!("registry.tls.key-file: is missing ({})", file.line(4)));
}

#[test]
fn a_refusal_of_a_hosts_key_names_the_effective_one() {
    let file = Written::yaml("registry:\n  type: etcd\n  session-timeout: 1s\n");
    let refused = Error::new(ErrorKind::InvalidConfig, "registry.etcd.ttl is 1s, at least 2s");
    let located = file.settings().section(&ETCD).unwrap().locate(refused);
    assert_eq!(located.to_string(), format!("registry.session-timeout: is 1s, at least 2s ({})", file.line(3)));
}

#[test]
fn variables_that_may_be_the_cause_are_named() {
    let environment = [("REGISTRY_USER", "somebody"), ("REGISTRY_ETCD_RETRY_DELAY", "1s")];
    let settings = Settings::builder().set("registry.type=etcd").environment(environment).build().unwrap();
    let section = settings.section(&ETCD).unwrap();
    let told = |kind, message: &str| section.locate(Error::new(kind, message)).to_string();
    let cause = "environment variable REGISTRY_USER counts as registry.etcd.user";
    assert_eq!(told(ErrorKind::Unauthenticated, "refused"), format!("refused: {cause}"));
    let half = "registry.etcd.password is not set but registry.etcd.user is; set both or none";
    assert_eq!(told(ErrorKind::InvalidConfig, half), format!("{half}: {cause}"));
    assert_eq!(told(ErrorKind::Unavailable, "no answer"), "no answer");
    assert_eq!(
        told(ErrorKind::InvalidConfig, "registry.etcd.username is not a known key"),
        "registry.etcd.username is not a known key"
    );
    let itself = told(ErrorKind::InvalidConfig, "registry.etcd.user is too long");
    assert_eq!(itself, "registry.user: is too long (environment variable REGISTRY_USER)");
}

#[test]
fn the_section_of_another_backend_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["etcd", "zookeeper", "my_store"] {
        std::fs::write(folder.path().join(format!("libregistry_{name}.so")), "").unwrap();
    }
    let file = Written::yaml(
        "registry:\n  type: etcd\n  user: flat\n  tls: {ca-file: a}\n  zookeeper: {digest: '${D}', namespace: z, session-timeout: 7s}\n  other: {a: b}\n",
    );
    let environment = [("D", "me:pw"), ("REGISTRY_ZOOKEEPER_SYNC_READS", "sync"), ("REGISTRY_MY_STORE_A", "b")];
    let settings = file.builder().plugin_dir(folder.path()).environment(environment).build().unwrap();
    assert_eq!(settings.unselected(&ETCD), ["my-store", "zookeeper"]);
    let zookeeper = settings.of_backend("zookeeper").unwrap();
    assert_eq!(
        (zookeeper.registry_type(), zookeeper.namespace(), zookeeper.session_timeout(&ETCD).unwrap().as_secs()),
        ("zookeeper", "z", 7)
    );
    let section = zookeeper.section(&[key("digest"), key("sync-reads")]).unwrap();
    assert_eq!(section.json(), &serde_json::json!({"digest": "me:pw", "sync-reads": "sync"}));
    let refused =
        section.locate(Error::new(ErrorKind::InvalidConfig, "is not a user").or_key("registry.zookeeper.digest"));
    assert_says(
        &refused.to_string(),
        &["registry.zookeeper.digest: is not a user", &file.line(5), "${D} from environment"],
    );
    let without = file.builder().plugin_dir(folder.path()).build().unwrap();
    assert_says(&without.of_backend("zookeeper").unwrap_err().to_string(), &["needs ${D}"]);
}
