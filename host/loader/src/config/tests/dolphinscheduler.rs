//! Configurations as a DolphinScheduler server has them.

use super::*;

const ZOOKEEPER: &str = "\
spring:
  profiles:
    active: postgresql
  banner:
    charset: UTF-8
  jackson:
    date-format: \"yyyy-MM-dd HH:mm:ss\"
  datasource:
    url: jdbc:postgresql://db:5432/scheduler
    username: someone
    password: hunter2
  quartz:
    properties:
      org.quartz.threadPool.threadCount: 25
  cloud.discovery.client.composite-indicator.enabled: false

registry:
  type: zookeeper
  zookeeper:
    namespace: dolphinscheduler
    connect-string: zoo1:2181,zoo2:2181
    retry-policy:
      base-sleep-time: 1s
      max-sleep: 3s
      max-retries: 5
    session-timeout: 60s
    connection-timeout: 15s
    block-until-connected: 15s
    digest: ~

master:
  listen-port: 5678
  max-heartbeat-interval: 10s
  server-load-protection:
    enabled: true
    max-system-cpu-usage-percentage-thresholds: 0.8

management:
  endpoints:
    web:
      exposure:
        include: health,metrics
  security:
    exclude: [health,metrics]
  metrics:
    tags:
      application: ${spring.application.name}

# Per profile

---
spring:
  config:
    activate:
      on-profile: mysql
  datasource:
    driver-class-name: com.mysql.cj.jdbc.Driver
registry:
  zookeeper:
    connect-string: other:2181
";

const ETCD_FLAT: &str = "\
registry:
  type: etcd
  endpoints: \"http://etcd0:2379, http://etcd1:2379\"
  namespace: dolphinscheduler
  connection-timeout: 9s
  # of one session
  ttl: 45s
  retry-delay: 60ms
  retry-max-delay: 300ms
  retry-max-duration: 1500ms
  user: \"\"
  password: \"\"
  authority: \"\"
  load-balancer-policy: \"\"
";

#[test]
fn a_server_on_zookeeper_reads_unchanged() {
    let file = Written::new("application.yaml", ZOOKEEPER);
    let settings = file.settings();
    assert_eq!(settings.registry_type(), "zookeeper");
    assert_eq!(settings.namespace(), "dolphinscheduler");
    assert_eq!(settings.session_timeout(&ETCD).unwrap().as_secs(), 60);
    let expected = serde_json::json!({
        "connect-string": "zoo1:2181,zoo2:2181",
        "retry-policy": {"base-sleep-time": "1s", "max-sleep": "3s", "max-retries": "5"},
        "connection-timeout": "15s",
        "block-until-connected": "15s",
    });
    assert_eq!(settings.section(&[]).unwrap().json(), &expected);
    let mysql = file.builder().profile("mysql").build().unwrap();
    assert_eq!(mysql.section(&[]).unwrap().json()["connect-string"], "other:2181");
}

#[test]
fn a_server_on_etcd_with_its_flat_keys_reads_unchanged() {
    let file = Written::new("application.yaml", ETCD_FLAT);
    let settings = file.settings();
    assert_eq!(settings.registry_type(), "etcd");
    assert_eq!(settings.session_timeout(&ETCD).unwrap().as_secs(), 45);
    let expected = serde_json::json!({
        "endpoints": "http://etcd0:2379, http://etcd1:2379",
        "connection-timeout": "9s",
        "retry-delay": "60ms",
        "retry-max-delay": "300ms",
        "retry-max-duration": "1500ms",
        "user": "", "password": "", "authority": "", "load-balancer-policy": "",
    });
    assert_eq!(settings.section(&ETCD).unwrap().json(), &expected);
}

#[test]
fn one_word_changes_the_backend() {
    let memory = Written::new("application.yaml", ZOOKEEPER).builder().set("registry.type=memory").build().unwrap();
    assert_eq!(memory.section(&[key("name")]).unwrap().json(), &serde_json::json!({}));
}
