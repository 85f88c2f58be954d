//! The dashboard asks for metrics that are documented, and what is documented is measured.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::{none_wrong, root};

/// The metrics of the pages' tables, with what is said of each.
fn documented() -> BTreeMap<String, String> {
    let mut metrics = BTreeMap::new();
    for page in ["docs/observing.md", "docs/page.md"] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        // Before it stands who writes which lines of the log.
        let text = text.split_once("## Metrics").map_or(&*text, |(_, after)| after);
        for line in text.lines().filter_map(|line| line.strip_prefix("| `registry_")) {
            let name = line.split(['`', '{']).next().unwrap();
            metrics.entry(format!("registry_{name}")).or_insert_with(String::new).push_str(line);
        }
    }
    metrics
}

/// The words of a query that may be names.
fn words(query: &str) -> impl Iterator<Item = &str> {
    query.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

#[test]
fn the_dashboard_asks_for_what_is_measured() {
    let documented = documented();
    assert!(documented.len() > 15, "the tables are not found: {documented:?}");
    let dashboard = fs::read_to_string(root().join("packaging/grafana/registry.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let (mut wrong, mut asked) = (Vec::new(), 0);
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let query = target["expr"].as_str().unwrap();
            let mut labels = String::from("instance le");
            for metric in words(query).filter(|word| word.starts_with("registry_")) {
                asked += 1;
                let name = metric.trim_end_matches("_bucket").trim_end_matches("_count").trim_end_matches("_sum");
                match documented.get(name) {
                    Some(said) => labels.extend([" ", said]),
                    None => wrong.push(format!("{}: nobody measures {metric}", panel["title"])),
                }
                let is_histogram = documented.get(name).is_some_and(|said| said.contains("histogram"));
                if is_histogram != (name != metric) {
                    wrong.push(format!("{}: {metric} is not a series of that kind", panel["title"]));
                }
            }
            // All but those of the cluster and of tasks have that.
            labels.push_str(" backend");
            let grouped = query.split("by (").skip(1).filter_map(|rest| rest.split(')').next());
            let chosen = query.split('{').skip(1).filter_map(|rest| rest.split(['=', '!']).next());
            let legend = target["legendFormat"].as_str().unwrap().split("{{").skip(1);
            let legend = legend.filter_map(|rest| rest.split("}}").next());
            for label in grouped.flat_map(words).chain(chosen).chain(legend) {
                if !words(&labels).any(|known| known == label) {
                    wrong.push(format!("{}: there is no label {label}", panel["title"]));
                }
            }
        }
    }
    assert!(asked > 15, "the queries are not found");
    none_wrong(wrong);
}

#[test]
fn every_metric_that_is_documented_is_measured_somewhere() {
    let mut sources = String::new();
    gather(&root().join("host"), &mut sources);
    let missing = documented().into_keys().filter(|name| !sources.contains(&format!("!(\"{name}\"")));
    let missing = missing.filter(|name| !sources.contains(&format!("\"{name}\",")));
    none_wrong(missing.map(|name| format!("{name} is nowhere measured")).collect());
}

fn gather(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            gather(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}
