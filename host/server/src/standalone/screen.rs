//! The live table on a terminal, a line for every change elsewhere.

use std::collections::VecDeque;
use std::time::Duration;

use anstyle::AnsiColor;
use registry_host::Settings;
use serde::Serialize;

use super::board::{Board, Change, Row};
use super::server::Server;
use crate::exit::{Done, Failure, OK};
use crate::output::heartbeat::{self, Said};
use crate::output::live::{self, Canvas};
use crate::output::{Format, Output, text};

/// How many of the last changes stand below the table.
const RECENT: usize = 5;

/// Where changes are shown.
pub(super) struct Screen {
    title: String,
    /// Where the table is drawn, on a terminal.
    canvas: Option<Canvas>,
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
        Screen { title, canvas: live.then(Canvas::new), recent: VecDeque::new() }
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
        if self.canvas.is_some() {
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
        let heading = [&["ADDRESS", "STATE", "SEEN BY"], &heartbeat::HEADING[..]].concat();
        let table = board.rows().map(|row| (cells(&row, alive), row.is_well())).collect();
        let title = live::fitting(&self.title, columns);
        let mut lines: Vec<_> = title.into_iter().map(|line| output.faint(line)).collect();
        lines.extend(live::table(&heading, table, columns, output));
        // In no cell of their own, as they would push all others out of sight.
        for (address, cause) in board.stopped() {
            let line = format!("{} was told to stop: {}", text::name(address), text::one_line(&cause.to_string()));
            let stopped = live::fitting(&line, columns).into_iter();
            lines.extend(stopped.map(|line| output.coloured(AnsiColor::Yellow, line)));
        }
        let recent: Vec<_> = self.recent.iter().flat_map(|line| live::fitting(line, columns)).collect();
        let recent = &recent[recent.len().saturating_sub(rows / 3)..];
        live::shorten(&mut lines, rows.saturating_sub(recent.len() + 3));
        lines.push(String::new());
        lines.extend_from_slice(recent);

        self.canvas.as_mut().map_or(Ok(()), |canvas| canvas.draw(lines, output))
    }
}

fn line(change: &Change, after: Duration) -> String {
    let Change { what, address, members, .. } = change;
    let address = text::name(address);
    let line = format!("{:>7.1}s  {what:<9}  {address:<21}  {members} there", after.as_secs_f64());
    match &change.cause {
        Some(cause) => format!("{line}: {}", text::one_line(cause)),
        None => line,
    }
}

#[derive(Serialize)]
struct ChangeObject<'a> {
    event: &'static str,
    address: &'a str,
    members: usize,
    after_ms: u128,
    /// Why it is to stop, or is not normal.
    cause: Option<&'a str>,
    /// What it says, if it has come or gone.
    server: Option<Said<'a>>,
}

fn object(change: &Change, after: Duration) -> ChangeObject<'_> {
    ChangeObject {
        event: change.what,
        address: &change.address,
        members: change.members,
        after_ms: after.as_millis(),
        cause: change.cause.as_deref(),
        server: change.member.as_deref().map(|member| Said::of(Some(member))),
    }
}

/// The last line: the sessions are closed.
pub(super) async fn closed(sessions: usize, after: Duration, output: &mut Output) -> Done {
    let text = format!("{:>7.1}s  closed     {sessions} sessions, their entries are gone", after.as_secs_f64());
    let after = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
    output.line(text, serde_json::json!({"event": "closed", "sessions": sessions, "after_ms": after}))?;
    output.flush().await?;
    Ok(OK)
}

fn cells(row: &Row, alive: usize) -> Vec<String> {
    let mut cells = vec![text::name(&row.address), row.state.clone(), format!("{} of {alive}", row.seen_by)];
    cells.extend(Said::of(row.member.as_deref()).cells(""));
    cells
}
