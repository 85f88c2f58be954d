use super::*;

fn warnings(builder: SettingsBuilder) -> Vec<String> {
    builder.build().unwrap().warnings(&ETCD)
}

fn assert_warns(builder: SettingsBuilder, parts: &[&str]) {
    let warnings = warnings(builder);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_says(&warnings[0], parts);
}

#[test]
fn memory_by_default_is_warned_of() {
    for builder in [Settings::builder(), Written::yaml("registry: {namespace: a}").builder()] {
        assert_warns(builder.clone(), &["registry.type", "memory of this process"]);
        assert_eq!(warnings(builder.clone().set("registry.type=memory")), Vec::<String>::new());
        assert_eq!(warnings(builder.clone().environment([("REGISTRY_TYPE", "memory")])), Vec::<String>::new());
        let asked = builder.default_type("memory").build().unwrap();
        assert_eq!((asked.registry_type(), asked.warnings(&ETCD)), ("memory", Vec::new()));
    }
    let other = Settings::builder().default_type("etcd");
    assert_eq!(other.clone().build().unwrap().registry_type(), "etcd");
    assert_eq!(other.set("registry.type=memory").build().unwrap().registry_type(), "memory");
    assert_says(&refusal(Settings::builder().default_type("Etcd")), &["registry.type", "lower-case"]);
}

#[test]
fn a_section_with_a_similar_name_is_warned_of() {
    let file = Written::yaml("registry: {type: etcd}\nregsitry:\n  etcd: {user: hunter2}\nregistry-center: {a: b}\n");
    assert_warns(file.builder(), &["regsitry", &file.line(3), "did you mean registry?"]);
    let file = Written::yaml("registry:\n  type: etcd\n  etdc3:\n    user: hunter2\n");
    assert_warns(file.builder(), &["registry.etdc3", &file.line(4), "no plugin etdc3 is installed"]);
}

#[test]
fn sections_and_variables_of_installed_plugins_are_not_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["your_store", "my_store"] {
        std::fs::write(folder.path().join(format!("libregistry_{name}.so")), "").unwrap();
    }
    let file = Written::yaml("registry: {type: etcd, your-store: {digest: a}, my-store: {user: b}}");
    let variables = [("REGISTRY_YOUR_STORE_DIGEST", "a"), ("REGISTRY_MY_STORE_USER", "b")];
    let builder = file.builder().environment(variables);
    assert_eq!(warnings(builder.clone().plugin_dir(folder.path())), Vec::<String>::new());
    assert_eq!(warnings(builder).len(), 4);
}

#[test]
fn variables_with_similar_names_are_warned_of() {
    for (variable, says) in [
        ("REGISTRY_COLOUR", "names no key"),
        ("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "names no key"),
        ("registry_type", "did you mean REGISTRY_TYPE?"),
        ("registry.etcd.user", "did you mean REGISTRY_ETCD_USER?"),
        ("Registry_Etcd_User", "did you mean REGISTRY_ETCD_USER?"),
        ("REGSITRY_TYPE", "did you mean REGISTRY_TYPE?"),
        ("REGISTERY_ETCD_USER", "did you mean REGISTRY_ETCD_USER?"),
    ] {
        let builder = Settings::builder().set("registry.type=etcd").environment([(variable, "hunter2")]);
        assert_warns(builder.clone(), &["environment variable", variable, says]);
        assert!(!warnings(builder)[0].contains("hunter2"));
    }
    let let_through =
        ["REGISTRY_CONFIG", "REGISTRY_LOCK_KEY", "REGISTER_X", "REGISTRY", "registries_x", "MY_REGISTRY_TYPE"];
    let environment = let_through.map(|name| (name, "x"));
    assert_eq!(warnings(Settings::builder().set("registry.type=etcd").environment(environment)), Vec::<String>::new());
}
