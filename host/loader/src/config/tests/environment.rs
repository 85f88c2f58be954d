use super::*;

fn with<const N: usize>(variables: [(&str, &str); N]) -> SettingsBuilder {
    Settings::builder().section(CLUSTER).environment(variables)
}

#[test]
fn variables_name_the_hosts_keys_and_the_sections() {
    let settings = with([
        ("REGISTRY_TYPE", "etcd"),
        ("REGISTRY_SESSION_TIMEOUT", "9s"),
        ("REGISTRY_DISCONNECT_STRATEGY", "wait"),
        ("REGISTRY_ETCD_ENDPOINTS", "a:1, b:2"),
        ("REGISTRY_ETCD_RETRY_DELAY", "60ms"),
        ("REGISTRY_ETCD_TLS__CA_FILE", "ca"),
        ("REGISTRY_ETCD__TLS__KEY_FILE", "key"),
        ("PATH", "/bin"),
        ("registry_type", "lower"),
    ])
    .build()
    .unwrap();
    assert_eq!(settings.registry_type(), "etcd");
    assert_eq!(settings.session_timeout(&ETCD).unwrap().as_secs(), 9);
    let expected = serde_json::json!({
        "endpoints": "a:1, b:2", "retry-delay": "60ms", "tls": {"ca-file": "ca", "key-file": "key"}
    });
    assert_eq!(settings.section(&ETCD).unwrap().json(), &expected);
}

#[test]
fn a_section_is_found_by_the_effective_type() {
    let file = Written::yaml("registry: {type: etcd}");
    let variables = [("REGISTRY_ETCD_USER", "e"), ("REGISTRY_MY_STORE_USER", "m")];
    let settings = file.builder().environment(variables).build().unwrap();
    assert_eq!(handed(&settings, "/user").as_deref(), Some("e"));
    let settings = file.builder().environment(variables).set("registry.type=my-store").build().unwrap();
    assert_eq!(handed(&settings, "/user").as_deref(), Some("m"));
}

#[test]
fn plugin_dirs_are_split_like_path_and_added() {
    let variables = [("REGISTRY_PLUGIN_DIRS", "/a::/b,c:")];
    let settings = with(variables).build().unwrap();
    assert_eq!(settings.plugin_dirs()[2..], ["/usr/lib/registry/plugins", "/a", "/b,c"].map(PathBuf::from));
    let file = Written::yaml("registry: {plugin-dirs: [/file]}");
    assert_eq!(file.settings().plugin_dirs(), [PathBuf::from("/file")]);
    let settings = file.builder().environment(variables).build().unwrap();
    assert_eq!(settings.plugin_dirs(), ["/a", "/b,c"].map(PathBuf::from));
    let settings = file.builder().environment(variables).set("registry.plugin-dirs=/s, /t").build().unwrap();
    assert_eq!(settings.plugin_dirs(), ["/s", "/t"].map(PathBuf::from));
}

#[test]
fn digests_nest_below_their_key() {
    let digest = "0F".repeat(32);
    let settings = with([("REGISTRY_PLUGIN_SHA256__ETCD", digest.as_str())]).build().unwrap();
    assert_eq!(settings.plugin_sha256("etcd"), Some(&[0x0f; 32]));
}

#[test]
fn keys_of_the_plugin_may_stand_without_its_type() {
    let settings = with([("REGISTRY_TYPE", "etcd"), ("REGISTRY_ENDPOINTS", "a:1"), ("REGISTRY_TLS__CA_FILE", "ca")])
        .build()
        .unwrap();
    assert_eq!(handed(&settings, "/endpoints").as_deref(), Some("a:1"));
    assert_eq!(handed(&settings, "/tls/ca-file").as_deref(), Some("ca"));
    let section = settings.section(&ETCD).unwrap();
    let (key, source) = section.origin("registry.etcd.endpoints").unwrap();
    assert_eq!(
        (key.as_str(), source.to_string().as_str()),
        ("registry.endpoints", "environment variable REGISTRY_ENDPOINTS")
    );
}

#[test]
fn variables_of_other_programs_are_left_alone() {
    let settings = with([
        ("REGISTRY_TYPE", "etcd"),
        ("REGISTRY_STORAGE", "/var/lib/registry"),
        ("REGISTRY_LOCK_KEY", "/a"),
        ("REGISTRY_LOCK_TOKEN", "7"),
        ("REGISTRY_ZOOKEEPER_CONNECT_STRING", "z:2181"),
        ("REGISTRY_", ""),
    ])
    .build()
    .unwrap();
    assert_eq!(settings.section(&ETCD).unwrap().json(), &serde_json::json!({}));
}

#[test]
fn service_variables_of_kubernetes_are_ignored() {
    // Of services called registry, registry-etcd and registry-cluster.
    let settings = with([
        ("REGISTRY_TYPE", "etcd"),
        ("REGISTRY_SERVICE_HOST", "10.0.0.1"),
        ("REGISTRY_SERVICE_PORT", "5000"),
        ("REGISTRY_PORT", "tcp://10.0.0.1:5000"),
        ("REGISTRY_PORT_5000_TCP", "tcp://10.0.0.1:5000"),
        ("REGISTRY_ETCD_SERVICE_HOST", "fd00::1"),
        ("REGISTRY_ETCD_SERVICE_PORT", "2379"),
        ("REGISTRY_ETCD_SERVICE_PORT_CLIENT", "2379"),
        ("REGISTRY_ETCD_PORT", "tcp://10.0.0.1:2379"),
        ("REGISTRY_ETCD_PORT_2379_TCP", "tcp://10.0.0.1:2379"),
        ("REGISTRY_ETCD_PORT_2379_TCP_PROTO", "tcp"),
        ("REGISTRY_ETCD_PORT_2379_TCP_PORT", "2379"),
        ("REGISTRY_ETCD_PORT_2379_TCP_ADDR", "10.0.0.1"),
        ("REGISTRY_CLUSTER_PORT_53_UDP_ADDR", "10.0.0.1"),
        ("REGISTRY_CLUSTER_PORT", "udp://10.0.0.1:53"),
        ("REGISTRY_ETCD_USER", "u"),
    ])
    .build()
    .unwrap();
    assert_eq!(settings.section(&ETCD).unwrap().json(), &serde_json::json!({"user": "u"}));
    assert_eq!(settings.host_section("cluster").unwrap().json(), &serde_json::json!({}));
    assert_eq!(settings.warnings(&ETCD), Vec::<String>::new());
    // Any other key of such a name is left to the section that it belongs to.
    for (name, value) in [("PORT", "2379"), ("PORT_TCP", "x"), ("PORT_2379_HTTP", "x"), ("SERVICE_PORT_X", "y")] {
        let settings = with([("REGISTRY_TYPE", "etcd"), (&format!("REGISTRY_ETCD_{name}"), value)]).build().unwrap();
        let key = name.to_lowercase().replace('_', "-");
        assert_eq!(settings.section(&ETCD).unwrap().json(), &serde_json::json!({ key: value }), "{name}");
    }
}

#[test]
fn a_slip_in_a_variable_is_refused() {
    for (variable, meant) in [
        ("REGISTRY_TYP", "REGISTRY_TYPE"),
        ("REGISTRY_PLUGIN_DIR", "REGISTRY_PLUGIN_DIRS"),
        ("REGISTRY_ENDPIONTS", "REGISTRY_ENDPOINTS"),
        ("REGISTRY_ECTD_ENDPOINTS", "REGISTRY_ETCD_ENDPOINTS"),
        ("REGISTRY_ECTD_TLS__CA_FILE", "REGISTRY_ETCD_TLS__CA_FILE"),
    ] {
        let settings = with([("REGISTRY_TYPE", "etcd"), (variable, "hunter2")]).build().unwrap();
        let refused = settings.section(&ETCD).unwrap_err().to_string();
        assert_says(&refused, &[variable, &format!("did you mean {meant}?")]);
        assert!(!refused.contains("hunter2"));
    }
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_refused_by_name() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = std::ffi::OsString::from_vec(vec![0xff]);
    let refused = refusal(Settings::builder().environment([("REGISTRY_NAMESPACE", bytes.clone())]));
    assert_says(&refused, &["REGISTRY_NAMESPACE", "UTF-8"]);
    assert!(Settings::builder().environment([("OTHER", bytes)]).build().is_ok());
}
