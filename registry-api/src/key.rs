//! Keys: absolute paths of segments (contract 1.1).

use std::fmt;

/// The most bytes a key may have.
pub const MAX_KEY_BYTES: usize = 32_768;

/// The most segments a key may have.
pub const MAX_SEGMENTS: usize = 32;

/// A checked key: an absolute path such as `/nodes/worker/default/10.0.0.7:1234`.
///
/// It borrows the text it was made from and is as cheap to copy as a `&str`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key<'a>(&'a str);

impl<'a> Key<'a> {
    /// The root, which always exists, is not an entry, and can be neither written nor listed.
    pub const ROOT: Key<'static> = Key("/");

    /// Checks a key.
    ///
    /// # Errors
    ///
    /// [`InvalidKey`] says which rule of contract 1.1 is broken and where.
    pub fn new(text: &'a str) -> Result<Self, InvalidKey> {
        check(text).map(|()| Key(text)).map_err(|reason| InvalidKey { key: text.to_owned(), reason })
    }

    /// Takes a key that has been checked already, as the one that comes over the ABI has been by the host.
    pub const fn from_checked(text: &'a str) -> Self {
        Key(text)
    }

    /// The key's text.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether this is the root `/`.
    pub fn is_root(self) -> bool {
        self.0.len() == 1
    }

    /// The last segment; empty for the root.
    pub fn name(self) -> &'a str {
        self.0.rsplit_once('/').map_or("", |(_, name)| name)
    }

    /// The key one segment up: the root for a key of one segment, `None` for the root.
    pub fn parent(self) -> Option<Key<'a>> {
        if self.is_root() {
            return None;
        }
        match self.0.rfind('/') {
            Some(0) => Some(Key::ROOT),
            Some(at) => Some(Key(&self.0[..at])),
            None => None,
        }
    }

    /// The keys above this one, nearest first, without the root.
    pub fn ancestors(self) -> impl Iterator<Item = Key<'a>> {
        std::iter::successors(self.parent(), |key| key.parent()).filter(|key| !key.is_root())
    }

    /// How many segments the key has; none for the root.
    pub fn depth(self) -> usize {
        if self.is_root() { 0 } else { self.0.bytes().filter(|byte| *byte == b'/').count() }
    }

    /// Whether `other` lies below this key, at any depth; `/a` contains `/a/b`, neither `/a` nor `/ab`.
    pub fn contains(self, other: Key<'_>) -> bool {
        if self.is_root() {
            return !other.is_root();
        }
        other.0.strip_prefix(self.0).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The text of the key `name` directly below this one; it is not checked.
    pub fn child(self, name: &str) -> String {
        if self.is_root() { format!("/{name}") } else { format!("{}/{name}", self.0) }
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl AsRef<str> for Key<'_> {
    fn as_ref(&self) -> &str {
        self.0
    }
}

/// A key that breaks contract 1.1, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidKey {
    key: String,
    reason: String,
}

impl InvalidKey {
    /// The key as it was given.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Which rule it breaks.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A key can be long and hold control characters: show its beginning, escaped.
        let shown: String = self.key.chars().take(80).collect();
        let more = if shown.len() < self.key.len() { "…" } else { "" };
        write!(f, "{shown:?}{more} is not a valid key: {}", self.reason)
    }
}

impl std::error::Error for InvalidKey {}

fn check(text: &str) -> Result<(), String> {
    let Some(rest) = text.strip_prefix('/') else {
        return Err("it must begin with '/'".to_owned());
    };
    if text.len() > MAX_KEY_BYTES {
        return Err(format!("it has {} bytes, at most {MAX_KEY_BYTES} are allowed", text.len()));
    }
    if rest.is_empty() || is_plain(text) {
        return Ok(());
    }
    explain(rest)
}

/// Whether a key obeys all rules and is plain ASCII with no segment that begins with a dot, as nearly every key is.
///
/// It takes eight bytes at a time: this is part of every call.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (mut after_slash, mut segments) = (0, 0);
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
        if !printable(word) {
            return false;
        }
        let slashes = equal(word, b'/');
        // What stands right after a slash, also after the last one of the word before.
        let after = (slashes << 8) | after_slash;
        if after & (slashes | equal(word, b'.')) != 0 {
            return false;
        }
        segments += slashes.count_ones() as usize;
        after_slash = slashes >> 56;
    }
    let mut last = if after_slash == 0 { 0 } else { b'/' };
    for byte in words.remainder() {
        if !(0x20..0x7f).contains(byte) || (last == b'/' && matches!(byte, b'/' | b'.')) {
            return false;
        }
        segments += usize::from(*byte == b'/');
        last = *byte;
    }
    last != b'/' && segments <= MAX_SEGMENTS
}

/// The high bit of each byte of `word` that is `byte`; the word must be ASCII.
fn equal(word: u64, byte: u8) -> u64 {
    let differs = word ^ (ONES * u64::from(byte));
    // Of seven bits, only zero does not carry into the eighth.
    !(differs + ONES * 0x7f) & HIGHS
}

/// Whether each byte of `word` is between a space and a tilde.
fn printable(word: u64) -> bool {
    // Of seven bits, those from a space on carry into the eighth, and so does the delete character with one more.
    word & HIGHS == 0 && (word + ONES * 0x60) & !(word + ONES) & HIGHS == HIGHS
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = ONES * 0x80;

/// Which rule a key breaks, segment by segment; none if it is only unusual.
fn explain(rest: &str) -> Result<(), String> {
    if rest.ends_with('/') {
        return Err("it must not end with '/'".to_owned());
    }
    let mut segments = 0;
    for segment in rest.split('/') {
        segments += 1;
        if segment.is_empty() {
            return Err("it has an empty segment".to_owned());
        }
        if segment == "." || segment == ".." {
            return Err(format!("'{segment}' is not allowed as a segment"));
        }
        if let Some(refused) = segment.chars().find(|c| is_refused(*c)) {
            return Err(format!("the character U+{:04X} is not allowed", u32::from(refused)));
        }
    }
    if segments > MAX_SEGMENTS {
        return Err(format!("it has {segments} segments, at most {MAX_SEGMENTS} are allowed"));
    }
    Ok(())
}

/// The code points that ZooKeeper refuses (`PathUtils.validatePath`): it looks at UTF-16 units, so that everything
/// beyond U+FFFF is refused as a pair of surrogates.
fn is_refused(c: char) -> bool {
    matches!(u32::from(c), 0x00..=0x1f | 0x7f..=0x9f | 0xd800..=0xf8ff | 0xfff0..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_keys_pass() {
        for key in [
            "/",
            "/a",
            "/\u{d7ff}\u{d7ff}\u{d7ff}/longer than a word",
            "/nodes/worker/default/10.0.0.7:1234",
            "/ä/…/a b",
            "/a/...",
            "/a/.b",
        ] {
            assert_eq!(Key::new(key).map(Key::as_str), Ok(key));
        }
    }

    #[test]
    fn each_broken_rule_is_named() {
        for (key, reason) in [
            ("", "begin"),
            ("a", "begin"),
            ("//", "end with"),
            ("/a/", "end with"),
            ("/a//b", "empty segment"),
            ("/a/./b", "'.'"),
            ("/..", "'..'"),
            ("/a\u{0}", "U+0000"),
            ("/a\u{85}", "U+0085"),
            ("/\u{e000}", "U+E000"),
            ("/\u{ffff}", "U+FFFF"),
            ("/\u{1f600}", "U+1F600"),
        ] {
            let error = Key::new(key).expect_err(key);
            assert!(error.reason().contains(reason), "{key:?}: {error}");
        }
    }

    #[test]
    fn quick_and_full_validation_of_a_key_agree() {
        // Every byte that UTF-8 can hold alone, in every place of a word and beyond, beside slashes and dots.
        for byte in 0_u8..0x80 {
            for place in 1..20 {
                for beside in ["aaaaaaaaaaaaaaaaaaaaaaaa", "/a/a/a/a/a/a/a/a/a/a/a/a", "a/.a//a./a/aa.a/..aa/a.a"] {
                    let mut text = format!("/{beside}").into_bytes();
                    text[place] = byte;
                    let text = String::from_utf8(text).expect("ASCII");
                    let plain = is_plain(&text);
                    let dotted = text.contains("/.");
                    let good = explain(&text[1..]).is_ok();
                    assert_eq!(plain, good && !dotted, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn length_and_depth_are_bounded() {
        let longest = format!("/{}", "a".repeat(MAX_KEY_BYTES - 1));
        assert!(Key::new(&longest).is_ok());
        assert!(Key::new(&format!("{longest}a")).is_err());
        let deepest = "/a".repeat(MAX_SEGMENTS);
        assert_eq!(Key::new(&deepest).map(Key::depth), Ok(MAX_SEGMENTS));
        assert!(Key::new(&format!("{deepest}/a")).is_err());
    }

    #[test]
    fn relations_respect_path_boundaries() {
        let key = |text| Key::new(text).expect(text);
        assert!(key("/a").contains(key("/a/b/c")));
        assert!(!key("/a").contains(key("/ab")));
        assert!(!key("/a").contains(key("/a")));
        assert!(Key::ROOT.contains(key("/a")));
        assert!(!Key::ROOT.contains(Key::ROOT));
        assert_eq!(key("/a/b/c").ancestors().map(Key::as_str).collect::<Vec<_>>(), ["/a/b", "/a"]);
        assert_eq!(key("/a").parent(), Some(Key::ROOT));
        assert_eq!(Key::ROOT.parent(), None);
        assert_eq!(key("/a/b").name(), "b");
        assert_eq!(Key::ROOT.child("x"), "/x");
        assert_eq!(key("/a").child("x"), "/a/x");
    }
}
