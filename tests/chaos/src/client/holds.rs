//! What this process holds.

use std::{fs, time::Duration};

use registry_chaos::history::Event;
use registry_suite::{descriptors, plugin_threads, resident_kib};
use tokio::time::{Instant, sleep};

/// How long it may take until all is given back that is.
const SOON: Duration = Duration::from_secs(10);

/// Threads, descriptors and memory.
pub(crate) struct Holds {
    threads: u64,
    descriptors: u64,
    resident_kb: u64,
}

impl Holds {
    pub(crate) fn now() -> Self {
        let threads = fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
        Holds { threads: threads as u64, descriptors: descriptors() as u64, resident_kb: resident_kib() as u64 }
    }

    /// Waits until no more threads and descriptors are there than then, and gives up on it after a while.
    pub(crate) async fn not_above(then: &Self) -> Self {
        Self::once(|now| now.threads <= then.threads && now.descriptors <= then.descriptors).await
    }

    /// Waits until a plugin has no threads of its own any more, and gives up on it after a while.
    pub(crate) async fn at_rest(plugin: &str) -> Self {
        Self::once(|_| plugin_threads(plugin) == 0).await
    }

    async fn once(enough: impl Fn(&Self) -> bool) -> Self {
        let deadline = Instant::now() + SOON;
        loop {
            let now = Holds::now();
            if enough(&now) || Instant::now() >= deadline {
                return now;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn told(&self, when: &str) -> Event {
        Event::Holds {
            when: when.to_owned(),
            threads: self.threads,
            descriptors: self.descriptors,
            resident_kb: self.resident_kb,
        }
    }
}
