//! The table, for people and as JSON.

use std::{collections::BTreeMap, fmt, path::Path, time::Duration};

use comfy_table::{Table, presets};
use serde_json::json;

use crate::{
    Failure,
    fault::Fault,
    ours::Written,
    servers::{Backend, Servers},
};

/// A fault that was made once.
pub(crate) struct Round {
    pub(crate) ours: Written,
    pub(crate) theirs: Option<Written>,
    /// How long was written: who was without servers for as long did not come back.
    pub(crate) length: Duration,
}

/// A fault on one kind of servers.
pub(crate) struct Row {
    backend: Backend,
    fault: Fault,
    rounds: Vec<Round>,
}

impl Row {
    pub(crate) fn new(backend: Backend, fault: Fault) -> Self {
        Row { backend, fault, rounds: Vec::new() }
    }

    pub(crate) fn add(&mut self, round: Round) {
        self.rounds.push(round);
    }

    fn ours(&self) -> Figures {
        Figures::of(self.rounds.iter().map(|round| (round.ours, round.length)))
    }

    fn theirs(&self) -> Option<Figures> {
        let theirs: Option<Vec<_>> = self.rounds.iter().map(|round| Some((round.theirs?, round.length))).collect();
        theirs.filter(|theirs| !theirs.is_empty()).map(|theirs| Figures::of(theirs.into_iter()))
    }
}

/// How long a client was without its servers.
struct Figures {
    median: Duration,
    longest: Duration,
    failed: u64,
    /// How often it did not come back while it was looked at.
    stayed_away: usize,
}

impl Figures {
    fn of(written: impl Iterator<Item = (Written, Duration)>) -> Self {
        // A client that comes back does so well before the end.
        let away = |(written, length): &(Written, Duration)| written.longest > length.mul_f64(0.7);
        let mut written: Vec<_> = written.collect();
        written.sort_by_key(|(written, _)| written.longest);
        Figures {
            median: written[written.len() / 2].0.longest,
            longest: written[written.len() - 1].0.longest,
            failed: written.iter().map(|(written, _)| written.failed).sum(),
            stayed_away: written.iter().filter(|written| away(written)).count(),
        }
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "median_ms": self.median.as_millis() as u64,
            "longest_ms": self.longest.as_millis() as u64,
            "failed_calls": self.failed,
            "did_not_come_back": self.stayed_away,
        })
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} s (max {:.1} s)", self.median.as_secs_f64(), self.longest.as_secs_f64())?;
        if self.stayed_away > 0 {
            write!(f, ", {} × not back", self.stayed_away)?;
        }
        Ok(())
    }
}

/// All rows and what they were measured on.
pub(crate) struct Report {
    session: Duration,
    versions: BTreeMap<&'static str, String>,
    rows: Vec<Row>,
}

impl Report {
    pub(crate) fn new(session: Duration) -> Self {
        Report { session, versions: BTreeMap::new(), rows: Vec::new() }
    }

    pub(crate) fn version(&mut self, servers: &dyn Servers) -> Result<(), Failure> {
        self.versions.insert(servers.backend().name(), servers.version()?.trim().to_owned());
        Ok(())
    }

    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn write(&self, file: &Path) -> Result<(), Failure> {
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "backend": row.backend.name(),
                    "fault": row.fault.told(),
                    "rounds": row.rounds.len(),
                    "plugin": row.ours().json(),
                    "peer": row.backend.peer_name(),
                    "theirs": row.theirs().map(|theirs| theirs.json()),
                })
            })
            .collect();
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let report = json!({
            "versions": self.versions,
            "session_timeout_s": self.session.as_secs(),
            "rows": rows,
        });
        std::fs::write(file, format!("{report:#}\n"))?;
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(presets::UTF8_BORDERS_ONLY);
        table.set_header(["servers", "fault", "plugin", "failed", "beside it", "", "failed"]);
        for row in &self.rows {
            let (ours, theirs) = (row.ours(), row.theirs());
            let shown = |figure: Option<String>| figure.unwrap_or_else(|| "not measured".to_owned());
            table.add_row([
                row.backend.name().to_owned(),
                row.fault.told().to_owned(),
                ours.to_string(),
                ours.failed.to_string(),
                row.backend.peer_name().to_owned(),
                shown(theirs.as_ref().map(Figures::to_string)),
                shown(theirs.as_ref().map(|theirs| theirs.failed.to_string())),
            ]);
        }
        writeln!(f, "{table}")?;
        for (of, version) in &self.versions {
            writeln!(f, "{of} {version}, three servers")?;
        }
        writeln!(
            f,
            "How long no write succeeded, or until the next had the lock: median over the rounds, longest; calls that failed in all of \
             them. Session timeout {} s.",
            self.session.as_secs()
        )
    }
}
