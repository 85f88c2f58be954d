use super::*;

const SEVERAL: &str = "\
registry:
  type: etcd
  namespace: base
---
spring:
  config:
    activate:
      on-profile: blue
registry:
  namespace: blue
---
spring:
  profiles: green, old
registry.namespace: green
---
spring.config.activate.on-profile: [\"cloud & !blue\", \"(cloud | dark) & blue & night\"]
registry:
  namespace: cloud
";

fn namespace(profiles: &[&str]) -> String {
    let file = Written::yaml(SEVERAL);
    let builder = profiles.iter().fold(file.builder(), |builder, profile| builder.profile(*profile));
    builder.build().unwrap().namespace().to_owned()
}

#[test]
fn documents_of_a_profile_count_only_if_it_is_named() {
    assert_eq!(namespace(&[]), "base");
    assert_eq!(namespace(&["blue"]), "blue");
    assert_eq!(namespace(&["old"]), "green");
    assert_eq!(namespace(&["green"]), "green");
    assert_eq!(namespace(&["Blue"]), "base");
}

#[test]
fn later_documents_go_over_earlier_ones() {
    assert_eq!(namespace(&["green", "blue"]), "green");
    let file = Written::yaml("registry: {namespace: a, type: etcd}\n---\nregistry: {namespace: b}\n");
    assert_eq!(file.settings().namespace(), "b");
    assert_eq!(file.settings().registry_type(), "etcd");
}

#[test]
fn profile_expressions_are_judged() {
    assert_eq!(namespace(&["cloud"]), "cloud");
    assert_eq!(namespace(&["cloud", "blue"]), "blue");
    assert_eq!(namespace(&["dark", "blue", "night"]), "cloud");
}

#[test]
fn the_environment_names_profiles_too() {
    let file = Written::yaml(SEVERAL);
    let settings = file.builder().environment([("SPRING_PROFILES_ACTIVE", "x, blue")]).build().unwrap();
    assert_eq!(settings.namespace(), "blue");
}

#[test]
fn without_a_named_profile_the_default_one_is_active() {
    let file = Written::yaml("spring.config.activate.on-profile: default\nregistry.namespace: d\n");
    assert_eq!(file.settings().namespace(), "d");
    assert_says(&refusal(file.builder().profile("x")), &["only for the Spring profile default", "x is active"]);
    let file = Written::yaml("spring.config.activate.on-profile: '!prod'\nregistry.namespace: d\n");
    assert_eq!(file.settings().namespace(), "d");
}

#[test]
fn an_active_profile_does_not_bind_its_document() {
    let file = Written::yaml("spring:\n  profiles:\n    active: mysql\nregistry:\n  namespace: d\n");
    assert_eq!(file.settings().namespace(), "d");
}

#[test]
fn a_broken_profile_expression_is_refused() {
    for expression in ["a &", "(a", "a)", "!", "a b |", &"(".repeat(5000)] {
        let file = Written::yaml(&format!("a: b\nspring.config.activate.on-profile: '{expression}'\n"));
        let refused = refusal(file.builder().profile("a"));
        assert_says(&refused, &["spring.config.activate.on-profile", "names, with ! & | and ()", &file.line(2)]);
    }
}
