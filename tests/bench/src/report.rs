//! The table, for people and as JSON.

use std::{collections::BTreeMap, fmt, path::Path};

use comfy_table::{Table, presets};
use serde_json::json;

use crate::measure::{Failure, Figures, median};

/// One operation, measured through the plugin and directly.
pub(crate) struct Row {
    name: String,
    against: String,
    rounds: Vec<(Figures, Figures)>,
}

impl Row {
    pub(crate) fn new(name: impl Into<String>, against: impl Into<String>) -> Self {
        Row { name: name.into(), against: against.into(), rounds: Vec::new() }
    }

    /// Adds a round: what the plugin took and what the direct way did.
    pub(crate) fn add(&mut self, through: Figures, direct: Figures) {
        self.rounds.push((through, direct));
    }

    fn over(&self, figure: impl Fn(&(Figures, Figures)) -> f64) -> f64 {
        median(self.rounds.iter().map(figure).collect())
    }

    fn latency_ratio(&self) -> f64 {
        self.over(|(through, direct)| through.p50.as_secs_f64() / direct.p50.as_secs_f64())
    }

    fn throughput_ratio(&self) -> f64 {
        self.over(|(through, direct)| through.per_second / direct.per_second)
    }

    fn nanoseconds(&self) -> (f64, f64) {
        (self.over(|(through, _)| through.p50.as_nanos() as f64), self.over(|(_, direct)| direct.p50.as_nanos() as f64))
    }
}

/// All rows and what they were measured on.
#[derive(Default)]
pub(crate) struct Report {
    versions: BTreeMap<String, String>,
    rows: Vec<Row>,
    left_out: Vec<String>,
    figures: Vec<(String, f64, &'static str)>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Report::default()
    }

    pub(crate) fn version(&mut self, of: &str, version: &str) {
        self.versions.insert(of.to_owned(), version.trim().to_owned());
    }

    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Adds what was measured by itself.
    pub(crate) fn figure(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.figures.push((name.into(), value, unit));
    }

    /// Tells of what could have been measured and was not asked for.
    pub(crate) fn leave_out(&mut self, whom: &str) {
        self.left_out.push(whom.to_owned());
    }

    pub(crate) fn write(&self, file: &Path) -> Result<(), Failure> {
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                let (through, direct) = row.nanoseconds();
                json!({
                    "operation": row.name,
                    "against": row.against,
                    "rounds": row.rounds.len(),
                    "latency_ratio": row.latency_ratio(),
                    "throughput_ratio": row.throughput_ratio(),
                    "plugin_ns": through,
                    "direct_ns": direct,
                })
            })
            .collect();
        let figures =
            self.figures.iter().map(|(name, value, unit)| json!({"name": name, "value": value, "unit": unit}));
        let figures: Vec<_> = figures.collect();
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(
            file,
            format!(
                "{:#}\n",
                json!({ "versions": self.versions, "rows": rows, "figures": figures, "left_out": self.left_out })
            ),
        )?;
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(presets::UTF8_BORDERS_ONLY);
        table.set_header(["operation", "against", "latency ÷ direct", "throughput ÷ direct", "plugin", "direct"]);
        for row in &self.rows {
            let (through, direct) = row.nanoseconds();
            table.add_row([
                row.name.clone(),
                row.against.clone(),
                format!("{:.2}", row.latency_ratio()),
                format!("{:.2}", row.throughput_ratio()),
                time(through),
                time(direct),
            ]);
        }
        if !self.rows.is_empty() {
            writeln!(f, "{table}")?;
        }
        if !self.figures.is_empty() {
            let mut table = Table::new();
            table.load_style(presets::UTF8_BORDERS_ONLY);
            table.set_header(["what", "figure"]);
            for (name, value, unit) in &self.figures {
                table.add_row([name.clone(), format!("{value:.1} {unit}").trim_end().to_owned()]);
            }
            writeln!(f, "{table}")?;
        }
        for (of, version) in &self.versions {
            writeln!(f, "{of} {version}")?;
        }
        writeln!(f, "Medians over the rounds; absolute times say more of the machine than of the plugin.")?;
        for whom in &self.left_out {
            writeln!(f, "{whom} was not measured: --peers DIR says where its driver is, as `make bench` does.")?;
        }
        Ok(())
    }
}

fn time(nanoseconds: f64) -> String {
    if nanoseconds < 10_000.0 { format!("{nanoseconds:.0} ns") } else { format!("{:.0} µs", nanoseconds / 1_000.0) }
}
