//! Errors and bad configuration (contract 7).

use std::time::Duration;

use registry_host::{Error, ErrorKind, Outcome, Scope};

use crate::{
    case::Case,
    court::Terms,
    law::chapter,
    verdict::{Verdict, holds, refused, same},
};

chapter! {
    "7.1" =>
        an_error_names_operation_key_and_plugin,
        an_error_says_whether_trying_again_can_help,
        a_failed_check_is_named_with_its_key,
        the_errors_of_the_limits_say_what_is_allowed;
    "7.3" =>
        an_unknown_configuration_key_is_refused,
        a_refused_secret_is_not_shown,
        a_bad_setting_of_the_host_is_refused;
}

/// Operation, key and plugin are named, in the parts and in the message.
fn named(case: &Case, error: &Error, operation: &str, key: &str) -> Verdict {
    same(format!("the operation of {error:?}"), error.operation(), Some(operation))?;
    same(format!("the key of {error:?}"), error.key(), Some(key))?;
    same(format!("the plugin of {error:?}"), error.plugin(), Some(case.court().registry_type()))?;
    let text = error.to_string();
    holds(
        format!("'{text}' begins with the operation and the key"),
        text.starts_with(&format!("{operation} {key}: ")),
    )?;
    holds(format!("'{}' names the key by itself", error.message()), error.message().contains(key))?;
    holds(format!("'{text}' is one line"), !text.contains('\n'))?;
    holds(format!("'{text}' says what happened"), error.message().len() > 10)
}

async fn an_error_names_operation_key_and_plugin(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (parent, child, ephemeral, below) = (&case.key("p"), &case.key("p/c"), &case.key("e"), &case.key("e/x"));
    let missing = &case.key("missing");
    let version = registry.put(child, "").await?;
    registry.put(ephemeral, "").ephemeral().await?;
    let (has_children, ephemeral_parent) = (ErrorKind::HasChildren, ErrorKind::EphemeralParent);
    let (failed, not_acquired) = (ErrorKind::ConditionFailed, ErrorKind::NotAcquired);
    let large = vec![0; 1_000_001];
    let lock = &case.key("lock");
    let guard = registry.lock(lock).await?;
    let errors = [
        (refused("delete", registry.delete(parent).await, has_children)?, "delete", parent),
        (refused("put", registry.put(parent, "").ephemeral().await, has_children)?, "put", parent),
        (refused("put", registry.put(below, "").await, ephemeral_parent)?, "put", below),
        (refused("put", registry.put(child, "").if_absent().await, failed)?, "put", child),
        (
            refused("delete", registry.delete(child).if_version((version.get() + 1).into()).await, failed)?,
            "delete",
            child,
        ),
        (refused("children", registry.children(missing).await, ErrorKind::NotFound)?, "children", missing),
        (refused("put", registry.put(missing, &large).await, ErrorKind::ValueTooLarge)?, "put", missing),
        (refused("try_lock", registry.try_lock(lock).await, not_acquired)?, "try_lock", lock),
        (refused("lock", registry.lock(lock).within(Duration::ZERO).await, not_acquired)?, "lock", lock),
        (refused("lock", registry.lock(parent).await, has_children)?, "lock", parent),
        (refused("campaign", registry.campaign(parent, "").await, has_children)?, "campaign", parent),
        (refused("txn", registry.txn().put(missing, "").delete(parent).commit().await, has_children)?, "txn", parent),
        (
            refused("txn", registry.txn().put(missing, "").put(below, "").commit().await, ephemeral_parent)?,
            "txn",
            below,
        ),
    ];
    for (error, operation, key) in &errors {
        named(case, error, operation, key)?;
    }
    let mut too_many = registry.txn();
    (0..33).for_each(|_| _ = too_many.check_absent(missing));
    named(case, &refused("txn", too_many.commit().await, ErrorKind::InvalidTxn)?, "txn", missing)?;
    // Some answer sooner than any time has passed.
    let late = |error: Option<Error>, operation, key| error.map_or(Ok(()), |error| named(case, &error, operation, key));
    late(registry.put(missing, "").timeout(Duration::ZERO).await.err(), "put", missing)?;
    late(registry.delete(missing).timeout(Duration::ZERO).await.err(), "delete", missing)?;
    late(registry.txn().put(child, "").put(missing, "").timeout(Duration::ZERO).commit().await.err(), "txn", child)?;
    guard.release().await?;
    let (guard, mut watch) = (registry.lock(lock).await?, registry.watch(child, Scope::Node).await?);
    registry.close().await?;
    named(case, &guard.lost().await, "lock", lock)?;
    named(case, &refused("release", guard.release().await, ErrorKind::Closed)?, "release", lock)?;
    while let Some(event) = watch.next().await {
        late(event.err(), "watch", child)?;
    }
    let closed = registry.txn().put(child, "").put(missing, "").commit().await;
    named(case, &refused("txn", closed, ErrorKind::Closed)?, "txn", child)?;
    named(case, &refused("get", registry.get(child).await, ErrorKind::Closed)?, "get", child)?;
    named(case, &refused("list", registry.list(child).await, ErrorKind::Closed)?, "list", child)?;
    let watch = registry.watch(child, Scope::Node).await;
    named(case, &refused("watch", watch, ErrorKind::Closed)?, "watch", child)
}

async fn an_error_says_whether_trying_again_can_help(case: &Case) -> Verdict {
    let registry = case.client().await?;
    registry.put(&case.key("a/b"), "").await?;
    let error = refused("put", registry.put(&case.key("a"), "").ephemeral().await, ErrorKind::HasChildren)?;
    same("of HasChildren", error.is_retryable(), false)?;
    let error = refused("get", registry.get("a").await, ErrorKind::InvalidKey)?;
    same("of InvalidKey", error.is_retryable(), false)?;
    let error =
        refused("put", registry.put(&case.key("a"), "").if_version(1.into()).await, ErrorKind::ConditionFailed)?;
    same("of ConditionFailed", error.is_retryable(), false)?;
    let guard = registry.lock(&case.key("lock")).await?;
    let error = refused("lock", registry.try_lock(&case.key("lock")).await, ErrorKind::NotAcquired)?;
    same("of NotAcquired", error.is_retryable(), true)?;
    guard.release().await?;
    if let Err(error) = registry.put(&case.key("a"), "").timeout(Duration::ZERO).await {
        same("the kind", error.kind(), ErrorKind::Timeout)?;
        same("of Timeout", error.is_retryable(), true)?;
        holds("its outcome is no claim", error.outcome() != Outcome::Applied)?;
    }
    Ok(())
}

async fn a_failed_check_is_named_with_its_key(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let (a, b) = (&case.key("a"), &case.key("b"));
    let failed = registry.txn().check_absent(a).check_present(b).put(a, "").commit().await;
    let error = refused("a Txn", failed, ErrorKind::ConditionFailed)?;
    same("what failed", error.failed_checks(), [1])?;
    same("its key", error.key(), Some(b.as_str()))?;
    holds(format!("'{error}' names it"), error.to_string().contains(b.as_str()))
}

async fn the_errors_of_the_limits_say_what_is_allowed(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let key = &case.key("key");
    let says = |error: &Error, words: &[&str]| {
        let text = error.to_string();
        holds(format!("'{text}' says {words:?}"), words.iter().all(|word| text.contains(word)))
    };
    let large = vec![0; 1_000_001];
    says(&refused("put", registry.put(key, &large).await, ErrorKind::ValueTooLarge)?, &["1000001", "1000000"])?;
    let long = format!("/{}", "k".repeat(32_768));
    says(&refused("get", registry.get(&long).await, ErrorKind::InvalidKey)?, &["32769", "32768"])?;
    let deep = "/s".repeat(33);
    says(&refused("get", registry.get(&deep).await, ErrorKind::InvalidKey)?, &["33", "32"])?;
    let mut many = registry.txn();
    (0..33).for_each(|_| _ = many.check_absent(key));
    says(&refused("a Txn", many.commit().await, ErrorKind::InvalidTxn)?, &["33", "32", "checks"])?;
    let half = vec![0; 520_000];
    let heavy = registry.txn().put(key, &half).put(&case.key("b"), &half).commit().await;
    says(&refused("a Txn", heavy, ErrorKind::InvalidTxn)?, &["1040000"])
}

/// Opening with this key set is refused; gives the message.
async fn misconfigured(case: &Case, key: &str, value: &str) -> Verdict<String> {
    let opened = case.court().client(&Terms::default(), &[(key, value)]).await;
    let error = refused(format!("{key}={value}"), opened, ErrorKind::InvalidConfig)?;
    let text = error.to_string();
    holds(format!("'{text}' names {key}"), text.contains(key))?;
    Ok(text)
}

async fn an_unknown_configuration_key_is_refused(case: &Case) -> Verdict {
    let section = format!("registry.{}", case.court().registry_type());
    let text = misconfigured(case, &format!("{section}.no-such-key"), "some value").await?;
    let keys = case.client().await?.plugin().metadata().keys.clone();
    holds(
        format!("'{text}' says what is accepted"),
        keys.is_empty() || keys.iter().any(|key| text.contains(&key.name[..])),
    )?;
    let nested = [(&*format!("{section}.no-such.nested-key"), "some value")];
    let opened = case.court().client(&Terms::default(), &nested).await;
    let text = refused("a nested one", opened, ErrorKind::InvalidConfig)?.to_string();
    holds(format!("'{text}' names it"), text.contains(&format!("{section}.no-such")))
}

async fn a_refused_secret_is_not_shown(case: &Case) -> Verdict {
    let section = format!("registry.{}", case.court().registry_type());
    let text = misconfigured(case, &format!("{section}.no-such-password"), "hunter2").await?;
    holds(format!("'{text}' does not show it"), !text.contains("hunter2"))
}

async fn a_bad_setting_of_the_host_is_refused(case: &Case) -> Verdict {
    for (key, value) in [
        ("registry.operation-timeout", "soon"),
        ("registry.operation-timeout", "5"),
        ("registry.operation-timeout", "0s"),
        ("registry.disconnect-strategy", "panic"),
    ] {
        let text = misconfigured(case, key, value).await?;
        holds(format!("'{text}' shows the value"), text.contains(value))?;
    }
    let section = format!("registry.{}", case.court().registry_type());
    for namespace in ["/a", "a/", "a//b", "..", "a/./b", "/"] {
        let text = misconfigured(case, &format!("{section}.namespace"), namespace).await?;
        holds(format!("'{text}' shows the value"), text.contains(namespace))?;
    }
    misconfigured(case, &format!("{section}.session-timeout"), "never").await?;
    Ok(())
}
