//! Transactions: checks and operations (contract 3.1).

use registry_host::{Applied, Error, ErrorKind};

use super::steps::keys;
use crate::{
    case::Case,
    law::chapter,
    verdict::{Verdict, holds, refused, same, there},
};

chapter! {
    "3.1" =>
        a_txn_is_applied_whole_or_not_at_all,
        a_check_holds_or_fails_the_txn,
        checks_are_judged_on_the_state_before,
        checks_go_before_what_the_operations_meet,
        operations_see_the_former_ones,
        a_failed_txn_names_the_checks_that_failed,
        a_good_txn_answers_each_operation_in_order,
        a_txn_of_checks_alone_writes_nothing,
        a_put_with_a_condition_is_a_txn,
        a_delete_with_a_condition_is_a_txn,
        a_recursive_delete_may_have_checks;
}

async fn a_txn_is_applied_whole_or_not_at_all(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (a, b, c) = (&case.key("a"), &case.key("b/deep"), &case.key("c"));
    let (parent, child, ephemeral) = (&case.key("parent"), &case.key("parent/child"), &case.key("ephemeral"));
    registry.put(child, "").await?;
    registry.put(c, "c").await?;
    registry.put(ephemeral, "").ephemeral().await?;
    let before = registry.list(case.root()).await?;
    let below = &format!("{ephemeral}/below");
    let txn = || {
        let mut txn = registry.txn();
        txn.put(a, "").put(b, "").ephemeral().delete(c);
        txn
    };
    refused("a delete in it", txn().delete(parent).commit().await, ErrorKind::HasChildren)?;
    refused("an ephemeral put in it", txn().put(parent, "").ephemeral().commit().await, ErrorKind::HasChildren)?;
    refused("a put in it", txn().put(below, "").commit().await, ErrorKind::EphemeralParent)?;
    refused("a check in it", txn().check_present(a).commit().await, ErrorKind::ConditionFailed)?;
    same("all there is", registry.list(case.root()).await?, before)?;
    txn().commit().await?;
    for (key, expected) in [(a, true), (b, true), (c, false)] {
        same(key, registry.get(key).await?.is_some(), expected)?;
    }
    Ok(())
}

async fn a_check_holds_or_fails_the_txn(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (key, missing) = (&case.key("key"), &case.key("missing"));
    let old = registry.put(key, "1").await?;
    let now = registry.put(key, "2").await?;
    let good = registry.txn().check_present(key).check_version(key, now).check_absent(missing).commit().await?;
    same("what a Txn of checks answers", good.applied().len(), 0)?;
    let failed = ErrorKind::ConditionFailed;
    let checks: [(&str, Result<_, Error>); 7] = [
        ("absent of what is there", registry.txn().check_absent(key).commit().await),
        ("present of what is not", registry.txn().check_present(missing).commit().await),
        ("an old version", registry.txn().check_version(key, old).commit().await),
        ("a version to come", registry.txn().check_version(key, (now.get() + 1).into()).commit().await),
        ("version 0", registry.txn().check_version(key, 0.into()).commit().await),
        ("a version of what is not there", registry.txn().check_version(missing, now).commit().await),
        ("version 0 of what is not there", registry.txn().check_version(missing, 0.into()).commit().await),
    ];
    for (what, result) in checks {
        let error = refused(what, result, failed)?;
        same(format!("the checks that failed of {what}"), error.failed_checks(), [0])?;
    }
    registry.put(&case.key("below/it"), "").await?;
    registry.txn().check_present(&case.key("below")).check_absent(&case.key("belo")).commit().await?;
    registry.delete(key).await?;
    registry.txn().check_absent(key).commit().await?;
    refused("a version of what is gone", registry.txn().check_version(key, now).commit().await, failed)?;
    Ok(())
}

async fn checks_are_judged_on_the_state_before(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (a, below, b) = (&case.key("a"), &case.key("a/below"), &case.key("b"));
    registry.txn().put(a, "").check_absent(a).put(below, "").check_absent(below).commit().await?;
    let version = there("a", registry.get(a).await?)?.version;
    registry.txn().put(a, "").check_version(a, version).delete(below).check_present(below).commit().await?;
    let late = registry.txn().put(b, "").check_present(b).commit().await;
    refused("present of what the same Txn puts", late, ErrorKind::ConditionFailed)?;
    let late = registry.txn().delete(a).check_absent(a).commit().await;
    refused("absent of what the same Txn deletes", late, ErrorKind::ConditionFailed)?;
    // An ancestor that the Txn creates is absent before it, too.
    registry.txn().check_absent(b).put(&case.key("b/below"), "").commit().await?;
    same("the listing", keys(&registry.list(case.root()).await?), [case.root(), a, b, &case.key("b/below")])
}

async fn checks_go_before_what_the_operations_meet(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (parent, missing) = (&case.key("parent"), &case.key("missing"));
    registry.put(&case.key("parent/child"), "").await?;
    for _ in 0..3 {
        let both = registry.txn().check_present(missing).delete(parent).commit().await;
        same("what failed", refused("both", both, ErrorKind::ConditionFailed)?.failed_checks(), [0])?;
        let both = registry.txn().check_present(missing).put(parent, "").ephemeral().commit().await;
        refused("both", both, ErrorKind::ConditionFailed)?;
    }
    Ok(())
}

async fn operations_see_the_former_ones(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (a, below) = (&case.key("a"), &case.key("a/below"));
    registry.put(below, "").await?;
    let (has_children, ephemeral_parent) = (ErrorKind::HasChildren, ErrorKind::EphemeralParent);
    // Deleting: first what is below.
    let wrong = registry.txn().delete(a).delete(below).commit().await;
    refused("a delete before that of its child", wrong, has_children)?;
    let done = registry.txn().delete(below).delete(a).commit().await?;
    same("what goes", done.deleted(), 2)?;
    // An ephemeral before what is put below it.
    let wrong = registry.txn().put(a, "").ephemeral().put(below, "").commit().await;
    refused("a put below what has just become ephemeral", wrong, ephemeral_parent)?;
    let wrong = registry.txn().put(below, "").put(a, "").ephemeral().commit().await;
    refused("an ephemeral put over what has just got a child", wrong, has_children)?;
    same("what is left", registry.list(case.root()).await?.len(), 1)?;
    // What was ephemeral may get a child once it is persistent.
    registry.put(a, "").ephemeral().await?;
    registry.txn().put(a, "").put(below, "").commit().await?;
    same("its mode", there("a", registry.get(a).await?)?.ephemeral, None)?;
    // What had a child may become ephemeral once that is gone.
    registry.txn().delete(below).put(a, "").ephemeral().commit().await?;
    same("its mode", there("a", registry.get(a).await?)?.ephemeral, Some(registry.session().id()))?;
    // Two puts below the same ancestor create it once.
    let (one, two) = (&case.key("new/one"), &case.key("new/two"));
    registry.txn().put(one, "").put(two, "").commit().await?;
    same("the children", registry.children(&case.key("new")).await?, ["one", "two"])?;
    // An ancestor that was created on the way may be put after.
    registry.txn().put(&case.key("way/below"), "").put(&case.key("way"), "value").commit().await?;
    same("its value", there("it", registry.get(&case.key("way")).await?)?.value, "value")?;
    registry.txn().put(&case.key("yaw"), "value").put(&case.key("yaw/below"), "").commit().await?;
    same("its value", there("it", registry.get(&case.key("yaw")).await?)?.value, "value")?;
    let wrong = registry.txn().put(&case.key("new/three"), "").delete(&case.key("new")).commit().await;
    refused("a put below what the same Txn deletes", wrong, ErrorKind::InvalidTxn)?;
    Ok(())
}

async fn a_failed_txn_names_the_checks_that_failed(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (here, gone) = (&case.key("here"), &case.key("gone"));
    let version = registry.put(here, "").await?;
    let alternatives: [[bool; 6]; 6] = [
        [true, true, true, true, true, false],
        [false, true, true, true, true, true],
        [true, true, false, true, true, true],
        [true, false, true, false, true, false],
        [true, true, true, false, false, true],
        [false; 6],
    ];
    for holding in alternatives {
        let mut txn = registry.txn();
        txn.put(here, "written");
        for (number, good) in holding.into_iter().enumerate() {
            match (number % 3, good) {
                (0, true) | (1, false) => txn.check_present(if number % 3 == 0 { here } else { gone }),
                (1, true) | (0, false) => txn.check_absent(if number % 3 == 0 { here } else { gone }),
                (_, good) => txn.check_version(here, if good { version } else { (version.get() + 1).into() }),
            };
        }
        let error =
            refused(format!("checks that hold as {holding:?}"), txn.commit().await, ErrorKind::ConditionFailed)?;
        let named = error.failed_checks();
        holds(format!("at least one is named for {holding:?}"), !named.is_empty())?;
        holds(
            format!("those named, {named:?}, failed: {holding:?}"),
            named.iter().all(|at| holding.get(*at) == Some(&false)),
        )?;
    }
    same("the version", there("it", registry.get(here).await?)?.version, version)
}

async fn a_good_txn_answers_each_operation_in_order(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (a, b, c, missing) = (&case.key("a"), &case.key("b"), &case.key("c/d"), &case.key("missing"));
    registry.put(b, "").await?;
    let mut txn = registry.txn();
    let puts = (txn.put(a, "").handle(), txn.put(c, "").ephemeral().handle());
    let deletes = (txn.delete(b).handle(), txn.delete(missing).handle());
    let done = txn.commit().await?;
    let version = there("a", registry.get(a).await?)?.version;
    let [
        Applied::Put { version: first },
        Applied::Put { version: last },
        Applied::Deleted { count: 1 },
        Applied::Deleted { count: 0 },
    ] = done.applied()[..]
    else {
        return same("the answers", done.applied(), []);
    };
    same("the version of the first put", first, version)?;
    same("the version of the last put", last, there("c", registry.get(c).await?)?.version)?;
    same("the versions asked for", [done.version_of(puts.0), done.version_of(puts.1)], [first, last])?;
    same("the deletions asked for", [done.deleted_by(deletes.0), done.deleted_by(deletes.1)], [1, 0])?;
    same("the number of deleted entries", done.deleted(), 1)
}

async fn a_txn_of_checks_alone_writes_nothing(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("a/key");
    let version = registry.put(key, "").await?;
    let before = registry.list(case.root()).await?;
    for _ in 0..3 {
        registry.txn().check_version(key, version).check_absent(&case.key("b")).commit().await?;
    }
    same("all there is", registry.list(case.root()).await?, before)?;
    same("what nothing at all answers", registry.txn().commit().await?.applied().len(), 0)
}

async fn a_put_with_a_condition_is_a_txn(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("a/key");
    let failed = ErrorKind::ConditionFailed;
    refused("if at a version, of nothing", registry.put(key, "").if_version(1.into()).await, failed)?;
    same("what it has left", registry.list(case.root()).await?, [])?;
    let first = registry.put(key, "1").if_absent().await?;
    refused("if absent, of what is there", registry.put(key, "2").if_absent().await, failed)?;
    let second = registry.put(key, "2").if_version(first).await?;
    refused("if at a former version", registry.put(key, "3").if_version(first).await, failed)?;
    let third = registry.put(key, "3").ephemeral().if_version(second).await?;
    same("the entry", there("it", registry.get(key).await?)?.version, third)?;
    refused("ephemeral, if absent", registry.put(key, "4").ephemeral().if_absent().await, failed)?;
    registry.delete(key).await?;
    registry.put(key, "5").ephemeral().if_absent().await?;
    Ok(())
}

async fn a_delete_with_a_condition_is_a_txn(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("key");
    let failed = ErrorKind::ConditionFailed;
    refused("of nothing", registry.delete(key).if_version(1.into()).await, failed)?;
    let first = registry.put(key, "1").await?;
    let second = registry.put(key, "2").await?;
    refused("at a former version", registry.delete(key).if_version(first).await, failed)?;
    same("at its version", registry.delete(key).if_version(second).await?, 1)?;
    same("what is left", registry.get(key).await?, None)
}

async fn a_recursive_delete_may_have_checks(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (above, other) = (&case.key("above"), &case.key("other"));
    registry.put(&case.key("above/a/b"), "").await?;
    let version = registry.put(above, "").await?;
    let failed = ErrorKind::ConditionFailed;
    let wrong = registry.txn().check_present(other).delete_recursive(above).commit().await;
    refused("with a check that fails", wrong, failed)?;
    refused(
        "at another version",
        registry.delete_recursive(above).if_version((version.get() + 1).into()).await,
        failed,
    )?;
    same("what is left", registry.list(above).await?.len(), 3)?;
    let done =
        registry.txn().check_absent(other).check_version(above, version).delete_recursive(above).commit().await?;
    same("the number of deleted entries", done.deleted(), 3)?;
    let wrong = registry.txn().delete_recursive(above).put(other, "").commit().await;
    refused("beside another operation", wrong, ErrorKind::InvalidTxn)?;
    Ok(())
}
