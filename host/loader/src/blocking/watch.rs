//! The events of a watch, waited for one by one.

use std::time::Duration;

use registry_api::{Event, Result};

use super::runtime::Runtime;

/// The events of a watch: an iterator that blocks until the next one, and ends with the registry or after an error.
#[derive(Debug)]
#[must_use = "a watch tells nothing until it is asked"]
pub struct Watch {
    watch: crate::Watch,
    runtime: Runtime,
}

impl Watch {
    pub(super) fn new(watch: crate::Watch, runtime: Runtime) -> Self {
        Watch { watch, runtime }
    }

    /// The next event if it comes within this time; else `None`, and no event is lost. The end of the watch is
    /// `Some(None)`.
    pub fn next_within(&mut self, limit: Duration) -> Option<Option<Result<Event>>> {
        let Watch { watch, runtime } = self;
        runtime.wait(async { tokio::time::timeout(limit, watch.next()).await.ok() })
    }
}

impl Iterator for Watch {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Self::Item> {
        let Watch { watch, runtime } = self;
        runtime.wait(watch.next())
    }
}
