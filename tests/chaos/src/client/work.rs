//! What clients do, all at once.

mod counters;
mod entries;
mod ephemerals;
mod locks;

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use tokio::{sync::watch, task::JoinSet, time::sleep};

use super::calls::Calls;
use crate::message::Reached;

/// All keys lie here, so that one watch tells of everything.
pub(crate) const TOP: &str = "/c";

/// What a client was asked for at last.
pub(crate) type Asked = watch::Receiver<Reached>;

/// One thing that a client does.
pub(crate) struct Worker {
    calls: Arc<Calls>,
    client: u32,
    rng: Rng,
    asked: Asked,
}

/// Does all of it, until the client is asked to stop.
pub(crate) async fn work(calls: &Arc<Calls>, client: u32, rng: &mut Rng, asked: &Asked) {
    let mut worker = || Worker { calls: Arc::clone(calls), client, rng: rng.fork(), asked: asked.clone() };
    let mut at_once = JoinSet::new();
    at_once.spawn(locks::take(worker()));
    at_once.spawn(locks::take(worker()));
    at_once.spawn(counters::add_to_own(worker()));
    at_once.spawn(counters::add_to_shared(worker()));
    at_once.spawn(entries::come_and_go(worker()));
    at_once.spawn(ephemerals::keep(worker()));
    while let Some(ended) = at_once.join_next().await {
        if let Err(error) = ended {
            calls.log.wrong(format!("a worker has ended: {error}"));
        }
    }
}

impl Worker {
    fn works(&self) -> bool {
        *self.asked.borrow() < Reached::Stopped
    }

    /// Waits until the client is asked to stop.
    fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut asked = self.asked.clone();
        async move {
            // The caller lives as long as the process.
            let _ = asked.wait_for(|asked| *asked >= Reached::Stopped).await;
        }
    }

    /// Rests for so many milliseconds, or until the client is asked to stop.
    async fn rest(&mut self, milliseconds: std::ops::Range<u64>) {
        let rest = self.millis(milliseconds);
        tokio::select! {
            () = sleep(rest) => {}
            () = self.stopped() => {}
        }
    }

    fn millis(&mut self, milliseconds: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.rng.u64(milliseconds))
    }

    /// Whether it is to be, in so many of a hundred cases.
    fn once_in_a_while(&mut self, percent: u8) -> bool {
        self.rng.u8(0..100) < percent
    }

    /// One of so many keys of this kind.
    fn one_of(&mut self, kind: &str, count: u32) -> String {
        format!("{TOP}/{kind}/{}", self.rng.u32(0..count))
    }
}
