//! Java's properties.

use super::*;

fn user(text: &str) -> Option<String> {
    let file = Written::new("application.properties", format!("registry.type=etcd\n{text}"));
    handed(&file.settings(), "/user")
}

#[test]
fn keys_and_values_are_read_as_java_does() {
    for (text, value) in [
        ("registry.etcd.user=a b ", "a b "),
        ("  registry.etcd.user : a", "a"),
        ("registry.etcd.user a", "a"),
        ("registry.etcd.user\t=\ta=b:c", "a=b:c"),
        ("registry.etcd.user=", ""),
        ("registry.etcd.user", ""),
        ("registry.etcd.user=a\\\n   b", "ab"),
        ("registry.etcd.user=a\\\r\n   b", "ab"),
        ("registry.etcd.user=a\\\\\nregistry.etcd.pin=b", "a\\"),
        ("registry.etcd.user=\\u00fc\\ud83d\\ude00 \\t\\q\\:", "\u{fc}\u{1f600} \tq:"),
        ("registry.etcd.\\u0075ser=\u{fc}", "\u{fc}"),
        ("# C:\\users \\\nregistry.etcd.user=a", "a"),
        ("! b\n\n   \nregistry.etcd.user=a", "a"),
        ("registry.etcd.user=a\rregistry.etcd.pin=b", "a"),
        ("registry.etcd.user=a\\", "a"),
    ] {
        assert_eq!(user(text).as_deref(), Some(value), "{text:?}");
    }
}

#[test]
fn a_server_of_dolphinscheduler_reads_unchanged() {
    let file = Written::new(
        "application.properties",
        "spring.application.name=master\nregistry.type=zookeeper\nregistry.zookeeper.namespace=blue\n\
         registry.zookeeper.connect-string=a:2181,\nregistry.zookeeper.retryPolicy.max-retries=5\n\
         registry.zookeeper.session-timeout=30000\n#---\nspring.config.activate.on-profile=red\nregistry.zookeeper.namespace=red\n",
    );
    let settings = file.settings();
    assert_eq!((settings.namespace(), settings.session_timeout(&ETCD).unwrap().as_secs()), ("blue", 30));
    let expected = serde_json::json!({"connect-string": "a:2181,", "retryPolicy": {"max-retries": "5"}});
    assert_eq!(settings.section(&[]).unwrap().json(), &expected);
    assert_eq!(file.builder().profile("red").build().unwrap().namespace(), "red");
}

#[test]
fn lists_are_numbered() {
    let text = "registry.type=etcd\nregistry.etcd.endpoints[1]=b:2\nregistry.etcd.endpoints[0]=a:1\n";
    let section = Written::new("registry.properties", text).settings().section(&ETCD).unwrap();
    assert_eq!(section.json(), &serde_json::json!({"endpoints": ["a:1", "b:2"]}));
    for (text, says) in [
        ("registry.etcd.endpoints[1]=b:2\n", "registry.etcd.endpoints[0]: is missing"),
        ("registry.etcd.endpoints[0]=a\nregistry.etcd.endpoints[0]=b\n", "keep one of the two"),
        ("registry.etcd.endpoints=a\nregistry.etcd.endpoints[0]=b\n", "keep one of the two"),
        ("registry.etcd.user=a\nregistry.etcd.user=b\n", "keep one of the two"),
    ] {
        assert_says(&refusal(Written::new("registry.properties", text).builder()), &[says]);
    }
}

#[test]
fn a_broken_escape_is_refused_by_its_line() {
    for value in ["\\u12", "\\u12x4", "\\ud800", "\\u+123"] {
        let file = Written::new("registry.properties", format!("\nregistry.namespace=hunter2{value}\n"));
        let refused = refusal(file.builder());
        assert_says(&refused, &[&file.line(2), "four hexadecimal digits"]);
        assert!(!refused.contains("hunter2"), "{refused}");
    }
}
