//! What a law finds: that it holds, or what was expected and what came.

use std::{
    fmt,
    fmt::Debug,
    panic::Location,
    time::{Duration, Instant},
};

use registry_host::{Error, ErrorKind, Outcome};
use tokio::time::sleep;

use crate::pace;

/// How long a law waits for what must come soon, on a machine that does nothing else.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// What a law, or a step of it, finds.
pub(crate) type Verdict<T = ()> = Result<T, Failure>;

/// Why a law is not shown to hold.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It is broken: what was expected, what came, and where in the law.
    Broken(String),
    /// It can't be shown on this backend or with these rights.
    NotApplicable(String),
}

impl Failure {
    #[track_caller]
    pub(crate) fn new(message: impl fmt::Display) -> Self {
        let place = Location::caller();
        Failure::Broken(format!("{message} [{}:{}]", place.file().rsplit('/').next().unwrap_or(""), place.line()))
    }
}

impl From<Error> for Failure {
    #[track_caller]
    fn from(error: Error) -> Self {
        Failure::new(format_args!("unexpected {}: {error}", error.kind()))
    }
}

/// Both are the same.
#[track_caller]
pub(crate) fn same<A: PartialEq<B> + Debug, B: Debug>(what: impl fmt::Display, came: A, expected: B) -> Verdict {
    if came == expected {
        return Ok(());
    }
    Err(Failure::new(format_args!("{what}: expected {}, came {}", short(&expected), short(&came))))
}

/// It is so.
#[track_caller]
pub(crate) fn holds(what: impl fmt::Display, it_is_so: bool) -> Verdict {
    if it_is_so { Ok(()) } else { Err(Failure::new(format_args!("expected that {what}"))) }
}

/// It is there.
#[track_caller]
pub(crate) fn there<T>(what: impl fmt::Display, found: Option<T>) -> Verdict<T> {
    found.ok_or_else(|| Failure::new(format_args!("expected {what}, came nothing")))
}

/// The call is refused with that kind, and nothing was applied.
#[track_caller]
pub(crate) fn refused<T: Debug>(what: impl fmt::Display, result: Result<T, Error>, kind: ErrorKind) -> Verdict<Error> {
    let error = match result {
        Ok(value) => return Err(Failure::new(format_args!("{what}: expected {kind}, came {}", short(&value)))),
        Err(error) => error,
    };
    if error.kind() != kind {
        return Err(Failure::new(format_args!("{what}: expected {kind}, came {}: {error}", error.kind())));
    }
    if error.outcome() != Outcome::NotApplied {
        return Err(Failure::new(format_args!("{what}: expected that nothing was applied, came {}", error.outcome())));
    }
    Ok(error)
}

/// The future is ready before the time is up.
#[track_caller]
pub(crate) fn within<F: Future>(
    what: impl fmt::Display,
    limit: Duration,
    future: F,
) -> impl Future<Output = Verdict<F::Output>> {
    let late = Failure::new(format_args!("{what}: not within {limit:?}"));
    async move { pace::timeout(limit, future).await.ok_or(late) }
}

/// The question is answered with yes before the time is up; it is asked again and again.
#[track_caller]
pub(crate) fn eventually<F: Future<Output = Verdict<bool>>>(
    what: impl fmt::Display,
    limit: Duration,
    mut question: impl FnMut() -> F,
) -> impl Future<Output = Verdict> {
    let late = Failure::new(format_args!("expected that {what} within {limit:?}"));
    async move {
        let began = Instant::now();
        while !question().await? {
            if !pace::is_within(limit, began).await {
                return Err(late);
            }
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

/// A value as a message shows it: entries may hold a million bytes.
fn short(value: &impl Debug) -> String {
    const LONGEST: usize = 400;
    let text = format!("{value:?}");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
