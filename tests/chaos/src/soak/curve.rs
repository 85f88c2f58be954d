//! What was held in the course of a day, drawn.

use svg::{
    Document,
    node::element::{Group, Line, Polyline, Rectangle, Text},
};

use super::{Sample, sample::Of};

const WIDTH: f64 = 900.0;
const LEFT: f64 = 90.0;
const PANEL: f64 = 150.0;
const GAP: f64 = 45.0;
const TOP: f64 = 60.0;

/// Draws the samples as the text of an SVG file: a curve each for memory, descriptors, threads and sessions, over
/// hours.
pub(super) fn draw(title: &str, samples: &[Sample]) -> String {
    let panels: [(&str, &str, Of); 4] = [
        ("memory, KiB", "#4e79a7", |sample| sample.resident_kb),
        ("descriptors", "#f28e2b", |sample| sample.descriptors),
        ("threads", "#59a14f", |sample| sample.threads),
        ("sessions at the server", "#b07aa1", |sample| sample.sessions.unwrap_or(0)),
    ];
    let height = TOP + panels.len() as f64 * (PANEL + GAP);
    let mut picture = Group::new()
        .add(Rectangle::new().set("width", WIDTH).set("height", height).set("fill", "#ffffff"))
        .add(Text::new(title).set("x", 10).set("y", 22).set("font-size", 16));
    for (number, (name, colour, of)) in panels.into_iter().enumerate() {
        let top = TOP + number as f64 * (PANEL + GAP);
        picture = picture.add(panel(name, colour, top, samples, of));
    }
    let document = Document::new().set("width", WIDTH).set("height", height).set("viewBox", (0, 0, WIDTH, height));
    document.set("font-family", "sans-serif").set("font-size", 11).add(picture).to_string()
}

/// A curve from nothing up to the highest.
fn panel(name: &str, colour: &str, top: f64, samples: &[Sample], of: Of) -> Group {
    let most = samples.iter().map(of).max().unwrap_or(0).max(1) as f64;
    let end = samples.last().map_or(1, |sample| sample.minute).max(1) as f64;
    let x = |minute: f64| LEFT + minute / end * (WIDTH - LEFT - 30.0);
    let y = |value: f64| top + PANEL * (1.0 - value / most);
    let mut panel = Group::new().add(Text::new(name).set("x", LEFT).set("y", top - 8.0).set("fill", colour));
    for part in [0.0, 0.5, 1.0] {
        let at = y(most * part);
        let line = Line::new().set("x1", LEFT).set("x2", WIDTH - 30.0).set("y1", at).set("y2", at);
        let number = Text::new(format!("{:.0}", most * part)).set("x", LEFT - 8.0).set("y", at + 4.0);
        panel = panel.add(line.set("stroke", "#dddddd")).add(number.set("text-anchor", "end"));
    }
    let hours = end / 60.0;
    for eighth in 0..=8 {
        let part = f64::from(eighth) / 8.0;
        let label = Text::new(format!("{:.1} h", hours * part)).set("x", x(end * part)).set("y", top + PANEL + 14.0);
        panel = panel.add(label.set("text-anchor", "middle").set("fill", "#555555"));
    }
    let points: Vec<_> =
        samples.iter().map(|sample| format!("{:.1},{:.1}", x(sample.minute as f64), y(of(sample) as f64))).collect();
    panel.add(
        Polyline::new()
            .set("points", points.join(" "))
            .set("fill", "none")
            .set("stroke", colour)
            .set("stroke-width", 2),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_drawn_with_what_was_held() {
        let sample =
            |minute, descriptors| Sample { minute, resident_kb: 4_000, descriptors, threads: 7, sessions: Some(4) };
        let drawn = draw("a day", &[sample(0, 10), sample(720, 20), sample(1_440, 40)]);
        for words in
            ["a day", "memory, KiB", "4000", "descriptors", "40", "threads", "sessions at the server", "24.0 h"]
        {
            assert!(drawn.contains(words), "{words} is missing in {drawn}");
        }
        // Half the height of the highest is half way up.
        assert!(
            drawn.contains(&format!(
                "{:.1},{:.1}",
                LEFT + (WIDTH - LEFT - 30.0) / 2.0,
                TOP + PANEL + GAP + PANEL / 2.0
            )),
            "{drawn}"
        );
    }
}
