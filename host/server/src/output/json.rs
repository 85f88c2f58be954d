//! Objects of the JSON output.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use registry_host::{Entry, Error, Event, Progress};
use serde::Serialize;
use serde_json::{Value, json};

use crate::exit::Failure;

/// An entry: its value as text where it is text, else in base64.
#[derive(Serialize)]
pub(crate) struct EntryObject<'a> {
    key: &'a str,
    #[serde(flatten)]
    value: ValueObject<'a>,
    version: u64,
    created: u64,
    ephemeral: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ValueObject<'a> {
    Text { value: &'a str },
    Bytes { value_base64: String },
}

/// An entry as an object.
pub(crate) fn entry(entry: &Entry) -> EntryObject<'_> {
    EntryObject {
        key: &entry.key,
        value: match std::str::from_utf8(&entry.value) {
            Ok(value) => ValueObject::Text { value },
            Err(_) => ValueObject::Bytes { value_base64: STANDARD.encode(&entry.value) },
        },
        version: entry.version.get(),
        created: entry.created.get(),
        ephemeral: entry.ephemeral.map(|session| session.to_string()),
    }
}

/// Why there is no session yet.
pub(crate) fn progress(progress: &Progress) -> Value {
    let attempts = progress.servers.iter();
    let servers: Vec<_> =
        attempts.map(|attempt| json!({"server": attempt.server, "failure": attempt.failure})).collect();
    let elapsed = u64::try_from(progress.elapsed.as_millis()).unwrap_or(u64::MAX);
    json!({"opening": {"plugin": progress.plugin, "elapsed_ms": elapsed, "servers": servers}})
}

/// An event of a watch.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(crate) enum EventObject<'a> {
    Put {
        new: bool,
        #[serde(flatten)]
        entry: EntryObject<'a>,
    },
    Delete {
        key: &'a str,
        last: EntryObject<'a>,
    },
    Synced,
}

/// An event, and when it came.
#[derive(Serialize)]
pub(crate) struct Timed<'a> {
    pub(crate) time: String,
    #[serde(flatten)]
    pub(crate) event: EventObject<'a>,
}

/// An event as an object.
pub(crate) fn event(event: &Event) -> EventObject<'_> {
    match event {
        Event::Put { entry: put, new } => EventObject::Put { new: *new, entry: entry(put) },
        Event::Delete { last } => EventObject::Delete { key: &last.key, last: entry(last) },
        _ => EventObject::Synced,
    }
}

/// Why a command failed.
#[derive(Serialize)]
pub(crate) struct ErrorObject<'a> {
    error: ErrorParts<'a>,
}

#[derive(Serialize)]
struct ErrorParts<'a> {
    kind: &'a str,
    outcome: &'a str,
    operation: Option<&'a str>,
    key: Option<&'a str>,
    message: &'a str,
    causes: &'a [String],
}

/// Why a command failed, as an object.
pub(crate) fn error<'a>(failure: &Failure, error: &'a Error) -> ErrorObject<'a> {
    ErrorObject {
        error: ErrorParts {
            kind: if let Failure::Usage(_) = failure { "Usage" } else { error.kind().name() },
            outcome: error.outcome().name(),
            operation: error.operation(),
            key: error.key(),
            message: error.message(),
            causes: error.causes(),
        },
    }
}

#[cfg(test)]
mod tests {
    use registry_host::SessionId;

    use super::*;

    fn object(value: impl Serialize) -> String {
        serde_json::to_string(&value).unwrap()
    }

    #[test]
    fn entries_show_their_value_as_text_where_it_is_text() {
        let text = Entry::new("/a", "hé\n", 7.into(), 3.into(), None);
        assert_eq!(object(entry(&text)), r#"{"key":"/a","value":"hé\n","version":7,"created":3,"ephemeral":null}"#);
        let bytes = Entry::new("/a", &b"\xff\x00"[..], 7.into(), 3.into(), Some(SessionId(0xab)));
        assert_eq!(
            object(entry(&bytes)),
            r#"{"key":"/a","value_base64":"/wA=","version":7,"created":3,"ephemeral":"ab"}"#
        );
    }

    #[test]
    fn events_name_themselves_first() {
        let put = Event::Put { entry: Entry::new("/a", "x", 7.into(), 3.into(), None), new: true };
        assert!(object(event(&put)).starts_with(r#"{"event":"put","new":true,"key":"/a","value":"x","version":7"#));
        let delete = Event::Delete { last: Entry::new("/a", "x", 7.into(), 3.into(), None) };
        assert!(object(event(&delete)).starts_with(r#"{"event":"delete","key":"/a","last":{"key":"/a","value":"x""#));
        assert_eq!(object(event(&Event::Synced)), r#"{"event":"synced"}"#);
    }
}
