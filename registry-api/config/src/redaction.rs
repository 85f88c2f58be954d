//! What of a value may be shown.

use std::borrow::Cow;

use crate::kebab;

/// What stands in a message or a listing where a secret would be.
pub const HIDDEN: &str = "<hidden>";

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_recognized_by_name_and_in_urls() {
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
}
