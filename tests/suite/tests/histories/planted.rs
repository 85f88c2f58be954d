//! Histories played on a backend that is broken on purpose: they must find out, or they would find nothing anywhere.

#[path = "../lawless/backend.rs"]
mod lawless;

use proptest::{
    strategy::Strategy,
    test_runner::{Config, TestCaseError, TestCaseResult, TestError, TestRunner},
};
use registry_host::{Plugin, Settings};
use registry_suite::unique;
use tokio::runtime::Runtime;

use self::lawless::{Fault, linked_plugin};
use crate::{
    backend::Backend,
    concurrent,
    sequential::{self, Player},
};

/// How many histories a fault may stay hidden for.
const MANY: u32 = 2_000;

/// How many are played where there is no fault.
const FEW: u32 = 15;

/// What even a single client at a time meets. A watch that tells too little is found, too, but only after a long wait.
const MET_STEP_BY_STEP: &[Fault] = &[
    Fault::RepeatsFirstReads,
    Fault::IgnoresChecks,
    Fault::NeverCloses,
    Fault::LocksForAll,
    Fault::RenewsCreated,
    Fault::MiscountsDeletes,
    Fault::TurnsTxnsRound,
    Fault::TouchesParents,
];

/// What clients meet that run at once; the first two need that.
const MET_AT_ONCE: &[Fault] =
    &[Fault::JudgesTooEarly, Fault::SplitsTxns, Fault::RepeatsFirstReads, Fault::NeverCloses, Fault::LocksForAll];

#[test]
fn histories_of_one_step_after_another_find_what_is_broken() {
    let runtime = Runtime::new().expect("a runtime starts");
    for fault in MET_STEP_BY_STEP {
        let met = step_by_step(&runtime, *fault, MANY);
        assert!(matches!(met, Err(TestError::Fail(..))), "{fault:?} is not found");
    }
    assert!(step_by_step(&runtime, Fault::None, FEW).is_ok());
}

#[test]
fn clients_that_run_at_once_find_what_is_broken() {
    let runtime = Runtime::new().expect("a runtime starts");
    for fault in MET_AT_ONCE {
        let met = at_once(&runtime, *fault, MANY);
        assert!(matches!(met, Err(TestError::Fail(..))), "{fault:?} is not found");
    }
    assert!(at_once(&runtime, Fault::None, FEW).is_ok());
}

fn step_by_step(runtime: &Runtime, fault: Fault, histories: u32) -> Result<(), TestError<impl std::fmt::Debug>> {
    let mut player = runtime.block_on(Player::open(broken(fault)));
    until_met(histories, sequential::history(), |history| runtime.block_on(player.play(&history)))
}

fn at_once(runtime: &Runtime, fault: Fault, programs: u32) -> Result<(), TestError<impl std::fmt::Debug>> {
    let backend = broken(fault);
    until_met(programs, concurrent::program(), |program| {
        runtime.block_on(concurrent::play(&backend, &program)).map_err(TestCaseError::fail)
    })
}

fn broken(fault: Fault) -> Backend {
    let plugin = Plugin::linked(linked_plugin()).expect("a backend may be linked in");
    let settings = Settings::builder()
        .set("registry.type=lawless")
        .set_value("registry.lawless.fault", fault.name())
        .set_value("registry.lawless.tree", unique("lawless"));
    Backend::linked("lawless", plugin, settings)
}

fn until_met<S: Strategy>(
    cases: u32,
    history: S,
    mut play: impl FnMut(S::Value) -> TestCaseResult,
) -> Result<(), TestError<S::Value>> {
    // That it fails is enough: how is of no interest.
    let config = Config { cases, max_shrink_iters: 0, failure_persistence: None, ..Config::default() };
    let play = std::cell::RefCell::new(&mut play);
    TestRunner::new(config).run(&history, |history| play.borrow_mut()(history))
}
