//! What a host reads.

use std::{
    io::{self, BufRead as _},
    process, thread,
};

use registry_hosts::{Event, Request};
use tokio::sync::mpsc;

use crate::log::tell;

/// Reads requests on a thread of their own, and ends the process when nobody can ask any more.
pub(crate) fn read() -> mpsc::UnboundedReceiver<Request> {
    let (sender, requests) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(io::Result::ok) {
            match serde_json::from_str(&line) {
                // They are read until the process ends.
                Ok(request) => drop(sender.send(request)),
                Err(error) => tell(Event::Failed(format!("{line} is not understood: {error}"))),
            }
        }
        process::exit(1);
    });
    requests
}
