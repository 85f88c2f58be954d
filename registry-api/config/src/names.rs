//! Names of keys: the same in every case, and what a misspelt one was meant to be.

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
