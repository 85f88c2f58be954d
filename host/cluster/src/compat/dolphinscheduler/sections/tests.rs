use super::*;
use crate::{Options, SECTION};

fn settings(text: &str, sets: &[&str]) -> Settings {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("application.yaml");
    std::fs::write(&file, format!("registry: {{type: memory}}\n{text}")).expect("a file");
    let builder = Settings::builder().section(SECTION).file(&file);
    sets.iter().fold(builder, |builder, set| builder.set(*set)).build().expect("the host has nothing against it")
}

/// A master and a worker of different releases, as its files have them.
const BOTH_ROLES: &str = "
master:
  listen-port: 5678
  exec-threads: 10
  host-selector: round_robin
  max-heartbeat-interval: 7s
  max-cpu-load-avg: 0
  reserved-memory: 1.5
  registry-disconnect-strategy: {strategy: waiting, max-waiting-time: 20s}
  worker-load-balancer-configuration-properties:
    type: DYNAMIC_WEIGHTED_ROUND_ROBIN
    dynamic-weight-config-properties: {memory-usage-weight: 30}
worker:
  listen-port: 1234
  tenant-auto-create: true
  heartbeat-interval: 8
  host-weight: 50
  exec-threads: 3
  max-cpu-load-avg: 5
  groups: [default, gpu]
  server-load-protection:
    enabled: true
    max-system-cpu-usage-percentage-thresholds: 0.8
    max-concurrent-workflow-instances: 5
";

#[test]
fn each_role_reads_its_own_section() {
    let options = Options::of(&settings(BOTH_ROLES, &[])).unwrap();
    let (master, worker) = (options.of_role(Role::Master), options.of_role(Role::Worker));
    assert_eq!([&master, &worker].map(|role| role.max_heartbeat_interval.as_secs()), [7, 8]);
    assert_eq!([&master, &worker].map(|role| role.exec_threads), [100, 3], "a master's are of another kind");
    assert_eq!((worker.host_weight, master.host_selector), (50, Selector::DynamicWeightedRoundRobin));
    let processors = crate::gauge::processors() as f64;
    assert_eq!([&master, &worker].map(|role| role.limits().max_cpu_load_avg), [2.0 * processors, 5.0]);
    assert_eq!([&master, &worker].map(|role| role.limits().reserved_memory), [1.5, 0.3]);
    let wait = DisconnectStrategy::Wait { at_most: Duration::from_secs(20) };
    assert_eq!((options.master.disconnect_strategy, options.worker.disconnect_strategy), (Some(wait), None));
    assert_eq!(options.groups(), ["default", "gpu"]);
    let protection = options.worker.load_protection.unwrap();
    assert_eq!((protection.max_cpu_usage, protection.max_memory_usage), (0.8, 0.7));
}

#[test]
fn the_registrys_keys_take_precedence_over_the_roles() {
    let sets = [
        "registry.cluster.max-heartbeat-interval=2s",
        "registry.cluster.max-cpu-load-avg=3",
        "registry.cluster.reserved-memory=0.1",
        "registry.cluster.host-weight=9",
        "registry.cluster.exec-threads=4",
        "registry.cluster.host-selector=random",
        "registry.disconnect-strategy=stop",
    ];
    let options = Options::of(&settings(BOTH_ROLES, &sets)).unwrap();
    for role in Role::ALL.map(|role| options.of_role(role)) {
        assert_eq!(role.max_heartbeat_interval, Duration::from_secs(2));
        assert_eq!((role.limits().max_cpu_load_avg, role.reserved_memory), (3.0, 0.1));
        assert_eq!((role.host_weight, role.exec_threads, role.host_selector), (9, 4, Selector::Random));
    }
    assert_eq!(options.master.disconnect_strategy, None);
}

#[test]
fn a_wrong_value_is_refused_with_key_and_place() {
    for (key, value, says) in [
        ("worker.max-heartbeat-interval", "5", "has no unit"),
        ("worker.heartbeat-interval", "0", "longer than nothing"),
        ("worker.reserved-memory", "-1", "GB"),
        ("worker.exec-threads", "0", "accepted: 1 and more"),
        ("master.host-selector", "best", "lower-weight"),
        ("master.registry-disconnect-strategy.strategy", "panic", "waiting"),
        ("master.registry-disconnect-strategy.max-waiting-time", "0s", "longer than nothing"),
        ("worker.server-load-protection.max-disk-usage-percentage-thresholds", "80", "0 to 1"),
    ] {
        let refused = Options::of(&settings(&format!("{key}: {value}\n"), &[])).expect_err(key).to_string();
        assert!(
            refused.starts_with(key) && refused.contains(says) && refused.contains("application.yaml:2"),
            "{refused}"
        );
    }
}

#[test]
fn a_busy_machine_exceeds_what_is_configured() {
    let options = Options::of(&settings(BOTH_ROLES, &[])).unwrap();
    let protection = options.worker.load_protection.unwrap();
    let mut figures = Figures::default();
    assert!(!protection.is_exceeded(&figures));
    (figures.cpu_usage, figures.memory_usage, figures.disk_usage) = (0.8, 0.7, 0.7);
    assert!(!protection.is_exceeded(&figures));
    assert!(protection.is_exceeded(&Figures { cpu_usage: 0.81, ..figures }));
    assert!(protection.is_exceeded(&Figures { disk_usage: 0.71, ..figures }));
    let off = Options::of(&settings("worker.server-load-protection.enabled: false\n", &[])).unwrap();
    assert_eq!(off.worker.load_protection, None);
}

#[test]
fn what_counts_of_the_sections_is_listed() {
    let written = RoleOptions::written(&settings(BOTH_ROLES, &[])).unwrap();
    let keys: Vec<_> = written.iter().map(|setting| setting.key.as_str()).collect();
    assert!(keys.contains(&"worker.host-weight") && keys.contains(&"worker.groups[1]"), "{keys:?}");
    assert!(!keys.contains(&"worker.listen-port") && !keys.contains(&"master.exec-threads"), "{keys:?}");
}
