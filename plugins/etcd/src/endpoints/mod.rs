//! The servers of one cluster: one is used until it fails, then the next (contract 3.6).

mod endpoint;

use std::{
    pin::pin,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use backon::{BackoffBuilder, ExponentialBuilder};
use etcd_client::GetOptions;
use registry_plugin::{Error, ErrorKind, Outcome, Result, config::Secret};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

pub(crate) use endpoint::{Connection, Endpoint};

use crate::{
    error::{Effect, silent, translate},
    history::{Answer, History},
};

/// A user's name and password.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: Secret,
}

/// How often and how long a request is tried again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retry {
    /// The first pause, after every endpoint was tried once.
    pub(crate) delay: Duration,
    /// The longest pause; jitter of up to the first comes on top.
    pub(crate) max_delay: Duration,
    /// All pauses together.
    pub(crate) max_duration: Duration,
}

impl Retry {
    /// Growing pauses with jitter, until their sum is reached.
    fn pauses(&self) -> impl Iterator<Item = Duration> + use<> {
        let max_duration = self.max_duration;
        self.endless().scan(Duration::ZERO, move |sum, pause| {
            *sum += pause;
            (*sum <= max_duration).then_some(pause)
        })
    }

    /// Growing pauses with jitter, for ever.
    pub(crate) fn endless(&self) -> impl Iterator<Item = Duration> + use<> {
        ExponentialBuilder::default()
            .with_min_delay(self.delay)
            .with_max_delay(self.max_delay)
            .with_jitter()
            .without_max_times()
            .build()
    }
}

/// The endpoints, and which of them is in use.
pub(crate) struct Endpoints {
    endpoints: Vec<Endpoint>,
    current: AtomicUsize,
    /// Another endpoint is in use.
    moved: Notify,
    /// Why the last attempt failed that was tried again.
    trouble: Mutex<Option<Error>>,
    retry: Retry,
    /// How long one endpoint may be silent before the next is tried.
    patience: Duration,
    /// The key that is asked for where only the answer's header matters.
    place: Vec<u8>,
    history: History,
}

impl Endpoints {
    /// `endpoints` must not be empty; `place` is a key that may be asked for, whether it is there or not.
    pub(crate) fn new(
        endpoints: Vec<Endpoint>,
        retry: Retry,
        operation_timeout: Duration,
        place: Vec<u8>,
        history: History,
    ) -> Self {
        // The second endpoint gets as much of a call's time as the first.
        let patience = if endpoints.len() == 1 { operation_timeout } else { operation_timeout / 2 };
        Endpoints {
            endpoints,
            current: AtomicUsize::new(0),
            moved: Notify::new(),
            trouble: Mutex::new(None),
            retry,
            patience,
            place,
            history,
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
        let next = (number + 1) % self.endpoints.len();
        if next != number && self.current.compare_exchange(number, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.moved.notify_waiters();
            tracing::warn!(
                from = self.endpoints[number].address(),
                to = self.endpoints[next].address(),
                "an etcd server does not serve, going on to the next"
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
    pub(crate) fn addresses(&self) -> String {
        self.endpoints.iter().map(Endpoint::address).collect::<Vec<_>>().join(", ")
    }

    /// Why the last attempt failed that was tried again, for whoever gives up on the call.
    pub(crate) fn trouble(&self) -> Option<Error> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Puts a small question that only a member which has caught up with all others answers. That the user may not read the key
    /// is an answer, too: he is known, and may have rights to other keys.
    ///
    /// # Errors
    ///
    /// As [`call`](Endpoints::call).
    pub(crate) async fn look(&self) -> Result<()> {
        let look = self.call(Effect::Repeatable, |connection| {
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
    /// Those of the last endpoint tried. What may have been written is never sent again. `SessionLost` if the answer comes from
    /// [another history](History).
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
        match timeout(self.patience, &mut send).await {
            Ok(answer) => answer,
            Err(_) if effect == Effect::Repeatable => Err(silent(effect)),
            Err(_) => {
                // Nobody knows what becomes of it, so that it can only be waited for; others needn't.
                self.failed(number);
                send.await
            }
        }
    }
}
