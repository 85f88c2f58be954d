//! The state machine of contract 4.3, on a short timeout.

use std::sync::{Arc, Mutex};

use super::*;

const TIMEOUT: Duration = Duration::from_millis(500);

const ONE: SessionId = SessionId(1);

type Transitions = Arc<Mutex<Vec<(SessionState, SessionId)>>>;

fn reporter() -> (SessionReporter, Transitions) {
    let told = Transitions::default();
    let hears = Arc::clone(&told);
    let reporter =
        SessionReporter::new(Box::new(move |now, _| hears.lock().expect("no panic").push((now.state, now.id))), 10);
    (reporter, told)
}

fn states(told: &Transitions) -> Vec<SessionState> {
    told.lock().expect("no panic").iter().map(|(state, _)| *state).collect()
}

/// A moment so long ago that a session of `TIMEOUT` is lost by now.
fn long_ago() -> Moment {
    Moment::from_nanos(Moment::now().as_nanos().saturating_sub(TIMEOUT.as_nanos() as u64))
}

#[test]
fn no_state_is_told_twice_in_a_row() {
    let (session, told) = reporter();
    let contact = Contact::Sent(Moment::now() + Duration::from_secs(60));
    session.connected(ONE, TIMEOUT, contact);
    session.connected(ONE, TIMEOUT, contact);
    session.alive(Moment::now() + Duration::from_secs(61));
    session.suspended();
    session.suspended();
    session.connected(ONE, TIMEOUT, contact);
    session.lost();
    session.lost();
    use SessionState::{Connected, Lost, Suspended};
    assert_eq!(states(&told), [Connected, Suspended, Connected, Lost]);
}

#[test]
fn a_lost_session_never_comes_back_but_another_follows_it() {
    let (session, told) = reporter();
    session.connected(ONE, TIMEOUT, Contact::Always);
    session.lost();
    session.connected(ONE, TIMEOUT, Contact::Always);
    session.alive(Moment::now());
    session.suspended();
    assert_eq!(session.state(), Some(SessionState::Lost));
    session.connected(SessionId(2), TIMEOUT, Contact::Always);
    assert_eq!(session.state(), Some(SessionState::Connected));
    assert_eq!(told.lock().expect("no panic").last(), Some(&(SessionState::Connected, SessionId(2))));
}

#[test]
fn nothing_follows_closed_and_one_closer_is_first() {
    let (session, told) = reporter();
    session.connected(ONE, TIMEOUT, Contact::Always);
    assert!(session.close());
    assert!(!session.close());
    session.connected(SessionId(2), TIMEOUT, Contact::Always);
    session.lost();
    assert_eq!(states(&told), [SessionState::Connected, SessionState::Closed]);
}

#[test]
fn a_call_finds_a_session_lost_that_outlived_its_timeout() {
    let (session, told) = reporter();
    session.connected(ONE, TIMEOUT, Contact::Sent(long_ago()));
    assert!(!session.may_send(), "as for a process that was stopped meanwhile");
    use SessionState::{Connected, Lost, Suspended};
    assert_eq!(states(&told), [Connected, Suspended, Lost], "no transition is skipped");
}

#[test]
fn the_margin_is_a_tenth_of_the_timeout() {
    let (session, _) = reporter();
    let second = Duration::from_secs(1);
    session.connected(
        ONE,
        second * 100,
        Contact::Sent(Moment::from_nanos(Moment::now().as_nanos().saturating_sub(89_000_000_000))),
    );
    assert!(session.may_send());
    let (session, _) = reporter();
    session.connected(
        ONE,
        second * 100,
        Contact::Sent(Moment::from_nanos(Moment::now().as_nanos().saturating_sub(91_000_000_000))),
    );
    assert!(!session.may_send());
}

#[test]
fn answers_told_out_of_order_do_not_shorten_the_session() {
    let (session, _) = reporter();
    session.connected(ONE, TIMEOUT, Contact::Sent(Moment::now() + Duration::from_secs(60)));
    session.alive(long_ago());
    assert!(session.may_send());
}

#[test]
fn a_shorter_timeout_counts_as_soon_as_it_is_granted() {
    let (session, told) = reporter();
    session.connected(ONE, TIMEOUT * 100, Contact::Sent(Moment::now()));
    session.connected(ONE, TIMEOUT, Contact::Sent(long_ago()));
    assert_eq!(session.state(), Some(SessionState::Lost));
    use SessionState::{Connected, Lost, Suspended};
    assert_eq!(states(&told), [Connected, Suspended, Lost]);
}

#[tokio::test]
async fn the_clock_ends_a_silent_session_and_wakes_waiters() {
    let (session, told) = reporter();
    let clock = tokio::spawn(session.clone().keep_clock());
    session.connected(ONE, TIMEOUT, Contact::Sent(Moment::now()));
    session.ended().await;
    use SessionState::{Connected, Lost, Suspended};
    assert_eq!(states(&told), [Connected, Suspended, Lost]);
    clock.abort();
}

#[tokio::test]
async fn contact_keeps_a_session_past_its_timeout() {
    let (session, told) = reporter();
    let clock = tokio::spawn(session.clone().keep_clock());
    let start = Moment::now();
    session.connected(ONE, TIMEOUT, Contact::Sent(start));
    while Moment::now().since(start) < TIMEOUT * 2 {
        session.alive(Moment::now());
        tokio::time::sleep(TIMEOUT / 10).await;
    }
    assert_eq!(states(&told), [SessionState::Connected]);
    clock.abort();
}

#[tokio::test]
async fn senders_wait_until_connected_or_closed() {
    let (session, _) = reporter();
    let waiting = tokio::spawn({
        let session = session.clone();
        async move { session.sendable().await }
    });
    session.connected(ONE, TIMEOUT, Contact::Always);
    assert!(waiting.await.expect("no panic").is_ok());
    session.suspended();
    let waiting = tokio::spawn({
        let session = session.clone();
        async move { session.sendable().await }
    });
    session.close();
    let refused = waiting.await.expect("no panic").expect_err("closed");
    assert_eq!((refused.kind(), refused.outcome()), (ErrorKind::Closed, Outcome::NotApplied));
}
