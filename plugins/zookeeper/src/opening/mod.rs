//! Opening the session in the time that there is for it, and saying why where it doesn't open.

mod diagnosis;

use std::{sync::Arc, time::Duration};

use backon::Retryable;
use registry_plugin::{Context, Effect, Error, ErrorKind, Outcome, Result};
use tokio::time::{Instant, timeout};

use crate::{config::Settings, error::silent, session::Session};

/// How long it may take to find out why no server could be reached.
const DIAGNOSIS: Duration = Duration::from_secs(5);

/// What is kept of the time for that, at most.
const KEPT: Duration = Duration::from_secs(2);

/// Opens the session.
///
/// # Behavior
///
/// Each attempt tries every server once. All attempts together, and finding out why none came through, take no longer
/// than `block-until-connected`.
///
/// # Errors
///
/// `Unavailable`, with what was found out about each server; `Unauthenticated` and `PermissionDenied` at once.
pub(crate) async fn open(settings: &Settings, context: &Context) -> Result<Arc<Session>> {
    let (dial, within) = (&settings.dial, context.opening().within(settings.block_until_connected));
    let (deadline, kept) = (Instant::now() + within, KEPT.min(within / 4));
    let mut last = None;
    let attempt = || Session::open(dial.clone(), settings.paths.clone(), context);
    let attempts = attempt.retry(dial.retries(settings.max_retries)).when(may_pass).notify(|error, pause| {
        tracing::debug!(%error, ?pause, "no session yet");
        last = Some(error.clone());
    });
    let error = match timeout(within - kept, attempts).await {
        Ok(Ok(session)) => return Ok(session),
        Ok(Err(error)) if !may_pass(&error) => return Err(error),
        Ok(Err(error)) => error,
        Err(_) => last.unwrap_or_else(|| silent(Effect::Repeatable)),
    };
    let left = deadline.saturating_duration_since(Instant::now());
    let diagnosis = diagnosis::of(dial, left.min(DIAGNOSIS)).await;
    let message = format!(
        "no ZooKeeper server could be reached at {}; check {} and the servers{}",
        dial.addresses(),
        context.config_key("connect-string"),
        diagnosis.advice(context),
    );
    let causes = [error.message().to_owned()].into_iter().chain(error.causes().iter().cloned());
    let error =
        diagnosis.findings().chain(causes).fold(Error::new(ErrorKind::Unavailable, message), Error::with_cause_text);
    Err(error.set_outcome(Outcome::NotApplied))
}

/// Whether another attempt may come through.
fn may_pass(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::SessionLost)
}
