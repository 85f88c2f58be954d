//! The live table on a terminal, a line for every change elsewhere.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use anstyle::AnsiColor;
use registry_host::Settings;
use serde::Serialize;

use super::board::{Board, Change, Member};
use super::server::Server;
use crate::exit::{Done, Failure, OK};
use crate::output::json::EntryObject;
use crate::output::live::{self, Canvas};
use crate::output::{Format, Output, json, table, text};

/// How many of the last changes stand below the table.
const RECENT: usize = 5;

const HEADING: [&str; 9] = ["ADDRESS", "STATE", "SEEN BY", "REPORTED", "CPU", "MEMORY", "LOAD", "PID", "UP"];

/// Where changes are shown.
pub(super) struct Screen {
    title: String,
    live: bool,
    canvas: Canvas,
    recent: VecDeque<String>,
}

impl Screen {
    pub(super) fn new(settings: &Settings, servers: &[Server], output: &Output) -> Self {
        let timeout = servers.first().map(Server::session_timeout).unwrap_or_default();
        let title = format!(
            "{}, namespace '{}', session timeout {}. Ctrl-C ends it.",
            settings.registry_type(),
            settings.namespace(),
            humantime::format_duration(timeout)
        );
        let live = output.format == Format::Text && output.is_terminal();
        Screen { title, live, canvas: Canvas::default(), recent: VecDeque::new() }
    }

    /// Shows a change, or on a terminal merely that time has passed.
    pub(super) async fn show(
        &mut self,
        board: &Board,
        change: Option<&Change>,
        after: Duration,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let line = change.map(|change| line(change, after));
        if self.live {
            self.recent.extend(line);
            let old = self.recent.len().saturating_sub(RECENT);
            self.recent.drain(..old);
            self.draw(board, output)?;
        } else if let (Some(line), Some(change)) = (line, change) {
            output.line(line, object(change, after))?;
        } else {
            return Ok(());
        }
        output.flush().await
    }

    /// Draws the table over the one before.
    fn draw(&mut self, board: &Board, output: &mut Output) -> Result<(), Failure> {
        let (columns, rows) = live::size();
        let alive = board.alive();
        let members: Vec<_> = board.members().collect();
        let table = table::plain(&HEADING, members.iter().map(|member| row(member, alive)).collect());
        // What is longer is broken by the terminal, and could not be drawn over.
        let fitting = |line: &str| line.chars().take(columns.saturating_sub(1)).collect::<String>();
        let mut lines = vec![output.faint(fitting(&self.title))];
        lines.extend(table.iter().enumerate().map(
            |(at, line)| match at.checked_sub(1).and_then(|at| members.get(at)) {
                None => output.bold(fitting(line)),
                Some(member) if member.is_well() => fitting(line),
                Some(_) => output.coloured(AnsiColor::Yellow, fitting(line)),
            },
        ));
        // Neither could what scrolls out of it.
        let room = rows.saturating_sub(self.recent.len() + 3);
        if lines.len() > room {
            let hidden = lines.len() - room;
            lines.truncate(room);
            lines.push(format!("… and {hidden} more"));
        }
        lines.push(String::new());
        lines.extend(self.recent.iter().map(|line| fitting(line)));

        self.canvas.draw(lines, output)
    }
}

fn line(change: &Change, after: Duration) -> String {
    let Change { what, address, members, .. } = change;
    let address = text::escaped(address.as_bytes()).to_string();
    format!("{:>7.1}s  {what:<9}  {address:<21}  {members} there", after.as_secs_f64())
}

#[derive(Serialize)]
struct ChangeObject<'a> {
    event: &'static str,
    address: &'a str,
    members: usize,
    after_ms: u128,
    entry: Option<EntryObject<'a>>,
}

fn object(change: &Change, after: Duration) -> ChangeObject<'_> {
    let Change { what, address, members, entry } = change;
    let entry = entry.as_ref().map(json::entry);
    ChangeObject { event: what, address, members: *members, after_ms: after.as_millis(), entry }
}

/// The last line: the sessions are closed.
pub(super) async fn closed(sessions: usize, after: Duration, output: &mut Output) -> Done {
    let text = format!("{:>7.1}s  closed     {sessions} sessions, their entries are gone", after.as_secs_f64());
    let after = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
    output.line(text, serde_json::json!({"event": "closed", "sessions": sessions, "after_ms": after}))?;
    output.flush().await?;
    Ok(OK)
}

fn row(member: &Member, alive: usize) -> Vec<String> {
    let Member { address, state, report, seen_by } = member;
    let address = text::escaped(address.as_bytes()).to_string();
    let mut row = vec![address, state.clone(), format!("{seen_by} of {alive}")];
    match report {
        Some(report) => row.extend([
            since(&report.reported).map_or_else(unknown, |ago| format!("{:.1}s ago", ago.as_secs_f64())),
            format!("{:.1}%", report.cpu_percent),
            format!("{:.1} MB", report.memory_bytes as f64 / 1e6),
            format!("{:.2}", report.load_1m),
            report.pid.to_string(),
            since(&report.started)
                .map_or_else(unknown, |up| humantime::format_duration(Duration::from_secs(up.as_secs())).to_string()),
        ]),
        None => row.resize_with(HEADING.len(), unknown),
    }
    row
}

fn unknown() -> String {
    "?".to_owned()
}

/// How long ago a moment was that a server wrote down; another machine's clock may be ahead of ours.
fn since(moment: &str) -> Option<Duration> {
    let moment = humantime::parse_rfc3339(moment).ok()?;
    Some(SystemTime::now().duration_since(moment).unwrap_or_default())
}
