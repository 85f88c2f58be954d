//! What a plugin says of its configuration, through the boundary (contract 7.3).

use registry_host::{ErrorKind, Registry, Settings, SettingsBuilder};
use registry_test_servers::{Etcd, ZooKeeper};

/// A configuration file, and the plugins beside this test.
struct Written(tempfile::TempDir);

impl Written {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("registry.yaml"), text).expect("the file is written");
        Written(folder)
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("registry.yaml")
    }

    fn settings(&self) -> SettingsBuilder {
        let beside = std::env::current_exe().ok().and_then(|test| test.parent().map(std::path::Path::to_owned));
        Settings::builder().file(self.path()).plugin_dir(beside.expect("the test lies in a folder"))
    }

    async fn refusal(&self) -> String {
        let settings = self.settings().build().expect("the host has nothing against it");
        let error = Registry::open(settings).await.expect_err("the plugin refuses it");
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
        error.to_string()
    }
}

#[tokio::test]
async fn an_unknown_key_is_refused_with_path_and_line() {
    let file = Written::new("registry:\n  type: memory\n  memory:\n    nmae: x\n");
    let refused = file.refusal().await;
    let place = format!("({}:4)", file.path().display());
    for part in ["registry.memory.nmae: ", "did you mean registry.memory.name?", &place] {
        assert!(refused.contains(part), "{refused:?} lacks {part:?}");
    }
}

#[tokio::test]
async fn a_flat_key_is_refused_as_the_user_wrote_it() {
    let file = Written::new("registry:\n  type: memory\n  colour: red\n");
    let refused = file.refusal().await;
    for part in ["registry.colour: ", "accepted: ", "name", &format!("({}:3)", file.path().display())] {
        assert!(refused.contains(part), "{refused:?} lacks {part:?}");
    }
}

#[tokio::test]
async fn a_value_of_the_wrong_kind_is_refused() {
    let file = Written::new("registry:\n  type: memory\n  memory:\n    name: [a, b]\n");
    let refused = file.refusal().await;
    assert!(refused.contains("registry.memory.name: must be a single value, not a list"), "{refused}");
    let file = Written::new("registry.memory.workerThreads: 0\n");
    let refused = file.refusal().await;
    assert!(refused.contains("registry.memory.workerThreads: \"0\" is not accepted"), "{refused}");
}

#[tokio::test]
async fn scalars_reach_the_plugin_as_they_were_written() {
    let text = "registry:\n  type: memory\n  memory:\n    name: 1.10\n    worker-threads: 2\n";
    let first = Registry::open(Written::new(text).settings().build().unwrap()).await.unwrap();
    first.put("/a", "x").await.unwrap();
    // `1.1` would be another tree.
    let other = Written::new("registry.memory.name: 1.1\n").settings().build().unwrap();
    let other = Registry::open(other).await.unwrap();
    assert_eq!(other.get("/a").await.unwrap(), None);
    let same = Written::new("registry.memory.name: '1.10'\n").settings().build().unwrap();
    let same = Registry::open(same).await.unwrap();
    assert!(same.get("/a").await.unwrap().is_some());
}

#[test]
fn every_key_that_a_plugin_documents_is_its_own() {
    let settings = Written::new("registry.type: memory\n").settings().build().unwrap();
    let plugin = registry_host::Plugin::named("memory", settings.plugin_dirs(), None).unwrap();
    let metadata = plugin.metadata();
    let names: Vec<&str> = metadata.keys.iter().map(|key| &*key.name).collect();
    assert_eq!(names, ["name", "worker-threads"]);
    assert!(settings.section(&metadata.keys).is_ok());
}

/// What stands in a DolphinScheduler server's `application.yaml` around its registry.
const AROUND: &str = "
spring:
  banner:
    charset: UTF-8
  datasource:
    url: jdbc:postgresql://db:5432/scheduler
    password: hunter2
master:
  listen-port: 5678
  max-heartbeat-interval: 10s
management:
  endpoints:
    web:
      exposure:
        include: health,metrics
";

/// A file of a DolphinScheduler server, unchanged but for where its servers are.
async fn opens_as_dolphinscheduler_wrote_it(registry_section: String, name: &str, session_seconds: u64) {
    let file = Written::new(&(registry_section + AROUND));
    let registry = Registry::open(file.settings().build().unwrap()).await.unwrap();
    assert_eq!((registry.plugin().name(), registry.session().timeout().as_secs()), (name, session_seconds));
    let key = format!("/nodes/master/{}", file.path().display().to_string().replace(['/', '.'], "-"));
    registry.put(&key, "1").ephemeral().await.unwrap();
    assert!(registry.get(&key).await.unwrap().is_some());
    registry.close().await.unwrap();
}

#[tokio::test]
async fn a_dolphinscheduler_server_on_zookeeper_needs_no_change() {
    // The server grants no more than 40 s.
    let servers = ZooKeeper::shared().unwrap().connect_string();
    let section = format!(
        "registry:
  type: zookeeper
  zookeeper:
    namespace: dolphinscheduler
    connect-string: {servers}
    retry-policy:
      base-sleep-time: 1s
      max-sleep: 3s
      max-retries: 5
    session-timeout: 60s
    connection-timeout: 15s
    block-until-connected: 15s
    digest: ~
"
    );
    opens_as_dolphinscheduler_wrote_it(section, "zookeeper", 40).await;
}

#[tokio::test]
async fn dolphinschedulers_zookeeper_keys_with_digest_need_no_change() {
    let servers = ZooKeeper::shared().unwrap().connect_string();
    let section = format!(
        "registry:
  type: zookeeper
  zookeeper:
    namespace: dolphinscheduler-digest
    connect-string: {servers}
    retry-policy:
      base-sleep-time: 60ms
      max-sleep: 300ms
      max-retries: 5
    session-timeout: 30s
    connection-timeout: 9s
    block-until-connected: 3s
    authorization:
      digest: keeper:secret
"
    );
    opens_as_dolphinscheduler_wrote_it(section, "zookeeper", 30).await;
}

#[tokio::test]
async fn dolphinschedulers_flat_etcd_keys_need_no_change() {
    let endpoint = Etcd::shared().unwrap().endpoint();
    let section = format!(
        "registry:
  type: etcd
  endpoints: \"{endpoint}, {endpoint}\"
  namespace: dolphinscheduler
  connection-timeout: 9s
  ttl: 45s
  retry-delay: 60ms
  retry-max-delay: 300ms
  retry-max-duration: 1500ms
  user: \"\"
  password: \"\"
  authority: \"\"
  load-balancer-policy: \"\"
"
    );
    opens_as_dolphinscheduler_wrote_it(section, "etcd", 45).await;
}
