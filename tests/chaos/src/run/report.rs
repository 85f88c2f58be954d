//! What is told at the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs, io,
    path::Path,
    process::ExitCode,
};

use comfy_table::Table;
use registry_chaos::{
    history::{Event, Nanos, Record},
    judge::{Finding, judge},
    picture::picture,
};

/// How many findings are printed; all of them are in the file.
const SHOWN: usize = 40;

/// Judges, and tells which faults were made and what was found; findings are kept with the history, line by line.
pub(super) fn report(records: &[Record], out: &Path) -> io::Result<ExitCode> {
    let findings = judge(records);
    let begin = records.first().map_or(0, |record| record.at);
    let mut written = String::new();
    for finding in &findings {
        // Writing to a string can't fail.
        let _ = writeln!(written, "{}", serde_json::to_string(finding)?);
    }
    fs::write(out.join("findings.jsonl"), written)?;
    fs::write(out.join("timeline.svg"), picture(records, &findings))?;
    println!("{}", faults(records));
    println!("servers taken over for: {}", taken_over(records));
    if findings.is_empty() {
        println!("{} lines in {}, nothing is wrong", records.len(), out.display());
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}", found(&findings, begin));
    println!("{} lines in {}, {} findings", records.len(), out.display(), findings.len());
    Ok(ExitCode::FAILURE)
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

/// For how many lives of servers others have taken over.
fn taken_over(records: &[Record]) -> usize {
    let done = records.iter().filter_map(|record| match &record.event {
        Event::TookOver { server, done: true, .. } => Some(server),
        _ => None,
    });
    done.collect::<BTreeSet<_>>().len()
}

fn found(findings: &[Finding], begin: Nanos) -> Table {
    let mut table = Table::new();
    table.set_header(["clause", "second", "what"]);
    for finding in findings.iter().take(SHOWN) {
        let second = finding.at.saturating_sub(begin) as f64 / 1e9;
        table.add_row([finding.clause.clone(), format!("{second:.3}"), finding.what.clone()]);
    }
    table
}
