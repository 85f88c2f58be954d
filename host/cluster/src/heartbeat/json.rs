//! JSON, which must not be taken for one of the older formats.

use serde::Serialize;

use super::Heartbeat;
use crate::HeartbeatFormat;

/// The heartbeat, with as many fields more as it takes.
#[derive(Serialize)]
struct Padded<'a> {
    #[serde(flatten)]
    heartbeat: &'a Heartbeat,
    padding: &'a [u8],
}

/// Writes it such that no old release reads it.
///
/// Those split a value at its commas, and take it for theirs if that gives as many parts as their own format has. The
/// first part is not a number then, for which they fail to read all other servers as well.
pub(super) fn write(heartbeat: &Heartbeat) -> Vec<u8> {
    let plain = text(heartbeat);
    if !is_mistakable(&plain) {
        return plain;
    }
    // Each stands after a comma: that of the field, and those between its elements.
    const PADDING: [u8; HeartbeatFormat::ALL.len()] = [0; HeartbeatFormat::ALL.len()];
    let mut padded = (1..=PADDING.len()).map(|count| text(&Padded { heartbeat, padding: &PADDING[..count] }));
    padded.find(|text| !is_mistakable(text)).unwrap_or(plain)
}

fn text(value: &impl Serialize) -> Vec<u8> {
    // Names and numbers, which can always be written.
    serde_json::to_vec(value).unwrap_or_default()
}

pub(super) fn is_mistakable(text: &[u8]) -> bool {
    let parts = text.iter().filter(|byte| **byte == b',').count() + 1;
    HeartbeatFormat::ALL.into_iter().any(|format| format.fields() == Some(parts))
}
