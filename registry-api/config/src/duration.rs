//! Durations in words, `60s` or `300ms`, or in milliseconds, `30000`.
//!
//! [`parse`] reads one text; the module itself is for a field: `#[serde(with = "registry_config::duration")]`.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserializer, Error, Visitor};

/// What a duration may look like, for the message that refuses one.
pub const ACCEPTED: &str = "a number with a unit, such as 60s, 300ms, 1m30s or PT30S, or from 100 on a bare number of milliseconds, up to 365d";

const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The least bare number that is read as milliseconds: with fewer, seconds may well be meant.
const LEAST_BARE: u64 = 100;

/// Reads a duration: `60s`, `300ms`, `1m30s`, ISO 8601's `PT30S` or `P1DT12H`, or Spring's bare number of
/// milliseconds, `30000`.
///
/// # Errors
/// What is wrong with the text, without the text. A bare number below 100, but for 0, is refused, as seconds may be
/// meant; so is `1M`, which could be a minute or a month.
pub fn parse(text: &str) -> Result<Duration, String> {
    let refused = |problem: &str| Err(format!("{problem}; accepted: {ACCEPTED}"));
    let text = text.trim();
    if text.is_empty() {
        return refused("is empty, not a duration");
    }
    let words = match text.parse::<u64>() {
        Ok(0) => return Ok(Duration::ZERO),
        Ok(millis) if millis >= LEAST_BARE => format!("{millis}ms"),
        _ if text.parse::<f64>().is_ok() => return refused("has no unit"),
        _ => match iso(text) {
            Some(words) => words,
            None if has_month(text) => return refused("is not a duration"),
            None => text.to_ascii_lowercase(),
        },
    };
    match humantime::parse_duration(&words) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        Ok(_) => refused("is too long"),
        Err(_) => refused("is not a duration"),
    }
}

/// ISO 8601's days, hours, minutes and seconds in words: `P1DT12H` is `1d12h`. Years, months and weeks have no fixed
/// length in Java.
fn iso(text: &str) -> Option<String> {
    let rest = text.strip_prefix(['P', 'p'])?.to_ascii_lowercase();
    let (days, time) = match rest.split_once('t') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (&*rest, ""),
    };
    let are_days = days.strip_suffix('d').is_some_and(|days| days.bytes().all(|digit| digit.is_ascii_digit()));
    (days.is_empty() || are_days).then(|| format!("{days}{time}"))
}

/// Whether an `M` stands for something else than in `MS`.
fn has_month(text: &str) -> bool {
    let bytes = text.as_bytes();
    (0..bytes.len())
        .any(|at| bytes[at] == b'M' && !bytes.get(at + 1).is_some_and(|next| next.eq_ignore_ascii_case(&b's')))
}

struct Words;

impl Visitor<'_> for Words {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ACCEPTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        parse(text).map_err(E::custom)
    }
}

/// Reads a duration in words.
///
/// # Errors
/// What is wrong with the text, such as a bare number so small that seconds may be meant.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_str(Words)
}

/// Durations that may be left out, beside `#[serde(default)]`:
/// `#[serde(default, with = "registry_config::duration::option")]`.
pub mod option {
    use super::{Deserializer, Duration, Error, Visitor, Words, fmt};

    struct Optional;

    impl<'de> Visitor<'de> for Optional {
        type Value = Option<Duration>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            Words.expecting(f)
        }

        fn visit_none<E: Error>(self) -> Result<Option<Duration>, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Duration>, D::Error> {
            super::deserialize(deserializer).map(Some)
        }
    }

    /// Reads a duration in words, if one is written.
    ///
    /// # Errors
    /// What is wrong with the text, such as a bare number so small that seconds may be meant.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        deserializer.deserialize_option(Optional)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_words_or_milliseconds() {
        for (text, millis) in [
            ("60s", 60_000),
            ("300ms", 300),
            ("1m", 60_000),
            ("1m30s", 90_000),
            ("1m 30s", 90_000),
            ("PT30S", 30_000),
            ("PT15S", 15_000),
            ("pt15s", 15_000),
            ("PT1H1M0.5S", 3_660_500),
            ("P1D", 86_400_000),
            ("P1DT12H", 129_600_000),
            (" 60s ", 60_000),
            ("60S", 60_000),
            ("300MS", 300),
            ("30000", 30_000),
            ("100", 100),
            ("0", 0),
            ("365d", 31_536_000_000),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            " ",
            "30",
            "99",
            "1.5",
            "1M",
            "1MM",
            "-1s",
            "-5",
            "s",
            "366d",
            "31536000001",
            "99999999999999999999s",
            "soon",
        ]
        .into_iter()
        .chain(["PT", "P", "P1Y", "P1M", "P1DT", "PD", "1e3", "1000.0", "99999999999999999999"])
        {
            let problem = parse(text).expect_err(text);
            assert!(problem.contains("60s"), "{text}: {problem}");
        }
    }
}
