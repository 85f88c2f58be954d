use super::*;

#[test]
fn scalars_stay_as_they_are_written_in_every_format() {
    let yaml = Written::yaml(
        "registry:\n  type: etcd\n  namespace: yes\n  etcd:\n    password: 007\n    user: 1.10\n    retry-delay: 0x1F\n    pin: 1_000\n",
    );
    let toml = Written::new(
        "registry.toml",
        "[registry]\ntype = 'etcd'\nnamespace = 'yes'\n[registry.etcd]\npassword = '007'\nuser = 1.10\nretry-delay = 0x1F\npin = 1_000\n",
    );
    let json = Written::new(
        "registry.json",
        r#"{"registry": {"type": "etcd", "namespace": "yes", "etcd": {"password": "007", "user": 1.10, "retry-delay": "0x1F", "pin": "1_000"}}}"#,
    );
    for file in [yaml, toml, json] {
        let settings = file.settings();
        assert_eq!(settings.namespace(), "yes", "{}", file.name);
        for (pointer, text) in [("/password", "007"), ("/user", "1.10"), ("/retry-delay", "0x1F"), ("/pin", "1_000")] {
            assert_eq!(handed(&settings, pointer).as_deref(), Some(text), "{}{pointer}", file.name);
        }
    }
}

#[test]
fn every_format_tells_the_line_of_a_value() {
    let files = [
        Written::yaml("\nregistry:\n  operation-timeout: soon\n"),
        Written::new("registry.toml", "\n[registry]\noperation-timeout = 'soon'\n"),
        Written::new("registry.json", "{\"registry\":\n{\n\"operation-timeout\": \"soon\"}}"),
    ];
    for file in files {
        let expected = format!(
            "registry.operation-timeout: \"soon\" is not a duration; accepted: a number with a unit, such as 60s, 300ms, 1m30s or PT30S, or from 100 on a bare number of milliseconds, up to 365d ({})",
            file.line(3)
        );
        assert_eq!(refusal(file.builder()), expected);
    }
}

#[test]
fn what_is_written_as_nothing_counts_as_not_written() {
    for nothing in ["~", "", "null", "Null", "NULL"] {
        let file =
            Written::yaml(&format!("registry:\n  type: etcd\n  namespace: {nothing}\n  etcd:\n    user: {nothing}\n"));
        assert_eq!(file.settings().namespace(), "dolphinscheduler", "{nothing:?}");
        assert_eq!(handed(&file.settings(), "/user"), None, "{nothing:?}");
    }
    let file = Written::new("registry.json", r#"{"registry": {"namespace": null}}"#);
    assert_eq!(file.settings().namespace(), "dolphinscheduler");
    let file = Written::yaml("registry:\n  namespace: 'null'\n");
    assert_eq!(file.settings().namespace(), "null");
    let file = Written::yaml("registry:\n  namespace: !!str null\n");
    assert_eq!(file.settings().namespace(), "null");
}

#[test]
fn an_empty_section_is_an_empty_configuration() {
    for text in ["registry:\n", "registry: {}\n", "---\n---\nregistry: ~\n"] {
        assert_eq!(Written::yaml(text).settings().registry_type(), "memory", "{text:?}");
    }
    assert_eq!(Written::new("registry.toml", "[registry]\n").settings().registry_type(), "memory");
}

#[test]
fn broken_files_are_refused_by_their_line() {
    for (name, text, line) in [
        ("registry.yaml", "registry:\n  type: [etcd\n", 2),
        ("registry.yaml", "registry:\n\ttype: etcd\n", 2),
        ("registry.yaml", "registry:\n  type: *missing\n", 2),
        ("registry.yaml", "registry:\n  type: !custom etcd\n", 2),
        ("registry.yaml", "registry:\n  ? [a]\n  : b\n", 2),
        ("registry.yaml", "registry: &a\n  etcd: *a\n", 2),
        ("registry.yaml", "- a\n- b\n", 1),
        ("registry.yaml", "hunter2", 1),
        ("registry.toml", "[registry]\ntype = etcd\n", 2),
        ("registry.toml", "[registry]\ntype = 'a'\ntype = 'hunter2'\n", 3),
        ("registry.json", "{\"registry\":\n{\"type\": }}", 2),
        ("registry.json", "[\"hunter2\"]", 1),
        ("registry.json", "\"hunter2\"", 1),
        ("registry.json", "{} {}", 1),
    ] {
        let file = Written::new(name, text);
        let refused = refusal(file.builder());
        let path = file.path().display().to_string();
        let at: usize = refused
            .strip_prefix(&format!("{path}:"))
            .and_then(|rest| rest.split(':').next()?.parse().ok())
            .unwrap_or_else(|| panic!("{refused:?} begins with a line"));
        // A parser may notice one line on.
        assert!(at == line || at == line + 1, "{text:?}: {refused}");
        assert!(!refused.contains("hunter2"), "{refused}");
    }
}

#[test]
fn a_file_of_an_unknown_format_is_refused() {
    let missing = Settings::builder().file("/nowhere/registry.yaml");
    assert_says(&refusal(missing), &["/nowhere/registry.yaml", "can't be read"]);
    let folder = tempfile::tempdir().unwrap();
    let named_yaml = folder.path().join("registry.yaml");
    std::fs::create_dir(&named_yaml).unwrap();
    assert_says(&refusal(Settings::builder().file(&named_yaml)), &["registry.yaml", "is not a file"]);
    for name in ["registry.conf", "registry"] {
        assert_says(
            &refusal(Written::new(name, "").builder()),
            &[name, ".yaml", ".yml", ".properties", ".toml", ".json"],
        );
    }
    let file = Written::new("registry.yaml", b"a: b\nregistry: \xff\n");
    assert_says(&refusal(file.builder()), &["UTF-8", &file.line(2)]);
    let file = Written::new("registry.yaml", vec![b'#'; (1 << 20) + 1]);
    assert_says(&refusal(file.builder()), &["bytes", "at most 1048576"]);
}

#[test]
fn aliases_and_merge_keys_are_followed() {
    let file = Written::yaml(
        "defaults: &defaults {user: shared, retry-delay: 1s}\n\
         more: &more {retry-delay: 9s, pin: 5}\n\
         registry:\n  type: etcd\n  namespace: &name blue\n  etcd:\n    <<: [*defaults, *more]\n    password: *name\n    user: own\n",
    );
    let settings = file.settings();
    for (pointer, text) in [("/user", "own"), ("/retry-delay", "1s"), ("/pin", "5"), ("/password", "blue")] {
        assert_eq!(handed(&settings, pointer).as_deref(), Some(text), "{pointer}");
    }
    let refused = refusal(Written::yaml("registry:\n  <<: etcd\n").builder());
    assert_says(&refused, &["<< takes a map"]);
}

#[test]
fn a_few_aliases_can_not_grow_without_bound() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = vec![format!("*a{}", level - 1); 10].join(", ");
        text += &format!("a{level}: &a{level} [{below}]\n");
    }
    assert_says(&refusal(Written::yaml(&text).builder()), &["more than 20000 values"]);
}

#[test]
fn nesting_has_a_bound_in_every_format() {
    for depth in [100, 10_000] {
        let yaml = Written::yaml(&format!("registry: {}{}", "[".repeat(depth), "]".repeat(depth)));
        let json = Written::new("registry.json", format!("{}{}", "{\"a\":".repeat(depth), "}".repeat(depth)));
        for file in [yaml, json] {
            assert_says(&refusal(file.builder()), &[file.name]);
        }
    }
    let toml = Written::new("registry.toml", format!("a = {}{}", "[".repeat(10_000), "]".repeat(10_000)));
    assert_says(&refusal(toml.builder()), &["registry.toml"]);
}
