//! The laws tried on a backend that breaks them: each must say so, or it would hold on anything.

mod backend;

use futures_util::future::join_all;
use registry_conformance::{Court, Outcome, laws, try_law};
use registry_host::{Capability, Plugin, Settings};
use registry_suite::unique;

use backend::{Fault, linked_plugin};

/// What breaks, and laws that are broken by it.
const BROKEN_BY: &[(Fault, &[&str])] = &[
    (
        Fault::RenewsCreated,
        &["created_is_fixed_for_the_life_of_an_entry", "created_orders_entries_across_the_registry"],
    ),
    (Fault::ForgetsOwners, &["an_ephemeral_entry_names_its_owner", "the_last_put_decides_value_mode_and_owner"]),
    (
        Fault::RepeatsFirstReads,
        &["a_client_sees_its_own_writes", "a_completed_write_is_seen_by_everyone", "reads_never_go_back"],
    ),
    (Fault::CrossesBoundaries, &["a_path_ends_at_its_boundary", "a_list_is_the_entry_and_all_below_in_order"]),
    (Fault::CutsLists, &["a_list_pages_internally", "a_list_misses_nothing_that_was_there_throughout"]),
    (Fault::CutsValues, &["a_value_comes_back_byte_for_byte", "a_value_may_have_a_million_bytes"]),
    (Fault::NamesEveryone, &["children_are_the_direct_ones_sorted_by_bytes", "a_leaf_has_no_children"]),
    (Fault::FindsNothing, &["children_of_nothing_are_not_found"]),
    (
        Fault::TouchesParents,
        &[
            "a_version_stays_when_other_keys_are_written",
            "a_put_leaves_ancestors_that_exist",
            "a_put_creates_missing_ancestors",
            "the_key_of_a_lock_keeps_its_value",
        ],
    ),
    (Fault::MiscountsDeletes, &["a_recursive_delete_counts_what_goes", "a_delete_of_nothing_removes_none"]),
    (
        Fault::IgnoresChecks,
        &[
            "a_check_holds_or_fails_the_txn",
            "of_many_that_create_a_key_one_succeeds",
            "of_many_that_write_at_one_version_one_succeeds",
            "a_version_of_a_former_life_is_refused",
            "a_write_by_a_former_holder_is_refused",
            "a_write_by_a_displaced_holder_is_refused",
        ],
    ),
    (
        Fault::JudgesTooEarly,
        &["of_many_that_create_a_key_one_succeeds", "of_many_that_write_at_one_version_one_succeeds"],
    ),
    (Fault::NamesWrongChecks, &["a_failed_txn_names_the_checks_that_failed"]),
    (
        Fault::SplitsTxns,
        &[
            "a_txn_is_applied_whole_or_not_at_all",
            "entries_of_one_txn_share_both_numbers",
            "a_list_is_of_one_revision",
            "a_dropped_write_is_applied_whole_or_not",
        ],
    ),
    (Fault::TurnsTxnsRound, &["operations_see_the_former_ones", "a_good_txn_answers_each_operation_in_order"]),
    (
        Fault::DeletesBeforePuts,
        &["no_reader_misses_an_entry_that_is_taken_over", "created_is_fixed_for_the_life_of_an_entry"],
    ),
    (
        Fault::PutsAllAsPersistent,
        &["a_put_below_an_ephemeral_is_refused", "an_entry_put_as_ephemeral_goes_with_its_owner"],
    ),
    (
        Fault::IsNeverSure,
        &["a_refused_write_is_certainly_not_applied", "a_delete_of_an_entry_with_children_is_refused"],
    ),
    (Fault::NeverCloses, &["ephemerals_are_gone_before_close_returns", "locks_are_gone_before_close_returns"]),
    (Fault::WatchesNothingLater, &["a_first_put_of_a_key_is_new", "a_take_over_is_told_as_a_put"]),
    (Fault::WatchesNothingFirst, &["a_watch_begins_with_the_present_state", "a_watch_of_thousands_tells_them_all"]),
    (
        Fault::LocksForAll,
        &[
            "two_requests_of_one_client_exclude_each_other",
            "of_many_tasks_one_holds_at_a_time",
            "try_lock_fails_if_anyone_holds",
            "of_many_that_try_a_free_lock_one_wins",
            "a_lock_is_had_in_the_order_of_asking",
        ],
    ),
    (Fault::CountsTokensDown, &["a_token_grows_from_holder_to_holder", "a_token_is_the_creation_of_its_queue_entry"]),
    (Fault::NeverUnlocks, &["release_waits_until_it_is_done", "a_free_lock_is_had_at_once"]),
];

async fn court(fault: Fault) -> Court {
    let plugin = Plugin::linked(linked_plugin()).expect("a backend may be linked in");
    let settings = Settings::builder()
        .set("registry.type=lawless")
        .set_value("registry.lawless.fault", fault.name())
        .set_value("registry.lawless.tree", unique("lawless"));
    Court::with_plugin(plugin, settings).await.expect("a court opens")
}

async fn outcome(court: &Court, name: &str) -> Outcome {
    let law = laws().iter().find(|law| law.name == name).unwrap_or_else(|| panic!("there is no law {name}"));
    try_law(court, law).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_law_tells_that_it_is_broken() {
    let trials = BROKEN_BY.iter().map(|(fault, names)| async move {
        let court = court(*fault).await;
        join_all(names.iter().map(|name| outcome(&court, name))).await
    });
    let mut unbroken = Vec::new();
    for ((fault, names), outcomes) in BROKEN_BY.iter().zip(join_all(trials).await) {
        for (name, outcome) in names.iter().zip(outcomes) {
            if !matches!(outcome, Outcome::Broken(_)) {
                unbroken.push(format!("{} by {fault:?}: {outcome}", name));
            }
        }
    }
    assert!(unbroken.is_empty(), "not broken: {unbroken:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_laws_hold_without_the_fault() {
    let court = court(Fault::None).await;
    let names: Vec<_> = BROKEN_BY.iter().flat_map(|(_, names)| *names).collect();
    for (name, outcome) in names.iter().zip(join_all(names.iter().map(|name| outcome(&court, name))).await) {
        assert_eq!(outcome, Outcome::Held, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lacking_capability_tells_the_weaker_promise() {
    let court = court(Fault::LacksEverything).await;
    let needing: Vec<_> = laws().iter().filter(|law| !law.needs.is_empty()).collect();
    for capability in Capability::ALL {
        assert!(needing.iter().any(|law| law.needs.contains(&capability)), "no law needs {capability}");
    }
    for law in needing {
        let outcome = try_law(&court, law).await;
        let told = matches!(&outcome, Outcome::NotApplicable(why) if why.contains("less than that"));
        assert!(told, "{}: {outcome}", law.name);
    }
}
