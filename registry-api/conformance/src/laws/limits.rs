//! The limits of a Txn (contract 3.1).

use std::collections::BTreeSet;

use registry_host::{ErrorKind, Registry};

use super::steps::{keys, numbered};
use crate::{
    case::Case,
    law::chapter,
    verdict::{Verdict, refused, same},
};

chapter! {
    "3.1" =>
        a_txn_may_have_32_operations,
        a_txn_may_have_32_checks,
        the_keys_put_may_have_32_ancestors,
        a_txn_writes_each_key_once,
        a_txn_puts_nothing_below_what_it_deletes,
        a_txn_may_weigh_1040000_bytes,
        a_txn_at_all_limits_is_applied,
        a_txn_beyond_the_limits_is_refused_unsent;
}

const MOST: usize = 32;
const HEAVIEST: usize = 1_040_000;

async fn a_txn_may_have_32_operations(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let many = numbered(case.root(), MOST + 1);
    let puts = |count: usize| {
        let mut txn = registry.txn();
        many[..count].iter().for_each(|key| _ = txn.put(key, ""));
        txn.commit()
    };
    refused("puts", puts(MOST + 1).await, ErrorKind::InvalidTxn)?;
    same("what was written", registry.list(case.root()).await?, [])?;
    same("the answers", puts(MOST).await?.applied().len(), MOST)?;
    let deletes = |count: usize| {
        let mut txn = registry.txn();
        many[..count].iter().for_each(|key| _ = txn.delete(key));
        txn.commit()
    };
    refused("deletes", deletes(MOST + 1).await, ErrorKind::InvalidTxn)?;
    same("the number of deleted entries", deletes(MOST).await?.deleted(), MOST as u64)
}

async fn a_txn_may_have_32_checks(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let many = numbered(case.root(), MOST + 1);
    let checks = |count: usize| {
        let mut txn = registry.txn();
        many[..count].iter().for_each(|key| _ = txn.check_absent(key));
        txn.put(&many[0], "");
        txn
    };
    refused("checks", checks(MOST + 1).commit().await, ErrorKind::InvalidTxn)?;
    checks(MOST).commit().await?;
    let error = refused("the same again", checks(MOST).commit().await, ErrorKind::ConditionFailed)?;
    same("what failed", error.failed_checks(), [0])?;
    // Checks of one key count each, and so do those that are alike.
    let alike = |count: usize| {
        let mut txn = registry.txn();
        (0..count).for_each(|_| _ = txn.check_present(&many[0]));
        txn.commit()
    };
    refused("checks that are alike", alike(MOST + 1).await, ErrorKind::InvalidTxn)?;
    alike(MOST).await?;
    Ok(())
}

async fn the_keys_put_may_have_32_ancestors(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let above = case.root().matches('/').count();
    let each = (MOST - above) / 2;
    let a = format!("{}{}/x", case.root(), "/a".repeat(each));
    let b = format!("{}{}/x", case.root(), "/b".repeat(MOST - above - each));
    let beyond = format!("{b}/x");
    let wrong = registry.txn().put(&a, "").put(&beyond, "").commit().await;
    refused("33 ancestors", wrong, ErrorKind::InvalidTxn)?;
    same("what was written", registry.list(case.root()).await?, [])?;
    // Ancestors that are shared count once, and those of deletes don't count.
    let beside = format!("{b}-beside");
    let gone = format!("{}{}/x", case.root(), "/c".repeat(each));
    registry.txn().put(&a, "").put(&b, "").put(&beside, "").delete(&gone).commit().await?;
    let there = registry.list(case.root()).await?;
    let written: BTreeSet<_> = keys(&there).into_iter().collect();
    same("how many there are", written.len(), MOST - above + 4)
}

async fn a_txn_writes_each_key_once(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("key");
    let invalid = ErrorKind::InvalidTxn;
    registry.put(key, "").await?;
    let before = registry.list(case.root()).await?;
    refused("put twice", registry.txn().put(key, "1").put(key, "2").commit().await, invalid)?;
    refused("put in two modes", registry.txn().put(key, "1").put(key, "2").ephemeral().commit().await, invalid)?;
    refused("delete and put", registry.txn().delete(key).put(key, "2").commit().await, invalid)?;
    refused("put and delete", registry.txn().put(key, "2").delete(key).commit().await, invalid)?;
    refused("delete twice", registry.txn().delete(key).delete(key).commit().await, invalid)?;
    same("all there is", registry.list(case.root()).await?, before)
}

async fn a_txn_puts_nothing_below_what_it_deletes(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (above, below, deep) = (&case.key("a"), &case.key("a/b"), &case.key("a/b/c"));
    let invalid = ErrorKind::InvalidTxn;
    registry.put(above, "").await?;
    refused("a child after", registry.txn().delete(above).put(below, "").commit().await, invalid)?;
    refused("a child before", registry.txn().put(below, "").delete(above).commit().await, invalid)?;
    refused("a grandchild", registry.txn().delete(above).put(deep, "").commit().await, invalid)?;
    same("all there is", keys(&registry.list(above).await?), [above])?;
    // What only begins alike is not a child, and what lies above is none either.
    registry.txn().delete(above).put(&case.key("ab"), "").put(case.root(), "").commit().await?;
    same("all there is", keys(&registry.list(case.root()).await?), [case.root(), &case.key("ab")])
}

/// The bytes that a namespace adds to each key.
fn prefix(registry: &Registry) -> usize {
    match registry.namespace().len() {
        0 => 0,
        length => length + 1,
    }
}

/// What a Txn weighs beside the values.
fn overhead(registry: &Registry, puts: &[&str], checks: &[&str]) -> usize {
    let prefix = prefix(registry);
    let ancestors: BTreeSet<&str> =
        puts.iter().flat_map(|key| key.match_indices('/').skip(1).map(|(at, _)| &key[..at])).collect();
    let keyed: usize = puts.iter().chain(checks).map(|key| 4 * (key.len() + prefix) + 200).sum();
    keyed + ancestors.iter().map(|key| key.len() + prefix + 200).sum::<usize>()
}

async fn a_txn_may_weigh_1040000_bytes(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (a, b, checked) = (&case.key("x/y/a"), &case.key("x/b"), &case.key("checked"));
    let rest = HEAVIEST - overhead(&registry, &[a, b], &[checked]);
    let value = vec![b'x'; rest - rest / 2 + 1];
    let txn = |more: usize| {
        let mut txn = registry.txn();
        txn.check_absent(checked).put(a, &value[..rest / 2]).put(b, &value[..rest - rest / 2 + more]);
        txn
    };
    refused("a byte more", txn(1).commit().await, ErrorKind::InvalidTxn)?;
    same("what was written", registry.list(case.root()).await?, [])?;
    txn(0).commit().await?;
    let lengths: Vec<_> = registry.list(case.root()).await?.iter().map(|entry| entry.value.len()).collect();
    same("the values' lengths", lengths, [0, 0, rest - rest / 2, 0, rest / 2])?;
    // A single put is weighed too: keys may be heavier than what a value leaves.
    let long = format!("{}/{}", case.root(), "k".repeat(8_000));
    let large = vec![0; 1_000_000];
    same("whether it fits", overhead(&registry, &[&long], &[]) + large.len() <= HEAVIEST, true)?;
    registry.put(&long, &large).await?;
    let longer = format!("{long}/k");
    same("whether it fits", overhead(&registry, &[&longer], &[]) + large.len() <= HEAVIEST, false)?;
    refused("a heavy put", registry.put(&longer, &large).await, ErrorKind::InvalidTxn)?;
    Ok(())
}

async fn a_txn_at_all_limits_is_applied(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let above = case.root().matches('/').count();
    let deep = format!("{}{}", case.root(), "/deep".repeat(MOST - above - 1));
    let puts = numbered(&deep, MOST);
    let checks = numbered(&case.key("absent"), MOST);
    let (puts_at, checks_at): (Vec<_>, Vec<_>) =
        (puts.iter().map(String::as_str).collect(), checks.iter().map(String::as_str).collect());
    let each = (HEAVIEST - overhead(&registry, &puts_at, &checks_at)) / MOST;
    let value = vec![b'x'; each];
    for _ in 0..2 {
        let mut txn = registry.txn();
        checks.iter().for_each(|key| _ = txn.check_absent(key));
        puts.iter().for_each(|key| _ = txn.put(key, &value));
        same("the answers", txn.commit().await?.applied().len(), MOST)?;
    }
    same("how many there are", registry.list(case.root()).await?.len(), 2 * MOST - above)
}

async fn a_txn_beyond_the_limits_is_refused_unsent(case: &Case) -> Verdict {
    let registry = case.client().await?;
    registry.close().await?;
    let many = numbered(case.root(), MOST + 1);
    let invalid = ErrorKind::InvalidTxn;
    let mut txn = registry.txn();
    many.iter().for_each(|key| _ = txn.put(key, ""));
    refused("operations", txn.commit().await, invalid)?;
    let mut txn = registry.txn();
    many.iter().for_each(|key| _ = txn.check_absent(key));
    refused("checks", txn.commit().await, invalid)?;
    refused("one key twice", registry.txn().delete(&many[0]).put(&many[0], "").commit().await, invalid)?;
    let half = vec![0; HEAVIEST / 2];
    refused("weight", registry.txn().put(&many[0], &half).put(&many[1], &half).commit().await, invalid)?;
    refused("the root", registry.txn().put(&many[0], "").delete("/").commit().await, ErrorKind::InvalidKey)?;
    Ok(())
}
