//! What is told at the end.

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use comfy_table::Table;
use registry_chaos::history::{Event, Record};

/// Prints which faults were made and what the judge finds.
pub(crate) fn report(records: &[Record], out: &Path) -> ExitCode {
    println!("{}", faults(records));
    let wrong: Vec<_> = records.iter().filter(|r| matches!(r.event, Event::Wrong { .. })).collect();
    for w in &wrong {
        println!("{w:?}");
    }
    println!("{} lines in {}", records.len(), out.display());
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How many faults of each kind were made.
fn faults(records: &[Record]) -> Table {
    let mut counts = BTreeMap::<&str, u32>::new();
    for record in records {
        if let Event::Fault { kind, .. } = &record.event {
            *counts.entry(kind).or_default() += 1;
        }
    }
    let mut table = Table::new();
    table.set_header(["fault", "made"]);
    for (kind, count) in counts {
        table.add_row([kind.to_owned(), count.to_string()]);
    }
    table
}
