//! The keys of DolphinScheduler's that mean nothing here, so that its own file makes no noise.

/// What its masters know, of the releases 1.3 to 3.3.
const MASTER: [&str; 17] = [
    "cache",
    "command-fetch-strategy",
    "dispatch-task-number",
    "exec-task-num",
    "failover-interval",
    "fetch-command-num",
    "heartbeat-error-threshold",
    "kill-application-when-task-failover",
    "kill-yarn-job-when-task-failover",
    "logic-task-config",
    "pre-exec-threads",
    "state-wheel-interval",
    "task-commit-interval",
    "task-commit-retry-times",
    "task-logger",
    "worker-group-refresh-interval",
    "workflow-event-bus-fire-thread-count",
];

/// What its workers know.
const WORKER: [&str; 11] = [
    "alert-listen-host",
    "alert-listen-port",
    "fetch-task-num",
    "heartbeat-error-threshold",
    "max-heartbeat-error-threshold",
    "physical-task-config",
    "retry-report-task-status-interval",
    "task-logger",
    "tenant-auto-create",
    "tenant-config",
    "tenant-distributed-user",
];

/// Whether a sentence such as `worker.tenant-config (file): …` is about one of them.
pub(super) fn is_dolphinschedulers(section: &str, sentence: &str) -> bool {
    let known: &[&str] = match section {
        "master" => &MASTER,
        "worker" => &WORKER,
        _ => return false,
    };
    let key = sentence.split([' ', ':']).next().and_then(|path| path.strip_prefix(section)?.strip_prefix('.'));
    let Some(name) = key.and_then(|key| key.split('.').next()) else { return false };
    known.contains(&&*kebab(name))
}

/// `tenantConfig` as `tenant-config`.
fn kebab(name: &str) -> String {
    name.chars().fold(String::with_capacity(name.len() + 4), |mut kebab, letter| {
        if letter.is_ascii_uppercase() {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
        kebab
    })
}
