//! How a configuration is written: what the host and a plugin must read alike.
//!
//! The host merges the layers and a plugin reads its own section. Names, durations and what counts as a secret mean the
//! same on both sides because both ask here.

use std::borrow::Cow;
use std::time::Duration;

/// What stands in a message or a listing where a secret would be.
pub const HIDDEN: &str = "<hidden>";

/// What a duration may look like, for the message that refuses one.
pub const ACCEPTED_DURATION: &str = "a number with a unit, such as 60s, 300ms, 1m30s or PT30S, or from 100 on a bare number of milliseconds, up to 365d";

const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The kebab-case of a key's name: `retryDelay`, `retry_delay` and `retry-delay` are one name.
pub fn kebab(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut kebab = String::with_capacity(name.len() + 4);
    for (at, &letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| letters[at]);
        let starts_word = letter.is_uppercase()
            && before.is_some_and(|before| {
                // The `F` of `CAFile` starts a word, the `A` doesn't.
                before.is_lowercase()
                    || before.is_numeric()
                    || (before.is_uppercase() && letters.get(at + 1).is_some_and(|after| after.is_lowercase()))
            });
        if starts_word {
            kebab.push('-');
        }
        match letter {
            '_' => kebab.push('-'),
            _ => kebab.extend(letter.to_lowercase()),
        }
    }
    kebab
}

/// Whether a key's value must never be shown, judged by its name.
pub fn names_secret(key: &str) -> bool {
    const WORDS: [&str; 7] = ["password", "passwd", "passphrase", "secret", "digest", "token", "credential"];
    let key = kebab(key);
    WORDS.iter().any(|word| key.contains(word))
}

/// A key's value as it may be shown: `<hidden>` for a secret, without the user and password of a URL.
pub fn redacted<'a>(key: &str, value: &'a str) -> Cow<'a, str> {
    if names_secret(key) { Cow::Borrowed(HIDDEN) } else { without_user(value) }
}

/// A key's value as a message quotes it: redacted, escaped, and cut where it is long.
pub fn quoted(key: &str, value: &str) -> String {
    const LONGEST_QUOTE: usize = 100;
    let value = redacted(key, value);
    if value == HIDDEN {
        return HIDDEN.to_owned();
    }
    match value.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("{:?}…", &value[..end]),
        None => format!("{value:?}"),
    }
}

fn without_user(value: &str) -> Cow<'_, str> {
    if !value.contains('@') {
        return Cow::Borrowed(value);
    }
    // A password may hold any character, so all between a scheme and the last `@` before the next one goes.
    let mut shown = String::new();
    for (at, part) in value.split("://").enumerate() {
        if at > 0 {
            shown.push_str("://");
        }
        match part.rfind('@') {
            Some(end) => {
                shown.push_str(HIDDEN);
                shown.push_str(&part[end..]);
            }
            None => shown.push_str(part),
        }
    }
    Cow::Owned(shown)
}

/// The candidate that `name` was most likely meant to be, if one is close enough.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const CLOSE_ENOUGH: f64 = 0.7;
    let name = kebab(name);
    candidates
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(&name, &kebab(candidate)), candidate))
        .filter(|(likeness, _)| *likeness >= CLOSE_ENOUGH)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// The candidate that `name` is a slip of: so close that nothing else can have been meant.
pub fn slip_of<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = kebab(name);
    let slips = if name.len() < 8 { 1 } else { 2 };
    candidates.into_iter().find(|candidate| (1..=slips).contains(&strsim::osa_distance(&name, candidate)))
}

/// The least bare number that is read as milliseconds: with fewer, seconds may well be meant.
const LEAST_BARE: u64 = 100;

/// Reads a duration: `60s`, `300ms`, `1m30s`, ISO 8601's `PT30S` or `P1DT12H`, or Spring's bare number of
/// milliseconds, `30000`.
///
/// # Errors
/// What is wrong with the text, without the text. A bare number below 100, but for 0, is refused, as seconds may be
/// meant; so is `1M`, which could be a minute or a month.
pub fn duration(text: &str) -> Result<Duration, String> {
    let refused = |problem: &str| Err(format!("{problem}; accepted: {ACCEPTED_DURATION}"));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_the_same_in_every_case() {
        for (written, meant) in [
            ("retry-delay", "retry-delay"),
            ("retryDelay", "retry-delay"),
            ("RetryDelay", "retry-delay"),
            ("retry_delay", "retry-delay"),
            ("RETRY_DELAY", "retry-delay"),
            ("tlsCAFile", "tls-ca-file"),
            ("pluginSha256", "plugin-sha256"),
            ("sha256Sum", "sha256-sum"),
            ("", ""),
        ] {
            assert_eq!(kebab(written), meant);
        }
    }

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
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
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
            let problem = duration(text).expect_err(text);
            assert!(problem.contains("60s"), "{text}: {problem}");
        }
    }

    #[test]
    fn secrets_are_known_by_their_name_and_by_their_place_in_a_url() {
        assert_eq!(redacted("registry.etcd.password", "hunter2"), HIDDEN);
        assert_eq!(redacted("registry.zookeeper.digest", "a:b"), HIDDEN);
        assert_eq!(redacted("registry.x.authToken", "t"), HIDDEN);
        assert_eq!(redacted("registry.etcd.endpoints", "http://a:1"), "http://a:1");
        assert_eq!(
            redacted("registry.etcd.endpoints", "http://me:p@ss,w/@a:1,https://b:2"),
            "http://<hidden>@a:1,https://b:2"
        );
        assert_eq!(redacted("registry.etcd.endpoints", "me:pw@a:1"), "<hidden>@a:1");
    }

    #[test]
    fn quotes_are_escaped_and_cut() {
        assert_eq!(quoted("registry.x", "a\nb"), r#""a\nb""#);
        assert!(quoted("registry.x", &"ü".repeat(5000)).chars().count() < 110);
    }

    #[test]
    fn a_misspelt_name_finds_the_one_that_was_meant() {
        let names = ["endpoints", "retry-delay", "type"];
        assert_eq!(nearest("endpionts", names), Some("endpoints"));
        assert_eq!(nearest("retryDelai", names), Some("retry-delay"));
        assert_eq!(nearest("typ", names), Some("type"));
        assert_eq!(nearest("port", names), None);
    }

    #[test]
    fn a_slip_is_closer_than_a_likely_name() {
        let names = ["operation-timeout", "type"];
        assert_eq!(slip_of("operatoin-timeout", names), Some("operation-timeout"));
        assert_eq!(slip_of("typ", names), Some("type"));
        for other in ["connection-timeout", "ttl", "tape-x", "type"] {
            assert_eq!(slip_of(other, names), None, "{other}");
        }
    }
}
