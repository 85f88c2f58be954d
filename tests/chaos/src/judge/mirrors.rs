//! The last state always arrives: when all is quiet a watch has told the tree exactly as it is read (5.3, 5.4).

use std::collections::BTreeMap;

use super::{
    Finding,
    facts::Facts,
    watches::{Covered, covered},
};
use crate::history::{Event, Leaf};

/// How many differences of one watch are told.
const TOLD: usize = 3;

pub(super) fn judge(facts: &Facts<'_>) -> Vec<Finding> {
    let covered = covered(facts);
    let mut findings = Vec::new();
    for &record in &facts.records {
        let Event::Mirror { watch, tree: told } = &record.event else { continue };
        // Entries may go with their sessions between one client's reading and another's.
        let own = facts.tree_of(|who| who == record.who);
        let Some((line, tree)) = own.or_else(|| facts.tree_of_clients()) else { continue };
        // One whose beginning is not told covers who knows what.
        let Some(watched) = covered.get(&(record.who, *watch)) else { continue };
        let differences = differences(by_key(tree, watched), by_key(told, watched));
        if !differences.is_empty() {
            let more = differences.len().saturating_sub(TOLD);
            let more = if more == 0 { String::new() } else { format!("; and {more} more") };
            let what = format!(
                "watch {watch} of {}: {}{more}",
                watched.key,
                differences[..differences.len().min(TOLD)].join("; ")
            );
            // Trees can be large: the line that began the watch says enough.
            let begun = facts.records.iter().find(|begun| begun.who == record.who && begins(&begun.event, *watch));
            let mut finding = Finding::new("5.4", what, begun.copied());
            (finding.at, finding.who) = (line.at.max(record.at), vec![record.who]);
            findings.push(finding);
        }
    }
    findings
}

fn begins(event: &Event, watch: u32) -> bool {
    matches!(event, Event::Called { action: crate::history::Action::Watch { watch: begun, .. }, .. } if *begun == watch)
}

fn by_key<'t>(tree: &'t [Leaf], watched: &Covered<'_>) -> BTreeMap<&'t str, &'t Leaf> {
    let covered = tree.iter().filter(|leaf| watched.covers(&leaf.key));
    covered.map(|leaf| (leaf.key.as_str(), leaf)).collect()
}

fn differences(mut read: BTreeMap<&str, &Leaf>, told: BTreeMap<&str, &Leaf>) -> Vec<String> {
    let mut differences = Vec::new();
    for (key, told) in told {
        match read.remove(key) {
            None => differences.push(format!("it tells of {key}, which is not there")),
            Some(read) if read != told => differences.push(format!("it tells {told:?}, read is {read:?}")),
            Some(_) => {}
        }
    }
    differences.extend(read.into_keys().map(|key| format!("it does not tell of {key}, which is there")));
    differences
}
