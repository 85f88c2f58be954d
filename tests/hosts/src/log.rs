//! Telling, a line at a time.

use std::{
    io::{self, Write as _},
    process,
};

use registry_hosts::{Event, TimedEvent, now};

/// Writes a line, whole before this returns; lines are in the order of their times.
pub(crate) fn tell(event: Event) {
    let mut out = io::stdout().lock();
    let told = TimedEvent { at: now(), event };
    let written = serde_json::to_string(&told).map_err(io::Error::other);
    let written = written.and_then(|line| out.write_all((line + "\n").as_bytes())).and_then(|()| out.flush());
    if written.is_err() {
        // The reader is gone, and nobody would see a reason.
        process::exit(1);
    }
}
