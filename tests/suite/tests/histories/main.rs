//! Random histories of two clients, the same on every backend, each answer held against a model of the contract.
//!
//! `HISTORIES=1000` plays that many instead of the usual number. A history that fails is made as short as it can be and
//! kept in `regressions`, where it is played first from then on.

mod history;
mod model;
mod player;

use std::{cell::RefCell, collections::BTreeMap};

use proptest::{
    collection::vec,
    strategy::{Strategy as _, ValueTree as _},
    test_runner::{Config, FileFailurePersistence, TestCaseResult, TestRunner},
};
use registry_suite::{etcd, memory};
use registry_test_servers::Etcd;

use history::Step;
use model::{Model, Refusal};
use player::Player;

/// How many histories are played unless `HISTORIES` says otherwise.
const USUAL: u32 = 80;

/// The longest history.
const LONGEST: usize = 24;

const REGRESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/histories/regressions");

#[test]
fn random_histories_go_as_the_contract_says_on_every_backend() {
    let cases = std::env::var("HISTORIES").map_or(USUAL, |cases| cases.parse().expect("HISTORIES is a number"));
    let config = Config {
        cases,
        max_shrink_iters: 2_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(REGRESSIONS))),
        ..Config::default()
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let server = Etcd::shared().expect("an etcd runs");
    let mut players =
        runtime.block_on(async { [Player::open("memory", memory()).await, Player::open("etcd", etcd(server)).await] });
    let players = RefCell::new(&mut players);
    let history = vec(history::step(), 1..LONGEST);
    let played = TestRunner::new(config).run(&history, |history| -> TestCaseResult {
        players.borrow_mut().iter_mut().try_for_each(|player| runtime.block_on(player.play(&history)))
    });
    if let Err(error) = played {
        panic!("{error}");
    }
}

#[test]
fn random_histories_meet_everything_that_a_txn_can() {
    let mut runner = TestRunner::deterministic();
    let mut met = BTreeMap::<String, usize>::new();
    for _ in 0..100 {
        let history = vec(history::step(), 1..LONGEST).new_tree(&mut runner).expect("a history is drawn").current();
        let mut model = Model::default();
        for step in history {
            let what = match step {
                Step::Commit { client, checks, operations } => match model.commit((client, 0), &checks, &operations) {
                    Ok(_) if operations.len() > 1 => "several operations".to_owned(),
                    Ok(answers) => format!("{answers:?}").chars().filter(|c| c.is_alphabetic()).collect(),
                    Err(Refusal::Met(kind, _)) => kind.to_string(),
                    Err(Refusal::Checks(_)) => "a check that fails".to_owned(),
                    Err(Refusal::InvalidTxn) => "limits".to_owned(),
                },
                Step::Read { .. } => "reads".to_owned(),
                Step::Reopen { client } => {
                    model.end((client, 0));
                    "an end".to_owned()
                }
            };
            *met.entry(what).or_default() += 1;
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
    ] {
        assert!(met.get(what).is_some_and(|times| *times >= 10), "{what} in {met:?}");
    }
}
