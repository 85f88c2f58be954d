//! The servers of one cluster: one is used until it fails or another answers while it is silent (contract 3.6).

mod choice;
mod endpoint;
mod retry;

use std::{
    pin::pin,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use etcd_client::GetOptions;
use registry_plugin::{Effect, Error, ErrorKind, Outcome, Result, config::Secret};
use tokio::{
    select,
    sync::{Notify, Semaphore},
    time::{Instant, sleep, timeout},
};

pub(crate) use endpoint::{Connection, Endpoint};
pub(crate) use retry::Retry;

use crate::{
    error::{silent, translate},
    history::{Answer, History},
};

/// A user's name and password.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: Secret,
}

/// The endpoints, and which of them is in use.
pub(crate) struct Endpoints {
    /// In the order in which they are tried, which is another one for each connection.
    endpoints: Vec<Endpoint>,
    /// All addresses as they are configured, for messages.
    addresses: String,
    current: AtomicUsize,
    /// Another endpoint is in use.
    moved: Notify,
    /// Why the last attempt failed that was tried again.
    trouble: Mutex<Option<Error>>,
    retry: Retry,
    /// How long one endpoint may be silent before the next is tried, whether that one answers or not.
    patience: Duration,
    /// The key that is asked for where only it matters that there is an answer, or its header.
    place: Vec<u8>,
    history: History,
    /// One call at a time compares the endpoints.
    comparing: Semaphore,
    /// When the endpoint in use last answered sooner than the others.
    vouched: Mutex<Option<Instant>>,
}

impl Endpoints {
    /// `endpoints` must not be empty; `place` is a key that may be asked for, whether it is there or not.
    pub(crate) fn new(
        mut endpoints: Vec<Endpoint>,
        retry: Retry,
        operation_timeout: Duration,
        place: Vec<u8>,
        history: History,
    ) -> Self {
        // The second endpoint gets as much of a call's time as the first.
        let patience = if endpoints.len() == 1 { operation_timeout } else { operation_timeout / 2 };
        let addresses = endpoints.iter().map(Endpoint::address).collect::<Vec<_>>().join(", ");
        // Else all clients of a cluster would use its first server.
        fastrand::shuffle(&mut endpoints);
        Endpoints {
            endpoints,
            addresses,
            current: AtomicUsize::new(0),
            moved: Notify::new(),
            trouble: Mutex::new(None),
            retry,
            patience,
            place,
            history,
            comparing: Semaphore::new(1),
            vouched: Mutex::new(None),
        }
    }

    /// What their answers have shown of their data.
    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    pub(crate) fn retry(&self) -> Retry {
        self.retry
    }

    /// The endpoint in use, and its number for [`failed`](Endpoints::failed).
    pub(crate) fn current(&self) -> (usize, &Endpoint) {
        let number = self.current.load(Ordering::Relaxed) % self.endpoints.len();
        (number, &self.endpoints[number])
    }

    /// How many endpoints there are.
    pub(crate) fn count(&self) -> usize {
        self.endpoints.len()
    }

    /// The endpoint of that number, whether it is in use or not.
    pub(crate) fn at(&self, number: usize) -> &Endpoint {
        &self.endpoints[number % self.endpoints.len()]
    }

    /// Goes on to the next endpoint, unless somebody did so already.
    pub(crate) fn failed(&self, number: usize) {
        self.go_on(number, (number + 1) % self.endpoints.len());
    }

    /// Goes on from one endpoint to another, unless somebody did so already.
    fn go_on(&self, from: usize, to: usize) {
        if from != to && self.current.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.moved.notify_waiters();
            tracing::warn!(
                from = self.endpoints[from].address(),
                to = self.endpoints[to].address(),
                "an etcd server does not serve, going on to another"
            );
        }
    }

    /// Waits until another endpoint than this one is in use.
    pub(crate) async fn moved_from(&self, number: usize) {
        loop {
            let mut moved = pin!(self.moved.notified());
            // Heard of from now on, so that a move right after the look is not missed.
            moved.as_mut().enable();
            if self.current().0 != number {
                return;
            }
            moved.await;
        }
    }

    /// How long one endpoint may be silent before the next is tried.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// All addresses, for messages.
    pub(crate) fn addresses(&self) -> &str {
        &self.addresses
    }

    /// Why the last attempt failed that was retried, for the error of a call that is given up.
    pub(crate) fn trouble(&self) -> Option<Error> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Puts a small question that only a member which has caught up with all others answers. That the user may not read
    /// the key is an answer, too: he is known, and may have rights to other keys.
    ///
    /// # Errors
    ///
    /// As [`call`](Endpoints::call).
    pub(crate) async fn look(&self) -> Result<()> {
        let look = self.call(Effect::Read, |connection| {
            let (mut client, place) = (connection.kv.clone(), self.place.clone());
            async move { client.get(place, Some(GetOptions::new().with_count_only())).await }
        });
        match look.await {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Sends a request to the endpoint in use, and to the next ones while the contract allows it.
    ///
    /// # Errors
    ///
    /// Those of the last endpoint tried. What may have been written is never sent again. `SessionLost` if the answer
    /// comes from [another history](History).
    pub(crate) async fn call<T, F, R>(&self, effect: Effect, mut request: F) -> Result<T>
    where
        F: FnMut(&Connection) -> R,
        R: Future<Output = Result<T, etcd_client::Error>>,
        T: Answer,
    {
        let mut pauses = None;
        let mut tried = 0;
        loop {
            let (number, endpoint) = self.current();
            let error = match self.attempt(number, endpoint, effect, &mut request).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if !matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout) {
                return Err(error);
            }
            self.failed(number);
            if error.outcome() != Outcome::NotApplied {
                return Err(error);
            }
            tried += 1;
            if tried % self.endpoints.len() == 0 {
                match pauses.get_or_insert_with(|| self.retry.pauses()).next() {
                    Some(pause) => {
                        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        sleep(pause).await;
                    }
                    None => return Err(error),
                }
            }
        }
    }

    /// Sends a request to one endpoint.
    ///
    /// # Behavior
    ///
    /// While it is silent a small question goes to it and to the others: only a read follows to one that answers
    /// sooner, which later calls go to as well.
    async fn attempt<T, F, R>(&self, number: usize, endpoint: &Endpoint, effect: Effect, request: &mut F) -> Result<T>
    where
        F: FnMut(&Connection) -> R,
        R: Future<Output = Result<T, etcd_client::Error>>,
        T: Answer,
    {
        let send = async {
            let connection = endpoint.connection().await?;
            let asked = self.history.mark();
            let answer = request(connection).await.map_err(|error| translate(error, effect))?;
            // If it is another's cluster, the next endpoint may be of this one still.
            self.history.check(asked, &answer, effect).inspect_err(|_| self.failed(number))?;
            Ok(answer)
        };
        let send =
            async { send.await.map_err(|error: Error| error.with_cause_text(format!("at {}", endpoint.address()))) };
        let mut send = pin!(send);
        if effect == Effect::Repeatable {
            // A second lease while the first may be granted is worth some patience.
            return timeout(self.patience, send).await.unwrap_or_else(|_| Err(silent(effect)));
        }
        select! {
            biased;
            answer = &mut send => answer,
            () = self.left(number) => match effect {
                // Nobody knows what becomes of it, so that it can only be waited for; others needn't.
                Effect::Write => send.await,
                _ => Err(silent(effect)),
            },
        }
    }
}
