//! Choosing an endpoint: by a small question that is put to one after the other, until one answers.

use std::{future::pending, sync::PoisonError};

use registry_plugin::{
    Effect, Error, ErrorKind, Opening, Result,
    race::{STAGGER, race},
};
use tokio::{
    select,
    time::{Instant, sleep, timeout},
};

use super::Endpoints;
use crate::error::silent;

impl Endpoints {
    /// Finds an endpoint that serves, and uses it from then on.
    ///
    /// # Errors
    ///
    /// `Unauthenticated` and so on at once, as no other would answer differently; else those of the last round, once
    /// there have been as many as the configuration asks for.
    pub(crate) async fn find(&self, opening: &Opening) -> Result<()> {
        let mut pauses = self.retry.pauses();
        loop {
            let asked = (0..self.endpoints.len()).map(|number| async move {
                let address = self.endpoints[number].address();
                opening.trying(address);
                match self.ask(number).await {
                    Ok(number) => Ok(Ok(number)),
                    Err(error) if passes(&error) => {
                        opening.failed(address, told(&error));
                        Err(error)
                    }
                    Err(error) => Ok(Err(error)),
                }
            });
            let errors = match race(asked).await {
                Ok(Ok(won)) => {
                    self.current.store(won, std::sync::atomic::Ordering::Relaxed);
                    return Ok(());
                }
                Ok(Err(refused)) => return Err(refused),
                Err(errors) => errors,
            };
            let error = errors.into_iter().last().unwrap_or_else(|| silent(Effect::Read));
            let Some(pause) = pauses.next() else { return Err(error) };
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            sleep(pause).await;
        }
    }

    /// Waits until an endpoint that owes an answer is to be left: because another is in use by now that answers sooner,
    /// or because this one had all of its time.
    pub(super) async fn left(&self, number: usize) {
        let moved = async {
            sleep(STAGGER).await;
            select! {
                // It is large, and seldom needed: no call carries room for it.
                () = Box::pin(self.compare(number)) => {}
                () = self.moved_from(number) => {}
            }
        };
        select! {
            () = moved => {}
            () = sleep(self.patience) => self.failed(number),
        }
    }

    /// Puts a question to the endpoint in use, and to the others in turn; goes on with one that answers sooner.
    ///
    /// # Behavior
    ///
    /// It ends only then. Of all calls that wait for the same endpoint one asks, the others go by what it finds out.
    async fn compare(&self, number: usize) {
        if self.endpoints.len() == 1 {
            return pending().await;
        }
        let begun = Instant::now();
        // It is never closed.
        let turn = self.comparing.acquire().await;
        let vouched = || *self.vouched.lock().unwrap_or_else(PoisonError::into_inner);
        let mut backoff = self.retry.backoff();
        while vouched().is_none_or(|vouched| vouched < begun) {
            let count = self.endpoints.len();
            match race((0..count).map(|next| self.ask((number + next) % count))).await {
                // It is slow, or the request is.
                Ok(won) if won == number => {
                    *self.vouched.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                }
                Ok(won) => return self.go_on(number, won),
                Err(_) => sleep(backoff.next_pause()).await,
            }
        }
        drop(turn);
        pending().await
    }

    /// Sees whether an endpoint serves.
    async fn ask(&self, number: usize) -> Result<usize> {
        let endpoint = &self.endpoints[number];
        let served = timeout(self.patience, endpoint.serves(&self.place)).await;
        served.unwrap_or_else(|_| Err(silent(Effect::Read))).map(|()| number)
    }
}

/// An error as waiters are told it: its cause says more than itself.
fn told(error: &Error) -> &str {
    error.causes().last().map_or(error.message(), String::as_str)
}

/// Whether another endpoint, or this one later, may answer differently.
fn passes(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout)
}
