//! What is held at one moment.

use std::{fs, time::Duration};

use registry_suite::{descriptors, resident_kib};
use tokio::time::{Instant, sleep};

use super::server::Server;

/// How long what is being given back may take.
const SOON: Duration = Duration::from_secs(3);

/// What this process and the server hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Sample {
    /// After how many minutes of the day.
    pub(super) minute: u64,
    pub(super) resident_kb: u64,
    pub(super) descriptors: u64,
    pub(super) threads: u64,
    /// At the server; `None` if there is none.
    pub(super) sessions: Option<u64>,
}

/// What is read off a sample.
pub(super) type Of = fn(&Sample) -> u64;

impl Sample {
    /// Takes one, once no more is held than in one of those before, or it has been waited for long enough: connections
    /// that broke are given back in the background.
    pub(super) async fn take(minute: u64, server: &Server, before: &[Sample]) -> Self {
        let deadline = Instant::now() + SOON;
        loop {
            let threads = fs::read_dir("/proc/self/task").map_or(0, Iterator::count) as u64;
            let sessions = tokio::task::block_in_place(|| server.sessions());
            let (descriptors, resident_kb) = (descriptors() as u64, resident_kib() as u64);
            let now = Sample { minute, resident_kb, descriptors, threads, sessions };
            if before.is_empty() || before.iter().any(|before| now.is_within(before)) || Instant::now() >= deadline {
                return now;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whether no more is held, memory aside.
    fn is_within(&self, before: &Sample) -> bool {
        self.descriptors <= before.descriptors && self.threads <= before.threads && self.sessions <= before.sessions
    }
}
