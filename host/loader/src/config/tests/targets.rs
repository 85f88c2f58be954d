use super::*;

const SEVERAL: &str = "\
registry:
  session-timeout: 20s
targets:
  prod:
    type: etcd
    namespace: p
    etcd: {endpoints: '10.0.0.1:2379'}
  test:
    type: memory
    session-timeout: 7s
";

#[test]
fn a_targets_keys_take_precedence_over_common_ones() {
    let file = Written::yaml(SEVERAL);
    let prod = file.builder().target("prod").build().unwrap();
    assert_eq!(
        (prod.registry_type(), prod.namespace(), prod.session_timeout(&ETCD).unwrap().as_secs()),
        ("etcd", "p", 20)
    );
    let endpoints = prod.section(&ETCD).unwrap().json()["endpoints"].clone();
    assert_eq!(endpoints, "10.0.0.1:2379");
    let test = file.builder().target("test").set("registry.namespace=t").build().unwrap();
    assert_eq!(
        (test.registry_type(), test.namespace(), test.session_timeout(&ETCD).unwrap().as_secs()),
        ("memory", "t", 7)
    );
    let none = file.builder().build().unwrap();
    assert_eq!((none.registry_type(), none.session_timeout(&ETCD).unwrap().as_secs()), ("memory", 20));
    let flat = Written::new("r.properties", "targets.prod.type=etcd\ntargets.prod.etcd.tls.ca-file=/ca.pem\n");
    let prod = flat.builder().target("prod").build().unwrap();
    assert_eq!(prod.section(&ETCD).unwrap().json()["tls"]["ca-file"], "/ca.pem");
}

#[test]
fn an_unknown_target_is_refused_with_the_known_ones() {
    let refused = |builder: SettingsBuilder| builder.build().unwrap_err().to_string();
    let file = Written::yaml(SEVERAL);
    let said = refused(file.builder().target("prid"));
    assert!(said.contains("no target 'prid', did you mean prod?; it has prod, test"), "{said}");
    let only = Written::yaml("targets:\n  prod: {type: etcd}\n  test: etcd\n");
    let said = refused(only.builder());
    assert!(said.contains("only targets; choose one of them: prod, test"), "{said}");
    let said = refused(only.builder().target("test"));
    assert!(said.contains("targets.test") && said.contains(&only.line(3)), "{said}");
    let said = refused(Settings::builder().target("prod"));
    assert!(said.contains("'prod'") && said.contains("file"), "{said}");
}
