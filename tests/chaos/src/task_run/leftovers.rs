//! What the servers leave: it should be nothing.

use std::{fs, path::Path, time::Duration};

use registry_chaos::tasks::Observation;
use registry_host::{Entry, Registry};
use tokio::time::{Instant, sleep};

use super::{notes::Notes, probe, work::RUN};
use crate::run::Failure;

/// How long what was ended last may take to be gone.
const SOON: Duration = Duration::from_secs(20);

/// Waits until nothing is left, but not for long, and writes down what is there then.
pub(super) async fn tell(registry: &Registry, folder: &Path, run: &str, notes: &Notes) -> Result<(), Failure> {
    let until = Instant::now() + SOON;
    loop {
        let mut left = processes(run)?;
        left.extend(results(folder)?);
        left.extend(entries(&listed(registry).await?));
        if left.is_empty() || Instant::now() > until {
            left.into_iter().for_each(|what| notes.add(Observation::Left { what }));
            return Ok(());
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// All entries but those of tasks, which stay.
async fn listed(registry: &Registry) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    for name in registry.children("/").await?.iter().filter(|name| *name != "tasks") {
        entries.extend(registry.list(&format!("/{name}")).await?);
    }
    Ok(entries)
}

/// The processes of the run's tasks.
fn processes(run: &str) -> Result<Vec<String>, Failure> {
    let mark = format!("{RUN}={run}");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let path = entry?.path();
        // It may have ended meanwhile, or be another user's.
        let Ok(environment) = fs::read(path.join("environ")) else { continue };
        if environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()) {
            let command = fs::read(path.join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            found.push(format!("the process {} runs: {}", path.display(), command.trim()));
        }
    }
    Ok(found)
}

/// Results that no record says.
fn results(folder: &Path) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for worker in fs::read_dir(folder)? {
        let spool = worker?.path().join("spool");
        let Ok(files) = fs::read_dir(&spool) else { continue };
        for file in files {
            found.push(format!("the result {} is not recorded", file?.path().display()));
        }
    }
    Ok(found)
}

/// Registrations, locks, and whatever else ends with a session.
fn entries(entries: &[Entry]) -> Vec<String> {
    let left = entries.iter().filter(|entry| entry.is_ephemeral());
    left.map(|entry| format!("the entry {} is there", entry.key)).collect()
}

/// Takes what the commands have written.
pub(super) fn tell_marks(folder: &Path, notes: &Notes) -> Result<(), Failure> {
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        if path.extension().is_some_and(|ending| ending == probe::ENDING) {
            // One that was killed before it wrote anything has run nothing.
            let text = fs::read_to_string(&path)?;
            if !text.trim().is_empty() {
                let mark = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
                notes.add(Observation::Process(mark));
            }
        }
    }
    Ok(())
}
