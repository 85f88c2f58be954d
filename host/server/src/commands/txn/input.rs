//! A transaction as it is written in JSON.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use registry_host::{Error, ErrorKind, FencingToken, Key, Version, limits};
use serde::Deserialize;

use super::object::Object;

/// The most that is read: a Txn at its limit, every byte of it escaped.
const LONGEST: u64 = 8 * limits::TXN_BYTES as u64;

/// A transaction that has been read and makes sense by itself.
#[derive(Debug, PartialEq)]
pub(super) struct Input {
    pub(super) checks: Vec<Check>,
    pub(super) operations: Vec<Operation>,
}

#[derive(Debug, PartialEq)]
pub(super) enum Check {
    Absent(String),
    Present(String),
    Version(String, Version),
    Held { entry: String, token: FencingToken },
}

#[derive(Debug, PartialEq)]
pub(super) enum Operation {
    Put { key: String, value: Vec<u8>, ephemeral: bool },
    Delete(String),
}

impl Operation {
    pub(super) fn key(&self) -> &str {
        match self {
            Operation::Put { key, .. } | Operation::Delete(key) => key,
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Check::Absent(key) => write!(f, "{key} absent"),
            Check::Present(key) => write!(f, "{key} present"),
            Check::Version(key, version) => write!(f, "{key} at version {version}"),
            Check::Held { entry, token } => write!(f, "{entry} held with token {token}"),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    checks: Vec<Object<WrittenCheck>>,
    #[serde(default)]
    operations: Vec<Object<WrittenOperation>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCheck {
    key: Option<String>,
    absent: Option<bool>,
    present: Option<bool>,
    version: Option<u64>,
    held: Option<String>,
    token: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenOperation {
    put: Option<String>,
    value: Option<String>,
    value_base64: Option<String>,
    ephemeral: Option<bool>,
    delete: Option<String>,
}

impl Input {
    /// Reads a file, or standard input for `-`.
    ///
    /// # Errors
    ///
    /// `InvalidTxn` names the file and the place in it.
    pub(super) fn read(file: &Path) -> Result<Self, Error> {
        let standard_input = file == Path::new("-");
        let name = if standard_input { "standard input".into() } else { file.to_string_lossy() };
        let refused =
            |problem: String| Error::new(ErrorKind::InvalidTxn, format!("{name}: {problem}")).or_operation("txn");
        let text = if standard_input { bounded(io::stdin().lock()) } else { File::open(file).and_then(bounded) };
        let text = text.map_err(|error| refused(format!("can't be read: {error}")))?;
        if text.len() as u64 > LONGEST {
            return Err(refused(format!("has more than {LONGEST} bytes, which no transaction needs")));
        }
        let text = std::str::from_utf8(&text).map_err(|error| refused(format!("is not UTF-8 text: {error}")))?;
        Input::parse(text).map_err(refused)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let Object::<Written>(written) = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let checks = written.checks.into_iter().enumerate();
        let checks = checks.map(|(at, check)| check.0.read().map_err(|problem| format!("checks[{at}]: {problem}")));
        let operations = written.operations.into_iter().enumerate();
        let operations = operations
            .map(|(at, operation)| operation.0.read().map_err(|problem| format!("operations[{at}]: {problem}")));
        Ok(Input { checks: checks.collect::<Result<_, _>>()?, operations: operations.collect::<Result<_, _>>()? })
    }
}

fn bounded(source: impl Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    source.take(LONGEST + 1).read_to_end(&mut text)?;
    Ok(text)
}

fn checked(key: String) -> Result<String, String> {
    match Key::new(&key) {
        Ok(_) => Ok(key),
        Err(invalid) => Err(invalid.to_string()),
    }
}

impl WrittenCheck {
    fn read(self) -> Result<Check, String> {
        match self {
            WrittenCheck {
                key: Some(key),
                absent: Some(true),
                present: None,
                version: None,
                held: None,
                token: None,
            } => Ok(Check::Absent(checked(key)?)),
            WrittenCheck {
                key: Some(key),
                absent: None,
                present: Some(true),
                version: None,
                held: None,
                token: None,
            } => Ok(Check::Present(checked(key)?)),
            WrittenCheck {
                key: Some(key),
                absent: None,
                present: None,
                version: Some(version),
                held: None,
                token: None,
            } => Ok(Check::Version(checked(key)?, version.into())),
            WrittenCheck {
                key: None,
                absent: None,
                present: None,
                version: None,
                held: Some(entry),
                token: Some(token),
            } => Ok(Check::Held { entry: checked(entry)?, token: token.into() }),
            _ => Err("is not a check; accepted: \"key\" with one of \"absent\": true, \"present\": true and \
                      \"version\", or \"held\" with \"token\""
                .to_owned()),
        }
    }
}

impl WrittenOperation {
    fn read(self) -> Result<Operation, String> {
        match self {
            WrittenOperation { put: Some(key), value, value_base64, ephemeral, delete: None } => {
                let value = match (value, value_base64) {
                    (Some(_), Some(_)) => return Err("has both \"value\" and \"value_base64\"".to_owned()),
                    (Some(text), None) => text.into_bytes(),
                    (None, Some(text)) => {
                        STANDARD.decode(text).map_err(|error| format!("\"value_base64\" is not base64: {error}"))?
                    }
                    (None, None) => Vec::new(),
                };
                Ok(Operation::Put { key: checked(key)?, value, ephemeral: ephemeral.unwrap_or(false) })
            }
            WrittenOperation { put: None, value: None, value_base64: None, ephemeral: None, delete: Some(key) } => {
                Ok(Operation::Delete(checked(key)?))
            }
            _ => {
                Err("is not an operation; accepted: \"put\" with \"value\" or \"value_base64\" and \"ephemeral\", or \
                      \"delete\""
                    .to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_check_and_operation_is_read() {
        let input = Input::parse(
            r#"{"checks":[{"key":"/a","absent":true},{"key":"/b","present":true},{"key":"/c","version":5},
                          {"held":"/l/1-1","token":7}],
                "operations":[{"put":"/a","value":"x","ephemeral":false},{"put":"/b","value_base64":"/wA="},
                              {"put":"/e","ephemeral":true},{"delete":"/d"}]}"#,
        );
        let put =
            |key: &str, value: &[u8], ephemeral| Operation::Put { key: key.into(), value: value.into(), ephemeral };
        let expected = Input {
            checks: vec![
                Check::Absent("/a".into()),
                Check::Present("/b".into()),
                Check::Version("/c".into(), 5.into()),
                Check::Held { entry: "/l/1-1".into(), token: 7.into() },
            ],
            operations: vec![
                put("/a", b"x", false),
                put("/b", b"\xff\0", false),
                put("/e", b"", true),
                Operation::Delete("/d".into()),
            ],
        };
        assert_eq!(input, Ok(expected));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place() {
        for (text, place) in [
            ("", "line 1"),
            ("[]", "line 1"),
            (r#"{"operations":[["/a","x"]]}"#, "an object"),
            ("{\"checks\":[],\n \"operation\":[]}", "line 2"),
            (r#"{"checks":[{"key":"/a","absent":true,"abse":1}]}"#, "`abse`"),
            (r#"{"checks":[{"key":"/a","absent":true},{"key":"/a"}]}"#, "checks[1]"),
            (r#"{"checks":[{"key":"/a","absent":false}]}"#, "checks[0]"),
            (r#"{"checks":[{"key":"/a","absent":true,"present":true}]}"#, "checks[0]"),
            (r#"{"checks":[{"key":"/a","version":-1}]}"#, "line 1"),
            (r#"{"checks":[{"held":"/a"}]}"#, "checks[0]"),
            (r#"{"checks":[{"key":"a","absent":true}]}"#, "checks[0]"),
            (r#"{"operations":[{"put":"/a","delete":"/a"}]}"#, "operations[0]"),
            (r#"{"operations":[{"delete":"/a","value":""}]}"#, "operations[0]"),
            (r#"{"operations":[{"put":"/a","value":"","value_base64":""}]}"#, "operations[0]"),
            (r#"{"operations":[{"put":"/a","value_base64":"?"}]}"#, "operations[0]"),
            (r#"{"operations":[{"put":"/a/"}]}"#, "operations[0]"),
            (r#"{"operations":[{"put":"/a","put":"/b"}]}"#, "duplicate"),
        ] {
            let refused = Input::parse(text).expect_err(text);
            assert!(refused.contains(place), "{text}: {refused}");
        }
    }
}
