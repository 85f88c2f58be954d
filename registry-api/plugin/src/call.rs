//! Calls: started only while the session is connected, ended by their deadline (contract 4.5).

use std::{
    pin::Pin,
    task::{Context as TaskContext, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use registry_api::{Error, ErrorKind, Outcome, Result};
use tokio::time::Sleep;

use crate::SessionReporter;

/// What a request may do to the servers' data: whether it may be sent a second time when nobody knows what became of
/// the first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// It changes nothing.
    Read,
    /// It changes nothing more than the first did.
    Repeatable,
    /// It writes.
    Write,
}

impl Effect {
    /// The outcome of a request that was sent and got no answer (3.6).
    pub fn unanswered(self) -> Outcome {
        match self {
            Effect::Read | Effect::Repeatable => Outcome::NotApplied,
            Effect::Write => Outcome::Unknown,
        }
    }
}

pin_project! {
    /// A call to a backend, held back until the session is connected and ended by its deadline.
    ///
    /// Timer and gate are made when they are needed: a call that is ready at once costs neither, nor room for them.
    pub(crate) struct Call<'a, F> {
        session: &'a SessionReporter,
        timeout: Duration,
        effect: Effect,
        begun: bool,
        gate: Option<Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>>,
        timer: Option<Pin<Box<Sleep>>>,
        #[pin]
        call: F,
    }
}

/// Runs `call` once the session is connected, for at most `timeout` in all.
///
/// # Errors
///
/// `Timeout`: `NotApplied` when nothing was sent, else [what the effect says](Effect::unanswered); `Closed` when the
/// connection closes before.
pub(crate) fn call<F>(session: &SessionReporter, timeout: Duration, effect: Effect, call: F) -> Call<'_, F> {
    Call { session, timeout, effect, begun: false, gate: None, timer: None, call }
}

impl<T, F: Future<Output = Result<T>>> Future for Call<'_, F> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Result<T>> {
        let mut this = self.project();
        loop {
            if *this.begun {
                if let Poll::Ready(result) = this.call.as_mut().poll(cx) {
                    return Poll::Ready(result);
                }
            } else if this.gate.is_none() && this.session.may_send() {
                *this.begun = true;
                continue;
            } else {
                let session: &SessionReporter = this.session;
                let gate = this.gate.get_or_insert_with(|| Box::pin(session.sendable()));
                if let Poll::Ready(open) = gate.as_mut().poll(cx) {
                    open?;
                    *this.begun = true;
                    continue;
                }
            }
            let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(*this.timeout)));
            ready!(timer.as_mut().poll(cx));
            return Poll::Ready(Err(timed_out(*this.timeout, *this.begun, *this.effect)));
        }
    }
}

fn timed_out(timeout: Duration, begun: bool, effect: Effect) -> Error {
    if begun {
        Error::new(ErrorKind::Timeout, format!("no answer within {timeout:?}")).set_outcome(effect.unanswered())
    } else {
        Error::new(
            ErrorKind::Timeout,
            format!("the session was out of contact with the server for {timeout:?}, nothing was sent"),
        )
        .set_outcome(Outcome::NotApplied)
    }
}

#[cfg(test)]
mod tests {
    use registry_api::SessionId;

    use super::*;
    use crate::Contact;

    const TIMEOUT: Duration = Duration::from_secs(5);

    fn session() -> SessionReporter {
        let session = SessionReporter::new(Box::new(|_, _| ()), 10);
        session.connected(SessionId(1), TIMEOUT, Contact::Always);
        session
    }

    fn kind_and_outcome(error: &Error) -> (ErrorKind, Outcome) {
        (error.kind(), error.outcome())
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_ends_by_its_deadline_with_its_outcome() {
        let session = session();
        for (effect, outcome) in [(Effect::Read, Outcome::NotApplied), (Effect::Write, Outcome::Unknown)] {
            let error = call(&session, TIMEOUT, effect, std::future::pending::<Result<()>>()).await.expect_err("late");
            assert_eq!(kind_and_outcome(&error), (ErrorKind::Timeout, outcome));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn while_suspended_nothing_is_begun() {
        let session = session();
        session.suspended();
        let begun = call(&session, TIMEOUT, Effect::Write, async {
            panic!("begun");
            #[allow(unreachable_code, reason = "it gives the future its type")]
            Ok(())
        });
        let error = begun.await.expect_err("nothing can be sent");
        assert_eq!(kind_and_outcome(&error), (ErrorKind::Timeout, Outcome::NotApplied));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_waited_goes_on_when_the_session_does() {
        let session = session();
        session.suspended();
        let again = session.clone();
        let (answer, ()) = tokio::join!(call(&session, TIMEOUT, Effect::Read, async { Ok(7) }), async {
            tokio::time::sleep(TIMEOUT / 2).await;
            again.connected(SessionId(1), TIMEOUT, Contact::Always);
        });
        assert_eq!(answer.expect("connected in time"), 7);
    }

    #[tokio::test]
    async fn a_closed_session_gives_closed() {
        let session = session();
        session.close();
        let error = call(&session, TIMEOUT, Effect::Write, async { Ok(()) }).await.expect_err("closed");
        assert_eq!(kind_and_outcome(&error), (ErrorKind::Closed, Outcome::NotApplied));
    }
}
