//! plugins, config, conformance.

use serde_json::{Value, json};

use crate::support::{On, args, bare, file, memory, plugin_dir, program, run};

fn objects(arguments: &[&str]) -> Vec<Value> {
    let ran = run(&mut args(memory(), [&["--output", "json"], arguments].concat()));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{arguments:?}");
    ran.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_plugin_is_listed_and_refused_ones_with_their_reason() {
    let (folder, broken) = file("libregistry_broken.so", "no library");
    let mut command = memory();
    command.arg("--plugin-dir").arg(folder.path()).arg("plugins");
    let ran = run(&mut command);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let text = ran.text();
    let row = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {text}"));
    assert!(row("memory").contains("libregistry_memory.so") && row("memory").ends_with("good"), "{text}");
    assert!(row("etcd").ends_with("good") && row("zookeeper").ends_with("good"), "{text}");
    assert!(row("broken").contains("refused: it is not a shared library"), "{text}");

    let ran = run(command.args(["--output", "json"]));
    let broken = broken.to_str().unwrap();
    let object =
        ran.text().lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).find(|o| o["file"] == broken);
    let object = object.expect("the broken one is listed");
    assert!(
        object["refused"].as_str().unwrap().contains("not a shared library") && object["used"] == false,
        "{object}"
    );
}

#[test]
fn a_plugin_is_shown_with_its_keys() {
    for (plugin, servers, secret) in [("etcd", "endpoints", "password"), ("zookeeper", "connect-string", "digest")] {
        let shown = &objects(&["plugins", "show", plugin])[0];
        assert_eq!((&shown["name"], &shown["licence"]), (&json!(plugin), &json!("Apache-2.0")));
        let keys = shown["keys"].as_array().unwrap();
        let hidden = keys.iter().find(|key| key["name"] == secret).unwrap();
        assert_eq!(hidden["secret"], true);
        let text = run(&mut args(memory(), ["plugins", "show", plugin])).text();
        assert!(text.lines().any(|line| line.starts_with(&format!("registry.{plugin}.{servers} "))), "{text}");
    }
}

#[test]
fn verify_says_what_a_file_is() {
    let good = plugin_dir().join("libregistry_memory.so");
    let ran = run(&mut args(memory(), ["plugins", "verify", good.to_str().unwrap()]));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.text().contains(": good, the plugin memory "), "{ran:?}");
    let (_folder, text) = file("libregistry_text.so", "text");
    let ran = run(&mut args(memory(), ["plugins", "verify", text.to_str().unwrap()]));
    assert_eq!(ran.code, 4);
    assert!(ran.error().starts_with(&format!("{}: ", text.display())), "{}", ran.error());
}

#[test]
fn verify_holds_a_file_to_the_digest_that_is_configured() {
    let good = plugin_dir().join("libregistry_memory.so");
    let pin = format!("registry.plugin-sha256.memory={}", "0".repeat(64));
    let ran = run(&mut args(memory(), ["--set", &pin, "plugins", "verify", good.to_str().unwrap()]));
    assert_eq!(ran.code, 4);
    assert!(ran.error().contains("SHA-256"), "{}", ran.error());
}

#[test]
fn without_any_plugin_the_list_says_where_it_looked() {
    let empty = tempfile::tempdir().unwrap();
    let mut command = bare();
    command.args(["--set", &format!("registry.plugin-dirs={}", empty.path().display()), "plugins"]);
    let ran = run(&mut command);
    assert_eq!(ran.code, 4);
    assert!(ran.error().contains(&empty.path().display().to_string()), "{}", ran.error());
}

#[test]
fn config_check_shows_values_with_sources_without_secrets() {
    let (_folder, path) = file("r.yaml", "registry:\n  type: etcd\n  etcd:\n    user: me\n    password: hunter2\n");
    let mut command = program();
    command.env("REGISTRY_ETCD_RETRY_DELAY", "70ms").arg("--config").arg(&path);
    command.args(["--set", "registry.namespace=mine", "config", "check"]);
    let ran = run(&mut command);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let text = ran.text();
    assert!(!text.contains("hunter2"), "{text}");
    let row = |key: &str| {
        let row =
            text.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap_or_else(|| panic!("{key}: {text}"));
        row.split_whitespace().skip(2).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("registry.etcd.password"), format!("<hidden> # {}:5", path.display()));
    assert_eq!(row("registry.etcd.retry-delay"), "70ms # environment variable REGISTRY_ETCD_RETRY_DELAY");
    assert_eq!(row("registry.namespace"), "mine # --set");
    assert_eq!(row("registry.operation-timeout"), "5s # default");

    let ran = run(command.args(["--output", "json"]));
    let namespace = json!({"key": "registry.namespace", "value": "mine", "source": "--set"});
    assert!(ran.text().lines().any(|line| serde_json::from_str::<Value>(line).unwrap() == namespace), "{}", ran.text());
}

#[test]
fn config_check_refuses_what_the_plugin_would_refuse() {
    // Nothing listens there, and nothing needs to.
    let unreachable =
        ["--set=registry.etcd.endpoints=127.0.0.1:1", "--set=registry.zookeeper.connect-string=127.0.0.1:1"];
    let check =
        |plugin| args(args(memory(), unreachable), [&format!("--set=registry.type={plugin}"), "config", "check"]);
    for plugin in ["etcd", "zookeeper"] {
        assert_eq!(run(&mut check(plugin)).code, 0);
    }
    for (plugin, set, word) in [
        ("etcd", "registry.etcd.endpionts=a:1", "did you mean registry.etcd.endpoints?"),
        ("etcd", "registry.etcd.retry-delay=5", "registry.etcd.retry-delay"),
        ("etcd", "registry.etcd.cert-file=/none.pem", "registry.etcd.cert-file"),
        ("etcd", "registry.zookeeper.conect-string=a:1", "did you mean registry.zookeeper.connect-string?"),
        ("memory", "registry.etcd.retry-delay=5", "registry.etcd.retry-delay"),
        ("etcd", "registry.etcd.tls.cert-file=/x", "registry.etcd.tls.key-file"),
        ("zookeeper", "registry.zookeeper.conect-string=a:1", "did you mean registry.zookeeper.connect-string?"),
        ("zookeeper", "registry.zookeeper.block-until-connected=5", "registry.zookeeper.block-until-connected"),
        ("zookeeper", "registry.zookeeper.tls.cert-file=/x", "registry.zookeeper.tls.key-file"),
    ] {
        let ran = run(check(plugin).args(["--set", set]));
        assert_eq!(ran.code, 2, "{set}: {ran:?}");
        assert!(ran.error().contains(word), "{set}: {}", ran.error());
    }
}

#[test]
fn ignored_keys_and_memory_by_default_are_warned_of() {
    let warned = |command: &mut std::process::Command, parts: &[&str]| {
        let ran = run(command);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(parts.iter().all(|part| ran.stderr.contains(part)) && ran.stderr.contains("WARN"), "{ran:?}");
    };
    let default = ["registry.type is written nowhere"];
    warned(&mut args(program(), ["put", "/a", "x"]), &default);
    warned(&mut args(program(), ["config", "check"]), &default);
    warned(memory().env("REGISTRY_COLOUR", "red").args(["put", "/a", "x"]), &["REGISTRY_COLOUR is passed over"]);
    warned(
        &mut args(memory(), ["--set=registry.other.a=b", "config", "check"]),
        &["registry.other", "no plugin other"],
    );
    let ran = run(&mut args(program(), ["standalone", "--no-page", "--no-tasks", "--for=1ms"]));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "standalone is on memory because it was asked for");
    let (_folder, path) = file("r.yaml", "regsitry:\n  type: etcd\n");
    let ran = run(args(program(), ["get", "/a"]).arg("--config").arg(&path));
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.error().contains("did you mean registry?"), "{ran:?}");
}

#[test]
fn a_variable_that_sets_the_user_is_named() {
    let unreachable =
        args(memory(), ["--set=registry.type=etcd", "--set=registry.etcd.endpoints=127.0.0.1:1", "get", "/a"]);
    let mut half = unreachable;
    let ran = run(half.env("REGISTRY_USER", "somebody"));
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.error().contains("environment variable REGISTRY_USER counts as registry.etcd.user"), "{ran:?}");
}

#[test]
fn the_configuration_file_may_be_named_by_the_environment() {
    let (_folder, path) = file("r.toml", "registry.type = \"etcd\"\n");
    let mut command = program();
    command.env("REGISTRY_CONFIG", &path).args(["config", "check"]);
    assert!(run(&mut command).text().contains("registry.type = etcd"));
    let (_folder, other) = file("r.json", r#"{"registry": {"type": "memory"}}"#);
    command.arg("--config").arg(other);
    assert!(run(&mut command).text().contains("registry.type = memory"));
}

#[test]
fn laws_are_tried_on_the_configured_backend() {
    let ran = run(&mut args(memory(), ["conformance", "--law", "a_value_comes_back_byte_for_byte"]));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let text = ran.text();
    assert!(text.contains("1/1") && text.contains("a_value_comes_back_byte_for_byte  held"), "{text}");
    assert!(text.lines().last().unwrap().contains("1 held, 0 broken"), "{text}");
    for on in On::each() {
        let told = on.objects(&["conformance", "--law", "1.2"]);
        let (summary, laws) = told.split_last().unwrap();
        assert!(laws.iter().all(|law| law["clause"] == "1.2" && law["outcome"] == "held"), "{told:?}");
        assert_eq!(summary["held"], laws.len());
    }
}

#[test]
fn a_law_that_is_not_there_is_wrong_usage() {
    let ran = run(&mut args(memory(), ["conformance", "--law", "a_value_comes_back_byte_for_bite"]));
    assert_eq!(ran.code, 2);
    assert!(ran.error().contains("did you mean a_value_comes_back_byte_for_byte?"), "{}", ran.error());
    assert!(
        run(&mut args(memory(), ["conformance", "--list"])).text().contains("1.2  a_value_comes_back_byte_for_byte\n")
    );
}
