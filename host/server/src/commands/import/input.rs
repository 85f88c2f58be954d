//! The lines that are imported.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use registry_host::{Error, ErrorKind, Key};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::exit::Failure;

/// An entry to be written.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    pub(super) key: String,
    pub(super) value: Vec<u8>,
}

/// A line as it stands in the file. What only the registry that it comes from can know is read and left alone.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    key: String,
    value: Option<String>,
    value_base64: Option<String>,
    #[serde(default)]
    ephemeral: Option<IgnoredAny>,
    #[serde(default, rename = "version")]
    _version: IgnoredAny,
    #[serde(default, rename = "created")]
    _created: IgnoredAny,
}

/// Reads all lines of a file, or of standard input.
///
/// # Errors
///
/// `InvalidTxn` names the file and the line.
pub(super) async fn read(file: Option<&Path>) -> Result<Vec<Line>, Failure> {
    let file = file.filter(|file| *file != Path::new("-")).map(Path::to_owned);
    if file.is_none() && io::stdin().is_terminal() {
        let message = "import: name a file, or pipe the entries in; see registry import --help";
        return Err(Failure::Usage(message.to_owned()));
    }
    let reading = tokio::task::spawn_blocking(move || read_from(file));
    match reading.await {
        Ok(read) => Ok(read?),
        Err(error) => Err(Error::new(ErrorKind::Other, "reading has failed").with_cause(&error).into()),
    }
}

fn read_from(file: Option<PathBuf>) -> Result<Vec<Line>, Error> {
    let name = file.as_ref().map_or("standard input".into(), |file| file.to_string_lossy());
    let refused =
        |problem: String| Error::new(ErrorKind::InvalidTxn, format!("{name}: {problem}")).or_operation("import");
    let unread = |error: io::Error| refused(format!("can't be read: {error}"));
    match &file {
        Some(file) => parse(BufReader::new(File::open(file).map_err(unread)?), &refused, &unread),
        None => parse(io::stdin().lock(), &refused, &unread),
    }
}

fn parse(
    source: impl BufRead,
    refused: &dyn Fn(String) -> Error,
    unread: &dyn Fn(io::Error) -> Error,
) -> Result<Vec<Line>, Error> {
    let (mut lines, mut keys, mut ephemeral) = (Vec::new(), HashSet::new(), 0);
    for (at, text) in source.lines().enumerate() {
        let text = text.map_err(unread)?;
        if text.trim().is_empty() {
            continue;
        }
        match line(&text).map_err(|problem| refused(format!("line {}: {problem}", at + 1)))? {
            Some(line) => {
                if !keys.insert(line.key.clone()) {
                    return Err(refused(format!("line {}: {} is there twice", at + 1, line.key)));
                }
                lines.push(line);
            }
            None => ephemeral += 1,
        }
    }
    if ephemeral > 0 {
        tracing::warn!("{ephemeral} ephemeral entries are left out");
    }
    Ok(lines)
}

/// An entry, unless it was ephemeral.
fn line(text: &str) -> Result<Option<Line>, String> {
    let written: Written = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let key = Key::new(&written.key).map_err(|invalid| Error::from(invalid).message().to_owned())?;
    if key.is_root() {
        return Err("the root '/' is not an entry".to_owned());
    }
    let value = match (written.value, written.value_base64) {
        (Some(value), None) => value.into_bytes(),
        (None, Some(value)) => STANDARD.decode(value).map_err(|error| format!("value_base64: {error}"))?,
        _ => return Err("an entry has either \"value\" or \"value_base64\"".to_owned()),
    };
    Ok(written.ephemeral.is_none().then_some(Line { key: written.key, value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_list_and_export_print_is_read() {
        let read = |text: &str| line(text).unwrap();
        let expected = Some(Line { key: "/a".to_owned(), value: b"x".to_vec() });
        assert_eq!(read(r#"{"key":"/a","value":"x"}"#), expected);
        assert_eq!(read(r#"{"key":"/a","value_base64":"eA==","version":7,"created":3,"ephemeral":null}"#), expected);
        assert_eq!(read(r#"{"key":"/a","value":"x","version":7,"created":3,"ephemeral":"ab"}"#), None);
    }

    #[test]
    fn a_line_that_makes_no_sense_is_refused() {
        for text in [
            r#"{"key":"/a"}"#,
            r#"{"key":"/a","value":"x","value_base64":"eA=="}"#,
            r#"{"key":"a","value":"x"}"#,
            r#"{"key":"/","value":"x"}"#,
            r#"{"key":"/a","value":"x","mode":"ephemeral"}"#,
            "[]",
        ] {
            assert!(line(text).is_err(), "{text}");
        }
    }
}
