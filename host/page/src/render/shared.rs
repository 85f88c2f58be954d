//! Pieces that several sections show.

use maud::{Markup, html};

/// A moment, shown by the browser as the time since then.
pub(super) fn since(at: i64) -> Markup {
    html! { time data-at=(at) { (clock(at)) } }
}

/// The time of day in UTC, `12:03:04`.
pub(super) fn clock(at: i64) -> String {
    let seconds = at.div_euclid(1000).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02} UTC", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// A share, 0 to 1, as a percentage; a figure below 0 is not known.
pub(super) fn percent(share: f64) -> String {
    if share < 0.0 { "?".to_owned() } else { format!("{:.0}%", share * 100.0) }
}

/// A word that stands for a state, coloured by it.
pub(super) fn badge(state: &str) -> Markup {
    html! { span.badge data-state=(state) { (state) } }
}

/// A small curve of values between 0 and `most`, the newest at the right.
pub(super) fn sparkline(label: &str, values: impl ExactSizeIterator<Item = f64>, most: f64) -> Markup {
    const STEP: usize = 2;
    const HEIGHT: f64 = 16.0;
    let places = 60usize.saturating_sub(values.len());
    let points: Vec<_> = values
        .enumerate()
        .map(|(index, value)| {
            let height = HEIGHT - (value / most).clamp(0.0, 1.0) * HEIGHT;
            format!("{},{height:.1}", (places + index) * STEP)
        })
        .collect();
    html! {
        svg.spark viewBox="0 0 120 16" role="img" aria-label=(label) {
            polyline points=(points.join(" ")) {}
        }
    }
}

/// What stands in place of a table without rows.
pub(super) fn none(what: &str) -> Markup {
    html! { p.note { (what) } }
}

/// How many more there are than are shown.
pub(super) fn more(all: usize, shown: usize) -> Markup {
    html! { @if all > shown { p.note { (all - shown) " more are not shown." } } }
}

/// A link to the entry of a key.
pub(super) fn key(key: &str) -> Markup {
    html! { a href=(format!("/tree?key={}", encoded(key))) { (key) } }
}

/// Text as a part of an address.
pub(super) fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_in_an_address_can_not_end_it() {
        assert_eq!(encoded("/a b&c=ä\"<"), "/a%20b%26c%3D%C3%A4%22%3C");
    }

    #[test]
    fn moments_are_told_by_the_clock() {
        assert_eq!(clock(1_000 * (86_400 * 3 + 3_661)), "01:01:01 UTC");
        assert_eq!(clock(-1), "23:59:59 UTC");
    }
}
