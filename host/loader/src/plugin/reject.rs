//! Refusals: one line that says which file, what is wrong and what to do.

use std::{fmt, path::Path};

use registry_api::{Error, ErrorKind};

/// A line longer than this helps nobody; what a library says of itself is cut.
const MAX_CHARS: usize = 600;

/// A refusal of a file, `FILE: what is wrong: what to do`.
pub(crate) fn rejected(file: &Path, text: impl fmt::Display) -> Error {
    Error::new(ErrorKind::PluginRejected, one_line(&format!("{}: {text}", file.display()), MAX_CHARS))
}

/// The text on one line of at most so many characters, without control characters.
pub(crate) fn one_line(text: &str, max_chars: usize) -> String {
    let mut line = String::with_capacity(text.len().min(max_chars));
    let mut chars = 0;
    for word in text.split(|c: char| c.is_control() || c == ' ').filter(|word| !word.is_empty()) {
        for c in (chars > 0).then_some(' ').into_iter().chain(word.chars()) {
            if chars + 1 == max_chars {
                line.push('…');
                return line;
            }
            line.push(c);
            chars += 1;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_one_bounded_line() {
        assert_eq!(one_line("a\n  b\0c\u{1b}[1m ", 100), "a b c [1m");
        assert_eq!(one_line(&"é".repeat(400), 300).chars().count(), 300);
        assert_eq!(one_line("", 10), "");
    }

    #[test]
    fn a_refusal_names_the_file() {
        let error = rejected(Path::new("/p/libregistry_x.so"), "it is empty");
        assert_eq!(error.kind(), ErrorKind::PluginRejected);
        assert_eq!(error.to_string(), "/p/libregistry_x.so: it is empty");
    }
}
