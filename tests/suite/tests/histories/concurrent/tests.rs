//! Records made by hand, so that the judgement is known to tell right from wrong.

use std::collections::BTreeMap;

use registry_host::{Applied, Capabilities, Capability, Entry, SessionId};

use super::{
    call::{Answer, Claim, What},
    own_reads,
    record::{Record, is_linearizable},
    specification::Specification,
    strays,
};
use crate::{
    model::Owner,
    operation::{Operation, OperationKind},
};

const ONE: Owner = (1, 0);
const OTHER: Owner = (2, 0);

/// Adds a call that is answered before anything else is asked.
fn add(record: &Record, (client, _): Owner, what: What, answer: Answer) {
    let id = record.ask((client, 0), what);
    record.answer(id, answer);
}

fn put(owner: Owner, claims: &[Claim], value: u8) -> What {
    write(owner, claims, OperationKind::Put(vec![value]))
}

fn write(owner: Owner, claims: &[Claim], kind: OperationKind) -> What {
    What::Commit { owner, claims: claims.to_vec(), operations: vec![Operation { key: "/k".to_owned(), kind }] }
}

fn get() -> What {
    What::Get("/k".to_owned())
}

fn version(version: u64) -> Answer {
    Answer::Applied(vec![Applied::Put { version: version.into() }])
}

fn found(value: u8, version: u64, created: u64, owner: Option<Owner>) -> Answer {
    Answer::Entry(Some(Entry::new("/k", vec![value], version.into(), created.into(), owner.map(session))))
}

fn session((client, _): Owner) -> SessionId {
    SessionId(client as u64)
}

fn holds(record: &Record) -> bool {
    holds_with(record, &Capabilities::all())
}

fn holds_with(record: &Record, capabilities: &Capabilities) -> bool {
    let sessions = BTreeMap::from([ONE, OTHER].map(|owner| (owner, session(owner))));
    let asked = strays::added(&record.asked(), capabilities);
    is_linearizable(&asked, Specification::new(capabilities, sessions))
}

#[test]
fn a_read_shows_the_last_write_that_has_ended() {
    for (value, told, right) in [(8, 4, true), (7, 3, false)] {
        let record = Record::default();
        add(&record, ONE, put(ONE, &[], 7), version(3));
        add(&record, ONE, put(ONE, &[], 8), version(4));
        add(&record, OTHER, get(), found(value, told, 3, None));
        assert_eq!(holds(&record), right, "{value}");
    }
}

#[test]
fn of_two_writes_at_one_version_one_succeeds() {
    for (answer, right) in [(Answer::Failed(vec![0]), true), (version(5), false)] {
        let record = Record::default();
        add(&record, ONE, put(ONE, &[], 7), version(3));
        let at_once = record.ask((2, 0), put(OTHER, &[Claim::Version("/k".to_owned(), 3)], 8));
        add(&record, ONE, put(ONE, &[Claim::Version("/k".to_owned(), 3)], 9), version(4));
        record.answer(at_once, answer);
        assert_eq!(holds(&record), right);
    }
}

#[test]
fn a_former_version_passes_only_without_exact_versions() {
    let record = Record::default();
    add(&record, ONE, put(ONE, &[], 7), version(3));
    add(&record, ONE, write(ONE, &[], OperationKind::Delete), Answer::Applied(vec![Applied::Deleted { count: 1 }]));
    add(&record, ONE, put(ONE, &[], 8), version(5));
    add(&record, OTHER, put(OTHER, &[Claim::Version("/k".to_owned(), 3)], 9), version(6));
    assert!(!holds(&record));
    assert!(holds_with(&record, &Capabilities::all().without(Capability::ExactVersions, "may pass wrongly")));
}

#[test]
fn a_recreated_entry_may_show_a_put_without_exact_versions() {
    // What the reader finds, and whether the put has ended by then.
    for (owner, ended, right) in [(Some(OTHER), false, true), (Some(OTHER), true, false), (None, false, false)] {
        let record = Record::default();
        let putting = record.ask((1, 0), put(ONE, &[], 7));
        add(&record, OTHER, write(OTHER, &[], OperationKind::PutEphemeral(vec![8])), version(4));
        if ended {
            record.answer(putting, version(6));
        }
        add(&record, OTHER, get(), found(7, 5, 4, owner));
        if !ended {
            record.answer(putting, version(6));
        }
        add(&record, OTHER, get(), found(7, 6, 4, None));
        let vague = Capabilities::all().without(Capability::ExactVersions, "may pass wrongly");
        assert_eq!(holds_with(&record, &vague), right, "{record:?}");
        assert!(!holds(&record), "{record:?}");
    }
}

#[test]
fn an_unanswered_call_is_applied_now_later_or_never() {
    let former = || found(7, 3, 3, None);
    let written = || found(8, 4, 3, None);
    for (reads, right) in [
        ([former(), former()], true),
        ([former(), written()], true),
        ([written(), written()], true),
        ([written(), former()], false),
    ] {
        let record = Record::default();
        add(&record, ONE, put(ONE, &[], 7), version(3));
        record.ask((1, 0), put(ONE, &[], 8));
        for answer in reads {
            add(&record, OTHER, get(), answer);
        }
        assert_eq!(holds(&record), right, "{record:?}");
    }
}

#[test]
fn checks_tell_of_a_version_that_no_answer_told() {
    for (parent, right) in [(3, true), (2, false)] {
        let record = Record::default();
        let operations = vec![Operation { key: "/p/k".to_owned(), kind: OperationKind::Put(Vec::new()) }];
        record.ask((1, 0), What::Commit { owner: ONE, claims: Vec::new(), operations });
        let claims = vec![Claim::Version("/p".to_owned(), parent), Claim::Version("/p/k".to_owned(), 3)];
        let seen = What::Commit { owner: OTHER, claims, operations: Vec::new() };
        add(&record, OTHER, seen, Answer::Applied(Vec::new()));
        assert_eq!(holds(&record), right, "{parent}");
    }
}

#[test]
fn checks_tell_when_an_entry_was_made() {
    let lives = |created| put(OTHER, &[Claim::Lives("/k".to_owned(), created)], 7);
    let checks = |claims: &[Claim]| What::Commit { owner: OTHER, claims: claims.to_vec(), operations: Vec::new() };
    let lives_unwritten = |created| checks(&[Claim::Lives("/k".to_owned(), created)]);
    for (kind, told, right) in [
        (OperationKind::PutEphemeral(vec![7]), vec![lives_unwritten(3), lives_unwritten(3)], true),
        // It has lived once.
        (OperationKind::PutEphemeral(vec![7]), vec![lives_unwritten(3), lives_unwritten(4)], false),
        // A persistent one holds nothing, nor does one that was put over it.
        (OperationKind::Put(vec![7]), vec![lives_unwritten(3)], false),
        (OperationKind::PutEphemeral(vec![7]), vec![put(OTHER, &[], 8), lives(3)], false),
    ] {
        let record = Record::default();
        add(&record, ONE, write(ONE, &[], kind), version(3));
        for (number, what) in (4..).zip(told) {
            let writes = matches!(&what, What::Commit { operations, .. } if !operations.is_empty());
            let answer = if writes { version(number) } else { Answer::Applied(Vec::new()) };
            add(&record, OTHER, what, answer);
        }
        assert_eq!(holds(&record), right);
    }
}

#[test]
fn an_ephemeral_entry_goes_when_its_session_closes() {
    for (answer, right) in [(Answer::Entry(None), true), (found(7, 3, 3, Some(ONE)), false)] {
        let record = Record::default();
        add(&record, ONE, write(ONE, &[], OperationKind::PutEphemeral(vec![7])), version(3));
        add(&record, OTHER, get(), found(7, 3, 3, Some(ONE)));
        add(&record, ONE, What::Close(ONE), Answer::Done);
        add(&record, OTHER, get(), answer);
        assert_eq!(holds(&record), right);
    }
}

#[test]
fn an_unanswered_write_makes_no_entry_of_ended_sessions() {
    let record = Record::default();
    record.ask((1, 0), write(ONE, &[], OperationKind::PutEphemeral(vec![7])));
    add(&record, OTHER, What::Close(ONE), Answer::Done);
    add(&record, OTHER, get(), found(7, 3, 3, Some(ONE)));
    assert!(!holds(&record));
}

#[test]
fn a_lock_has_one_holder_and_its_tokens_grow() {
    for (unlocked, token, right) in [(true, 6, true), (true, 5, false), (false, 6, false)] {
        let record = Record::default();
        add(&record, ONE, What::Lock(ONE), Answer::Token(5));
        if unlocked {
            add(&record, ONE, What::Unlock(5), Answer::Done);
        }
        add(&record, OTHER, What::Lock(OTHER), Answer::Token(token));
        assert_eq!(holds(&record), right, "{record:?}");
    }
}

#[test]
fn a_free_lock_is_acquired_unless_others_ask() {
    let record = Record::default();
    add(&record, ONE, What::Lock(ONE), Answer::NotAcquired);
    assert!(!holds(&record));

    let record = Record::default();
    let at_once = record.ask((2, 0), What::Lock(OTHER));
    add(&record, ONE, What::Lock(ONE), Answer::NotAcquired);
    record.answer(at_once, Answer::NotAcquired);
    assert!(holds(&record));

    // A limit that passes may leave a request on its way to the queue; a lock that is given back leaves none.
    for (answer, right) in [(Answer::NotAcquiredNow, true), (Answer::Token(5), false)] {
        let record = Record::default();
        add(&record, OTHER, What::Lock(OTHER), answer.clone());
        if answer == Answer::Token(5) {
            add(&record, OTHER, What::Unlock(5), Answer::Done);
        }
        add(&record, ONE, What::Lock(ONE), Answer::NotAcquired);
        assert_eq!(holds(&record), right);
    }
}

#[test]
fn a_former_holder_writes_nothing() {
    for (answer, right) in [(Answer::Failed(vec![0]), true), (version(8), false)] {
        let record = Record::default();
        add(&record, ONE, What::Lock(ONE), Answer::Token(5));
        add(&record, ONE, put(ONE, &[Claim::Holds(5)], 1), version(6));
        // The guard is dropped, and nobody says when the lock is left.
        record.ask((1, 0), What::Unlock(5));
        add(&record, OTHER, What::Lock(OTHER), Answer::Token(7));
        add(&record, (3, 0), put(ONE, &[Claim::Holds(5)], 2), answer);
        assert_eq!(holds(&record), right);
    }
}

#[test]
fn a_client_reads_its_own_write_or_a_later_one() {
    for (answer, right) in [
        (found(8, 4, 3, None), true),
        (found(9, 5, 3, None), true),
        (found(7, 3, 3, None), false),
        (Answer::Entry(None), false),
    ] {
        let record = Record::default();
        add(&record, ONE, put(ONE, &[], 7), version(3));
        add(&record, ONE, put(ONE, &[], 8), version(4));
        // What others read may lag.
        add(&record, OTHER, get(), found(7, 3, 3, None));
        add(&record, ONE, get(), answer);
        assert_eq!(own_reads::grow(&record.asked()).is_ok(), right, "{record:?}");
        record.ask((2, 0), write(OTHER, &[], OperationKind::Delete));
        let gone = matches!(record.asked()[3].answered, Some((_, Answer::Entry(None))));
        assert_eq!(own_reads::grow(&record.asked()).is_ok(), right || gone, "{record:?}");
    }
}
