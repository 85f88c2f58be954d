use super::*;

const KNOWN: [&str; 4] = ["exec-threads", "max-cpu-load-avg", "groups", "load-protection.enabled"];

#[test]
fn a_section_beside_the_registry_is_read_if_known() {
    let file = Written::yaml(
        "registry.type: etcd\nworker:\n  listen-port: 1234\n  execThreads: 7\n  groups: [a, '${G}']\n  load-protection:\n    enabled: no\n    more: 1\n\
         ---\nworker.max-cpu-load-avg: 3\n---\nspring.profiles: x\nworker: {exec-threads: 9}\n",
    );
    let builder = file.builder().environment([("G", "b")]);
    let section = builder.clone().build().unwrap().section_beside("worker", &KNOWN).unwrap();
    let expected = serde_json::json!({
        "exec-threads": "7", "groups": ["a", "b"], "load-protection": {"enabled": "no"}, "max-cpu-load-avg": "3"
    });
    assert_eq!(section.json(), &expected);
    assert_eq!((section.prefix(), section.near_misses().len()), ("worker", 0));
    let (key, source) = section.origin("worker.groups[1]").unwrap();
    assert_eq!((key.as_str(), source.place().to_string()), ("worker.groups[1]", file.line(5)));
    assert_eq!(
        builder.clone().profile("x").build().unwrap().section_beside("worker", &KNOWN).unwrap().json()["exec-threads"],
        "9"
    );
    assert_eq!(builder.build().unwrap().section_beside("master", &KNOWN).unwrap().json(), &serde_json::json!({}));
}

#[test]
fn the_environment_goes_before_the_file_however_it_is_spelt() {
    let file = Written::yaml("registry.type: etcd\nworker: {exec-threads: 7, load-protection: {enabled: no}}\n");
    for (variable, pointer, value) in [
        ("WORKER_EXEC_THREADS", "/exec-threads", "8"),
        ("WORKER_EXECTHREADS", "/exec-threads", "8"),
        ("WORKER_MAX_CPULOAD_AVG", "/max-cpu-load-avg", "8"),
        ("WORKER_LOADPROTECTION_ENABLED", "/load-protection/enabled", "8"),
        ("WORKER_LOAD_PROTECTION_ENABLED", "/load-protection/enabled", "8"),
        ("MASTER_EXEC_THREADS", "/exec-threads", "7"),
        ("worker_exec_threads", "/exec-threads", "7"),
        ("WORKER_PORT", "/exec-threads", "7"),
    ] {
        let settings = file.builder().environment([(variable, "8")]).build().unwrap();
        assert_eq!(
            settings.section_beside("worker", &KNOWN).unwrap().json().pointer(pointer).unwrap(),
            value,
            "{variable}"
        );
    }
    let settings = file.builder().environment([("WORKER_EXECTHREADS", "8")]).build().unwrap();
    let rows = settings.merged_beside("worker", &KNOWN).unwrap();
    let rows: Vec<_> = rows.iter().map(|row| format!("{} = {} ({})", row.key, row.value, row.source)).collect();
    let expected = [
        "worker.exec-threads = 8 (environment variable WORKER_EXECTHREADS)".to_owned(),
        format!("worker.load-protection.enabled = no ({})", file.line(2)),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn a_near_miss_is_told_and_the_rest_left_alone() {
    let file = Written::yaml(
        "registry.type: etcd\nworker:\n  exec-thread: 7\n  listen-port: 1\n  load-protection: {enabeld: no, max: 1}\n  tenant-auto-create: true\n",
    );
    let section = file.settings().section_beside("worker", &KNOWN).unwrap();
    let [first, second] = section.near_misses() else { panic!("{:?}", section.near_misses()) };
    assert_says(first, &["worker.exec-thread ", &file.line(3), "did you mean worker.exec-threads?"]);
    assert_says(
        second,
        &["worker.load-protection.enabeld ", &file.line(5), "did you mean worker.load-protection.enabled?"],
    );
    let list = Written::yaml("registry.type: etcd\nworker: [1]\n");
    assert_says(
        &list.settings().section_beside("worker", &KNOWN).unwrap_err().to_string(),
        &["worker: must be a map of keys"],
    );
}

#[test]
fn set_takes_precedence_and_unknown_keys_are_named() {
    let file = Written::yaml("registry.type: etcd\nworker: {exec-threads: 7, tenant: x}\n");
    let builder = file.builder().environment([("WORKER_EXEC_THREADS", "8")]);
    let refused = builder.clone().set("worker.exec-threads=9").build().unwrap_err().to_string();
    assert!(refused.starts_with("worker.exec-threads"), "{refused}");
    let builder = builder.beside("worker").set("worker.execThreads=9").set("worker.colour=red");
    let section = builder.clone().build().unwrap().section_beside("worker", &KNOWN).unwrap();
    assert_eq!(section.json(), &serde_json::json!({"exec-threads": "9"}));
    let [tenant, colour] = section.unknown() else { panic!("{:?}", section.unknown()) };
    assert!(tenant.starts_with("worker.tenant") && colour.starts_with("worker.colour (--set)"), "{tenant} {colour}");
    let refused = builder.set("master.x=1").build().unwrap_err().to_string();
    assert!(refused.contains("or below worker"), "{refused}");
}
