//! What this process has asked of the registry, and what its watches have told, from the figures of `/metrics`.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

/// The figures at one moment.
pub(crate) struct Figures {
    at: Instant,
    calls: BTreeMap<String, Calls>,
    pub(crate) watches: Watches,
}

/// Calls of one operation so far.
#[derive(Clone, Default)]
struct Calls {
    /// How many took no longer than so many seconds, by the limit.
    buckets: Vec<(f64, f64)>,
    count: f64,
    errors: BTreeMap<String, f64>,
}

/// What watches have told.
#[derive(Clone, Copy, Default)]
pub(crate) struct Watches {
    pub(crate) open: f64,
    pub(crate) events: f64,
    pub(crate) resyncs: f64,
}

/// One operation, as it is shown.
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) per_second: f64,
    /// The limits that half, and 99 of 100, stay below; `None` if the longest took longer than any.
    pub(crate) p50: Option<Duration>,
    pub(crate) p99: Option<Duration>,
    pub(crate) errors: BTreeMap<String, f64>,
}

impl Figures {
    /// Reads Prometheus' text format, as far as it is about the registry.
    pub(crate) fn read(text: &str) -> Self {
        let mut figures = Figures { at: Instant::now(), calls: BTreeMap::new(), watches: Watches::default() };
        for (name, labels, value) in text.lines().filter_map(sample) {
            let label = |wanted: &str| labels.iter().find(|(key, _)| *key == wanted).map(|(_, value)| *value);
            match name {
                "registry_watches" => figures.watches.open += value,
                "registry_watch_events_total" => figures.watches.events += value,
                "registry_watch_resyncs_total" => figures.watches.resyncs += value,
                _ => {}
            }
            let Some(operation) = label("operation") else { continue };
            let calls = figures.calls.entry(operation.to_owned()).or_default();
            match name {
                "registry_operation_duration_seconds_bucket" => {
                    let Some(limit) = label("le").and_then(|limit| limit.parse::<f64>().ok()) else { continue };
                    match calls.buckets.iter_mut().find(|(known, _)| *known == limit) {
                        // Of several backends.
                        Some((_, count)) => *count += value,
                        None => calls.buckets.push((limit, value)),
                    }
                }
                "registry_operation_duration_seconds_count" => calls.count += value,
                "registry_operations_total" => {
                    if let Some(result) = label("result").filter(|result| *result != "ok" && value > 0.0) {
                        *calls.errors.entry(result.to_owned()).or_default() += value;
                    }
                }
                _ => {}
            }
        }
        figures
    }

    /// What has been asked since then; operations that nobody has asked for so far are left out.
    pub(crate) fn since(&self, before: &Figures) -> Vec<Operation> {
        let seconds = (self.at - before.at).as_secs_f64().max(0.001);
        let shown = self.calls.iter().filter(|(_, calls)| calls.count > 0.0 || !calls.errors.is_empty());
        let operations = shown.map(|(name, calls)| {
            let earlier = before.calls.get(name).cloned().unwrap_or_default();
            // Without any since then, all that there were say how long they take.
            let of = if calls.count > earlier.count { calls.without(&earlier) } else { calls.clone() };
            Operation {
                name: name.clone(),
                per_second: (calls.count - earlier.count).max(0.0) / seconds,
                p50: of.quantile(0.5),
                p99: of.quantile(0.99),
                errors: calls.errors.clone(),
            }
        });
        operations.collect()
    }
}

impl Calls {
    fn without(&self, earlier: &Calls) -> Calls {
        let count = |limit: f64| earlier.buckets.iter().find(|(of, _)| *of == limit).map_or(0.0, |(_, count)| *count);
        let buckets = self.buckets.iter().map(|(limit, all)| (*limit, all - count(*limit))).collect();
        Calls { buckets, count: self.count - earlier.count, errors: BTreeMap::new() }
    }

    fn quantile(&self, share: f64) -> Option<Duration> {
        let within = self.buckets.iter().filter(|(limit, count)| limit.is_finite() && *count >= share * self.count);
        let limit = within.map(|(limit, _)| *limit).min_by(f64::total_cmp)?;
        Duration::try_from_secs_f64(limit).ok()
    }
}

/// The name of a figure, its labels, and its value.
type Sample<'a> = (&'a str, Vec<(&'a str, &'a str)>, f64);

/// A line such as `name{key="value"} 1`; `None` if it is none.
fn sample(line: &str) -> Option<Sample<'_>> {
    let (of, value) = line.rsplit_once(' ').filter(|_| !line.starts_with('#'))?;
    let value = value.parse().ok()?;
    let Some((name, labels)) = of.split_once('{') else { return Some((of, Vec::new(), value)) };
    // The names of operations, results and backends need no escapes.
    let labels = labels.strip_suffix('}')?.split(',').filter_map(|label| {
        let (key, value) = label.split_once('=')?;
        Some((key, value.trim_matches('"')))
    });
    Some((name, labels.collect(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = r#"# TYPE registry_operations_total counter
registry_operations_total{operation="get",backend="etcd",result="ok"} 10
registry_operation_duration_seconds_bucket{operation="get",backend="etcd",le="0.001"} 10
registry_operation_duration_seconds_bucket{operation="get",backend="etcd",le="0.1"} 10
registry_operation_duration_seconds_bucket{operation="get",backend="etcd",le="+Inf"} 10
registry_operation_duration_seconds_count{operation="get",backend="etcd"} 10
registry_watches{backend="etcd"} 3
"#;

    const AFTER: &str = r#"registry_operations_total{operation="get",backend="etcd",result="ok"} 12
registry_operations_total{operation="get",backend="etcd",result="Timeout"} 1
registry_operation_duration_seconds_bucket{operation="get",backend="etcd",le="0.001"} 11
registry_operation_duration_seconds_bucket{operation="get",backend="etcd",le="0.1"} 12
registry_operation_duration_seconds_bucket{operation="get",backend="etcd",le="+Inf"} 13
registry_operation_duration_seconds_count{operation="get",backend="etcd"} 13
registry_operation_duration_seconds_count{operation="put",backend="etcd"} 0
"#;

    #[test]
    fn operations_since_the_last_look_are_reported_with_errors() {
        let (before, mut after) = (Figures::read(BEFORE), Figures::read(AFTER));
        after.at = before.at + Duration::from_secs(1);
        assert_eq!(before.watches.open, 3.0);
        let [get] = &after.since(&before)[..] else { panic!("one operation") };
        assert_eq!((get.name.as_str(), get.per_second), ("get", 3.0));
        assert_eq!((get.p50, get.p99), (Some(Duration::from_millis(100)), None), "one took longer than any limit");
        assert_eq!(get.errors, BTreeMap::from([("Timeout".to_owned(), 1.0)]));
        let same = before.since(&before);
        assert_eq!((same[0].per_second, same[0].p99), (0.0, Some(Duration::from_millis(1))));
    }
}
