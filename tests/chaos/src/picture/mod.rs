//! A history as a picture: who was up, in contact, held what, and where the judge found something, over time.

mod canvas;
mod clients;
mod legend;
mod locks;
mod members;

use svg::Document;

use self::canvas::{Canvas, ROW, TOP};
use crate::{
    history::{Event, Nanos, Record, Who},
    judge::{Finding, facts::Facts},
};

/// How many findings are told in words; all have their line.
const TOLD: usize = 25;

/// Draws a history and what was found in it, as the text of an SVG file.
pub fn picture(history: &[Record], findings: &[Finding]) -> String {
    let facts = Facts::of(history);
    let ends = |record: Option<&&Record>| record.map_or(0, |record| record.at);
    let (from, to) = (ends(facts.records.first()), ends(facts.records.last()));
    let mut canvas = Canvas::new(from, to);
    title(&facts, findings, &mut canvas);
    members::draw(&facts, &mut canvas);
    clients::draw(&facts, &mut canvas);
    locks::draw(&facts, &mut canvas);
    locks::draw_take_overs(&facts, &mut canvas);
    let bottom = canvas.bottom();
    axis(&mut canvas, from, to, bottom);
    marks(&mut canvas, findings, bottom);
    let clients =
        facts.lives.keys().filter_map(|who| if let Who::Client(number, _) = who { Some(number + 1) } else { None });
    legend::draw(&mut canvas, clients.max().unwrap_or(0));
    words(&mut canvas, findings, from);
    let (width, height) = canvas.size();
    let document = Document::new().set("width", width).set("height", height).set("viewBox", (0, 0, width, height));
    document.set("font-family", "sans-serif").set("font-size", 11).add(canvas.into_group()).to_string()
}

fn title(facts: &Facts<'_>, findings: &[Finding], canvas: &mut Canvas) {
    let run = facts.records.iter().find_map(|record| match &record.event {
        Event::Run { backend, seed, members, clients, timeout_ms, .. } => Some(format!(
            "{backend}, {members} members, {clients} clients, sessions of {} s, seed {seed}: ",
            *timeout_ms as f64 / 1000.0
        )),
        _ => None,
    });
    let found = match findings.len() {
        0 => "nothing found".to_owned(),
        1 => "1 finding".to_owned(),
        more => format!("{more} findings"),
    };
    canvas.heading(&format!("{}{found}", run.unwrap_or_default()));
}

/// Seconds since the beginning, with a line for each mark through all rows.
fn axis(canvas: &mut Canvas, from: Nanos, to: Nanos, bottom: f64) {
    const SECOND: Nanos = 1_000_000_000;
    let step = canvas.seconds_between_marks();
    for second in (0..=(to - from) / SECOND).step_by(step) {
        let at = from + second * SECOND;
        canvas.upright(at, TOP - 4.0, bottom, "#dddddd", 1.0, "");
        canvas.label_at(at, TOP - 8.0, &format!("{second} s"), "#555555");
        canvas.label_at(at, bottom + 12.0, &format!("{second} s"), "#555555");
    }
    canvas.skip(ROW);
}

/// A line for each finding, numbered where there is room.
fn marks(canvas: &mut Canvas, findings: &[Finding], bottom: f64) {
    for (number, finding) in findings.iter().enumerate() {
        let what = format!("{}: {}", finding.clause, finding.what);
        canvas.upright(finding.at, TOP - 22.0, bottom, "#d00000", 1.5, &what);
        if number < TOLD {
            canvas.label_at(finding.at, TOP - 24.0, &(number + 1).to_string(), "#d00000");
        }
    }
}

fn words(canvas: &mut Canvas, findings: &[Finding], from: Nanos) {
    for (number, finding) in findings.iter().take(TOLD).enumerate() {
        let seconds = finding.at.saturating_sub(from) as f64 / 1e9;
        canvas.words(&format!("{}. at {seconds:.2} s, {}: {}", number + 1, finding.clause, finding.what), "#d00000");
    }
    if findings.len() > TOLD {
        canvas.words(&format!("and {} more", findings.len() - TOLD), "#d00000");
    }
}

#[cfg(test)]
mod tests;
