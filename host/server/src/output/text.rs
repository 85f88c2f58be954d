//! Lines of the text output.

use std::fmt::{self, Display, Write as _};

use registry_host::{Entry, Event};

/// A value on one line: control characters, backslashes and bytes that are no text are escaped.
pub(crate) fn escaped(value: &[u8]) -> impl Display + '_ {
    fmt::from_fn(move |f| {
        for chunk in value.utf8_chunks() {
            for letter in chunk.valid().chars() {
                match letter {
                    '\\' => f.write_str("\\\\")?,
                    '\n' | '\r' | '\t' => write!(f, "{}", letter.escape_default())?,
                    // Those that turn the direction of writing can make a line read as another.
                    '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => write!(f, "{}", letter.escape_unicode())?,
                    _ if letter.is_control() => write!(f, "{}", letter.escape_unicode())?,
                    _ => f.write_char(letter)?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    })
}

/// A name within a line, escaped as a value is.
pub(crate) fn name(name: &str) -> String {
    escaped(name.as_bytes()).to_string()
}

/// An entry of a list: its key, and its value after a tab if asked for.
pub(crate) fn listed(entry: &Entry, values: bool) -> impl Display + '_ {
    fmt::from_fn(move |f| match values {
        true => write!(f, "{}\t{}", entry.key, escaped(&entry.value)),
        false => f.write_str(&entry.key),
    })
}

/// An event of a watch: what, the key, the version and the value, with tabs between.
pub(crate) fn event(event: &Event) -> impl Display + '_ {
    fmt::from_fn(move |f| {
        let (what, entry) = match event {
            Event::Put { entry, .. } => ("put", entry),
            Event::Delete { last } => ("delete", last),
            _ => return f.write_str("synced"),
        };
        write!(f, "{what}\t{}\t{}\t{}", entry.key, entry.version, escaped(&entry.value))
    })
}

/// A message on one line, without anything that a terminal would act on.
pub(crate) fn one_line(message: &str) -> String {
    let mut line = String::with_capacity(message.len());
    for word in message.split(|letter: char| letter.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_on_its_line_and_within_its_column() {
        assert_eq!(escaped("é\ta\nb\\\u{1b}[1m".as_bytes()).to_string(), r"é\ta\nb\\\u{1b}[1m");
        assert_eq!(escaped(b"a\xff\xfeb").to_string(), r"a\xff\xfeb");
        assert_eq!(escaped(b"").to_string(), "");
    }

    #[test]
    fn a_message_is_one_line() {
        assert_eq!(one_line("a\n\n b\u{1b}[1m"), "a  b [1m");
    }
}
