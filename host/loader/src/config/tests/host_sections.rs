use super::*;

#[test]
fn a_section_of_the_hosts_is_nothing_to_the_plugin() {
    let file = Written::yaml("registry:\n  type: etcd\n  cluster:\n    maxHeartbeatInterval: 5s\n");
    let environment = [("REGISTRY_CLUSTER_HOST_WEIGHT", "7"), ("REGISTRY_CLUSTER__HOST_SELECTOR", "random")];
    let settings = file.builder().environment(environment).set("registry.cluster.reserved-memory=1").build().unwrap();
    assert_eq!(settings.section(&ETCD).unwrap().json(), &serde_json::json!({}));
    let section = settings.host_section("cluster").unwrap();
    let wanted = serde_json::json!({
        "maxHeartbeatInterval": "5s", "host-weight": "7", "host-selector": "random", "reserved-memory": "1"
    });
    assert_eq!(section.json(), &wanted);
    let (written, source) = section.origin("registry.cluster.max-heartbeat-interval").unwrap();
    assert_eq!(written, "registry.cluster.maxHeartbeatInterval");
    assert!(source.to_string().ends_with(":4"), "{source}");
    let merged = settings.merged(&ETCD).unwrap();
    assert!(merged.iter().any(|setting| setting.key == "registry.cluster.host-weight" && setting.value == "7"));
}

#[test]
fn a_section_of_the_hosts_is_a_map() {
    let settings = Written::yaml("registry: {type: etcd, cluster: yes}").settings();
    for refused in [settings.section(&ETCD).unwrap_err(), settings.host_section("cluster").unwrap_err()] {
        assert_says(&refused.to_string(), &["registry.cluster", "must be a map of keys"]);
    }
    let slip = Written::yaml("registry: {type: etcd, clutser: {host-weight: 1}}").settings();
    assert_says(&slip.section(&ETCD).unwrap_err().to_string(), &["registry.clutser", "registry.cluster?"]);
    assert_says(
        &refusal(Settings::builder().section(CLUSTER).set("registry.type=cluster")),
        &["registry.type", "such as etcd"],
    );
}

#[test]
fn a_section_that_nobody_registered_is_an_error() {
    let settings = Settings::builder().set("registry.cluster.host-weight=7").build().unwrap();
    assert_says(&settings.host_section("cluster").unwrap_err().to_string(), &["registry.cluster", "not registered"]);
}
