//! Where things are put: time runs to the right, rows lie below each other.

use svg::node::element::{Group, Line, Rectangle, Text, Title};

use crate::history::Nanos;

/// How high a row is.
pub(super) const ROW: f64 = 24.0;
/// Where the first row begins.
pub(super) const TOP: f64 = 76.0;
/// Where time begins; what a row shows stands left of it.
const LEFT: f64 = 110.0;
const RIGHT: f64 = 30.0;
/// How wide a run of usual length is drawn; a long one takes what it needs to be read.
const USUAL: f64 = 1_500.0;
const LEAST_FOR_A_SECOND: f64 = 5.0;
/// How wide a letter is, roughly.
const LETTER: f64 = 6.0;

/// A picture in the making.
pub(super) struct Canvas {
    group: Group,
    from: Nanos,
    to: Nanos,
    for_a_second: f64,
    /// Where the next row begins.
    next: f64,
    /// How wide what stands below the rows is.
    widest: f64,
}

impl Canvas {
    pub(super) fn new(from: Nanos, to: Nanos) -> Self {
        let seconds = (to.saturating_sub(from) as f64 / 1e9).max(1.0);
        let for_a_second = (USUAL / seconds).max(LEAST_FOR_A_SECOND);
        Canvas { group: Group::new(), from, to, for_a_second, next: TOP, widest: 0.0 }
    }

    /// Begins a row; gives where its top is.
    pub(super) fn row(&mut self, name: &str) -> f64 {
        let top = self.next;
        self.next += ROW;
        let text = Text::new(name).set("x", LEFT - 8.0).set("y", top + ROW / 2.0 + 4.0).set("text-anchor", "end");
        self.add(text);
        top
    }

    /// A bar in a row, `down` from its top and `high`; with a tooltip, and words in it if there is room.
    pub(super) fn bar(&mut self, bar: &Bar<'_>) {
        let (x, end) = (self.x(bar.from), self.x(bar.to));
        let width = (end - x).max(1.0);
        let rectangle = Rectangle::new()
            .set("x", round(x))
            .set("y", bar.top + bar.down)
            .set("width", round(width))
            .set("height", bar.high)
            .set("fill", bar.colour)
            .add(Title::new(bar.tip));
        self.add(rectangle);
        if bar.words.len() as f64 * LETTER < width {
            let text =
                Text::new(bar.words).set("x", round(x + 3.0)).set("y", bar.top + bar.down + bar.high / 2.0 + 4.0);
            self.add(text.set("fill", if is_dark(bar.colour) { "#ffffff" } else { "#222222" }).set("font-size", 10));
        }
    }

    /// A vertical line at a moment.
    pub(super) fn upright(&mut self, at: Nanos, top: f64, bottom: f64, colour: &str, width: f64, tip: &str) {
        let x = round(self.x(at));
        let line = Line::new().set("x1", x).set("x2", x).set("y1", top).set("y2", bottom);
        self.add(line.set("stroke", colour).set("stroke-width", width).add(Title::new(tip)));
    }

    /// Words around a moment.
    pub(super) fn label_at(&mut self, at: Nanos, y: f64, words: &str, colour: &str) {
        let text = Text::new(words).set("x", round(self.x(at))).set("y", y).set("text-anchor", "middle");
        self.add(text.set("fill", colour));
    }

    /// What the picture is of.
    pub(super) fn heading(&mut self, words: &str) {
        self.add(Text::new(words).set("x", 10).set("y", 20).set("font-size", 15));
    }

    /// A line of words below the rows.
    pub(super) fn words(&mut self, words: &str, colour: &str) {
        let text = Text::new(words).set("x", 10).set("y", self.next + 12.0).set("fill", colour);
        self.add(text);
        self.widest = self.widest.max(words.chars().count() as f64 * LETTER + 20.0);
        self.next += 16.0;
    }

    /// A coloured box with words, `x` from the left, in the line that is next; gives where the one after it may be.
    pub(super) fn sample(&mut self, x: f64, colour: &str, words: &str) -> f64 {
        let y = self.next;
        self.add(Rectangle::new().set("x", x).set("y", y).set("width", 18).set("height", 12).set("fill", colour));
        self.add(Text::new(words).set("x", x + 23.0).set("y", y + 10.0));
        x + 40.0 + words.len() as f64 * LETTER
    }

    pub(super) fn skip(&mut self, by: f64) {
        self.next += by;
    }

    /// Where the last row ends.
    pub(super) fn bottom(&self) -> f64 {
        self.next
    }

    /// When the run ended.
    pub(super) fn end(&self) -> Nanos {
        self.to
    }

    pub(super) fn seconds_between_marks(&self) -> usize {
        let steps = [1, 2, 5, 10, 20, 30];
        steps.into_iter().find(|step| *step as f64 * self.for_a_second >= 50.0).unwrap_or(60)
    }

    /// Width and height.
    pub(super) fn size(&self) -> (u64, u64) {
        let width = (self.x(self.to) + RIGHT).max(self.widest);
        (width.ceil() as u64, (self.next + 20.0).ceil() as u64)
    }

    pub(super) fn into_group(self) -> Group {
        let (width, height) = self.size();
        let ground = Rectangle::new().set("width", width).set("height", height).set("fill", "#ffffff");
        Group::new().add(ground).add(self.group)
    }

    fn x(&self, at: Nanos) -> f64 {
        LEFT + at.clamp(self.from, self.to).saturating_sub(self.from) as f64 / 1e9 * self.for_a_second
    }

    fn add(&mut self, node: impl Into<Box<dyn svg::Node>>) {
        self.group = std::mem::take(&mut self.group).add(node);
    }
}

/// A bar in a row.
pub(super) struct Bar<'a> {
    /// The row's top.
    pub(super) top: f64,
    pub(super) down: f64,
    pub(super) high: f64,
    pub(super) from: Nanos,
    pub(super) to: Nanos,
    pub(super) colour: &'a str,
    pub(super) words: &'a str,
    pub(super) tip: &'a str,
}

/// A tenth of a pixel is enough, and keeps long histories small.
fn round(pixels: f64) -> f64 {
    (pixels * 10.0).round() / 10.0
}

/// Whether words on it must be light.
fn is_dark(colour: &str) -> bool {
    let part = |from: usize| u32::from_str_radix(colour.get(from..from + 2).unwrap_or("ff"), 16).unwrap_or(255);
    part(1) * 3 + part(3) * 6 + part(5) < 1_300
}
