//! `${name:default}`.

use super::*;

const ENVIRONMENT: [(&str, &str); 4] = [("WHO", "env"), ("MY_KEY_A", "relaxed"), ("EMPTY", ""), ("IN", "WH")];

/// A file whose user is this text, with more behind it.
fn with(user: &str, more: &str) -> Written {
    Written::yaml(&format!("registry:\n  type: etcd\n  namespace: blue\n  etcd:\n    user: '{user}'\n{more}"))
}

/// The user that comes of it.
fn user(builder: SettingsBuilder) -> Option<String> {
    handed(&builder.build().unwrap(), "/user")
}

#[test]
fn they_stand_for_what_is_written_elsewhere() {
    for (written, value) in [
        ("${WHO}", "env"),
        ("a-${WHO}-${WHO}-b", "a-env-env-b"),
        ("${NOBODY:me}", "me"),
        ("${NOBODY:}", ""),
        ("${EMPTY:x}", ""),
        ("${NOBODY:http://a:1}", "http://a:1"),
        ("${NOBODY:${WHO}}", "env"),
        ("${NOBODY:${NO.ONE:x}y}", "xy"),
        ("${${IN}O}", "env"),
        ("${my.key-a}", "relaxed"),
        ("${spring.application.name}", "master"),
        ("${spring.applicationName}", "dotted"),
        ("${app.who}", "env"),
        ("${registry.namespace}", "blue"),
        ("${registry.etcd.retry-delay}", "1s"),
        ("${NOBODY:{a}}", "{a}"),
        ("${NOBODY:${NOBODY:me}}", "me"),
        ("\\${WHO}", "${WHO}"),
        ("a\\${b", "a${b"),
        ("\\\\${WHO}", "\\${WHO}"),
        ("$WHO {WHO} $", "$WHO {WHO} $"),
    ] {
        let more = "    retryDelay: 1s\nspring:\n  application: {name: master}\nspring.application-name: dotted\napp: {who: '${WHO}'}\n";
        let file = with(written, more);
        assert_eq!(user(file.builder().environment(ENVIRONMENT)).as_deref(), Some(value), "{written}");
    }
}

#[test]
fn values_come_from_environment_then_layers_then_file() {
    // A key below `registry` is what all layers make of it.
    let file = with("${registry.namespace}", "");
    let environment = file.builder().environment([("REGISTRY_NAMESPACE", "env")]);
    assert_eq!(user(environment.clone()).as_deref(), Some("env"));
    assert_eq!(user(environment.set("registry.namespace=set")).as_deref(), Some("set"));
    // Any other may be a variable, or stand in the file.
    let file = with("${my.key}", "my: {key: file}\n");
    assert_eq!(user(file.builder()).as_deref(), Some("file"));
    assert_eq!(user(file.builder().environment([("MY_KEY", "env")])).as_deref(), Some("env"));
    assert_eq!(user(file.builder().environment([("MY_KEY", "env"), ("my.key", "exact")])).as_deref(), Some("exact"));
    // A later document goes over an earlier one, and one of another profile doesn't count.
    let file = with("${my.key}", "my.key: a\n---\nmy: {key: b}\n---\nspring.profiles: red\nmy.key: c\n");
    assert_eq!(user(file.builder()).as_deref(), Some("b"));
    assert_eq!(user(file.builder().profile("red")).as_deref(), Some("c"));
}

#[test]
fn they_are_read_in_every_layer_at_every_depth() {
    let environment = [("KIND", "etcd"), ("N", "name"), ("T", "7s"), ("D", "/plugins"), ("P", "pw"), ("E", "a:1")];
    let file = Written::yaml(
        "registry:\n  type: ${KIND}\n  namespace: ${N}/x\n  session-timeout: ${T}\n  plugin-dirs: ['${D}', '${N}']\n  user: ${N}\n\
         \x20 tls: {ca-file: '${N}.pem'}\n  etcd:\n    endpoints: ['${E}']\n",
    );
    let environment = environment.into_iter().chain([("REGISTRY_PIN", "${P}")]);
    let builder = file.builder().environment(environment).set("registry.etcd.password=${P}");
    let settings = builder.build().unwrap();
    assert_eq!(
        (settings.registry_type(), settings.namespace(), settings.session_timeout(&ETCD).unwrap().as_secs()),
        ("etcd", "name/x", 7)
    );
    assert_eq!(settings.plugin_dirs(), [PathBuf::from("/plugins"), file.folder.path().join("name")]);
    for (pointer, value) in
        [("/user", "name"), ("/tls/ca-file", "name.pem"), ("/endpoints/0", "a:1"), ("/password", "pw"), ("/pin", "pw")]
    {
        assert_eq!(handed(&settings, pointer).as_deref(), Some(value), "{pointer}");
    }
}

#[test]
fn one_that_stands_for_nothing_is_refused_by_its_name() {
    for (written, says) in [
        ("${NOBODY}", "needs ${NOBODY}, which is written nowhere"),
        ("${NOBODY:${NO.ONE}}", "needs ${NO.ONE}"),
        ("${app.who}", "needs ${app.who}"),
        ("${registry.etcd}", "needs ${registry.etcd}"),
        ("${WHO", "has a ${ without its }"),
        ("${}", "without a name"),
        ("${registry.etcd.user}", "stands for itself"),
        ("${a.a}", "stands for itself: ${a.a} → ${a.b} → ${a.a}"),
    ] {
        let file = with(written, "a: {a: '${a.b}', b: '${a.a}'}\n");
        let refused = refusal(file.builder().environment(ENVIRONMENT));
        assert_says(&refused, &["registry.etcd.user: ", says, &file.line(5)]);
    }
    let refused = refusal(Settings::builder().set("registry.type=${KIND}"));
    assert_says(&refused, &["registry.type: needs ${KIND}", "(--set)"]);
}

#[test]
fn what_is_not_read_is_not_resolved() {
    let file = Written::yaml("registry: {type: etcd, zookeeper: {digest: '${NOBODY}'}}\nother: ${NOBODY}\n");
    assert!(file.settings().section(&ETCD).is_ok());
    let zookeeper = file.builder().set("registry.type=zookeeper");
    assert_says(&refusal(zookeeper), &["registry.zookeeper.digest: needs ${NOBODY}"]);
    let file = Written::yaml("registry: {type: etcd, tls: {ca-file: '${NOBODY}'}}");
    assert_says(&file.settings().section(&ETCD).unwrap_err().to_string(), &["registry.tls.ca-file: needs ${NOBODY}"]);
}

#[test]
fn the_source_is_told_and_a_secret_is_not() {
    let file = Written::yaml(
        "registry:\n  type: etcd\n  namespace: a${N:b}\n  etcd:\n    user: ${DB_PASSWORD}\n    password: ${P}\n    endpoints: ${E},${F:b:1}\n",
    );
    let environment = [("DB_PASSWORD", "hunter2"), ("P", "hunter2"), ("E", "a:1")];
    let settings = file.builder().environment(environment).build().unwrap();
    let rows = settings.merged(&ETCD).unwrap();
    let row = |key: &str| {
        rows.iter().find(|row| row.key == key).map(|row| format!("{} # {}", row.value, row.source)).unwrap()
    };
    assert_eq!(row("registry.namespace"), format!("ab # {}, ${{N}} from its default", file.line(3)));
    let from = "from environment variable";
    assert_eq!(row("registry.etcd.user"), format!("<hidden> # {}, ${{DB_PASSWORD}} {from} DB_PASSWORD", file.line(5)));
    assert_eq!(row("registry.etcd.password"), format!("<hidden> # {}, ${{P}} {from} P", file.line(6)));
    assert_eq!(
        row("registry.etcd.endpoints"),
        format!("a:1,b:1 # {}, ${{E}} {from} E, ${{F}} from its default", file.line(7))
    );
    let timeout =
        Settings::builder().environment([("MY_SECRET", "hunter2")]).set("registry.session-timeout=${MY_SECRET}");
    let refused = refusal(timeout);
    assert_says(&refused, &["registry.session-timeout: <hidden> is not a duration", "${MY_SECRET} from environment"]);
}

#[test]
fn they_can_not_grow_without_bound() {
    let mut many = "x: {a0: aaaaaaaaaa}\n".to_owned();
    for level in 1..25 {
        many += &format!("x.a{level}: '{}'\n", format!("${{x.a{}}}", level - 1).repeat(10));
    }
    assert_says(&refusal(with("${x.a24}", &many).builder()), &["too many placeholders"]);
    let deep = format!("{}x{}", "${a:".repeat(5_000), "}".repeat(5_000));
    assert_says(&refusal(with(&deep, "").builder()), &["too many placeholders"]);
    let long = format!("x: '{}'\n", "a".repeat(20_000));
    assert_says(&refusal(with(&"${x}".repeat(60), &long).builder()), &["more than 1048576 bytes"]);
}
