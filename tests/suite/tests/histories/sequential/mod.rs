//! Histories of one step after another: every answer, on every backend, is the model's.

mod history;
mod locks;
mod numbers;
mod past;
mod player;
mod watches;

use std::collections::BTreeMap;

use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::TestRunner,
};

pub(crate) use self::{
    history::{Step, history},
    player::Player,
};
use self::{numbers::MOMENTS, past::Past};
use crate::{
    backend::{BACKENDS, Backend},
    model::{Holder, Model, Refusal},
    span,
};

/// How many histories are played unless something else is asked for.
const USUAL: u32 = 50;

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/histories/regressions/sequential");

#[test]
fn random_histories_go_as_the_contract_says_on_every_backend() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let mut players: Vec<_> =
        BACKENDS.iter().map(|reached| runtime.block_on(Player::open(Backend::reach(reached)))).collect();
    span::play(USUAL, KEPT, history(), |history| {
        players.iter_mut().try_for_each(|player| runtime.block_on(player.play(&history)))
    });
}

#[test]
fn random_histories_meet_everything_that_there_is() {
    let mut runner = TestRunner::deterministic();
    let mut met = BTreeMap::<String, usize>::new();
    for _ in 0..100 {
        let drawn = history().new_tree(&mut runner).expect("a history is drawn").current();
        let (mut model, mut past) = (Model::new(true), Past::default());
        for (at, step) in drawn.steps.into_iter().enumerate() {
            *met.entry(imagine((at as u64 + 1) * MOMENTS, step, &mut model, &mut past)).or_default() += 1;
        }
    }
    for what in [
        "several operations",
        "Putversion",
        "Deletedcount",
        "HasChildren",
        "EphemeralParent",
        "a check that fails",
        "limits",
        "reads",
        "an end",
        "a fenced write",
        "a lock that is free",
        "a lock that others have",
        "a lock that is left",
        "an entry that is locked",
        "an entry that can't be locked",
        "a watch",
    ] {
        assert!(met.get(what).is_some_and(|times| *times >= 10), "{what} in {met:?}");
    }
}

/// Takes a step on the model alone, and says what it met.
fn imagine(at: u64, step: Step, model: &mut Model, past: &mut Past) -> String {
    let what = match step {
        Step::Commit { client, checks, operations } => {
            let conditions: Vec<_> = checks.iter().map(|check| past.condition(check)).collect();
            let fenced = checks.iter().any(|check| matches!(check, history::Check::Holds(..)));
            match model.commit(at, (client, 0), &conditions, &operations) {
                Ok(_) if fenced => "a fenced write".to_owned(),
                Ok(_) if operations.len() > 1 => "several operations".to_owned(),
                Ok(answers) => format!("{answers:?}").chars().filter(|c| c.is_alphabetic()).collect(),
                Err(Refusal::Met(kind, _)) => kind.to_string(),
                Err(Refusal::Checks(_)) => "a check that fails".to_owned(),
                Err(Refusal::InvalidTxn) => "limits".to_owned(),
            }
        }
        Step::Read { .. } => "reads".to_owned(),
        Step::Reopen { client } => {
            model.end((client, 0));
            "an end".to_owned()
        }
        Step::Lock { client, lock, .. } => {
            let holder = Holder { owner: (client, 0), token: past.next_holder(lock) };
            match model.lock(&past::lock_name(lock), holder) {
                true => {
                    past.held(lock);
                    "a lock that is free".to_owned()
                }
                false => "a lock that others have".to_owned(),
            }
        }
        Step::Unlock { lock, .. } => match model.holders.remove(&past::lock_name(lock)) {
            Some(_) => "a lock that is left".to_owned(),
            None => "no lock".to_owned(),
        },
        Step::LockEntry { key, .. } => match model.lock_entry(at, &key) {
            Ok(()) => "an entry that is locked".to_owned(),
            Err(_) => "an entry that can't be locked".to_owned(),
        },
        Step::Watch { .. } => "a watch".to_owned(),
        Step::Settle => "a look at the watches".to_owned(),
    };
    past.remember(model, at);
    what
}
