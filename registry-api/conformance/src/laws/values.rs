//! Values (contract 1.2).

use bytes::Bytes;
use registry_host::{ErrorKind, Scope};

use crate::{
    case::Case,
    follower::Follower,
    law::chapter,
    verdict::{Verdict, refused, same, there},
};

chapter! {
    "1.2" =>
        a_value_comes_back_byte_for_byte,
        a_value_may_have_a_million_bytes,
        a_larger_value_is_refused_before_anything_is_sent;
}

const LARGEST: usize = 1_000_000;

async fn a_value_comes_back_byte_for_byte(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let other = case.client().await?;
    let every_byte: Vec<u8> = (0..=255).collect();
    let values =
        [b"".to_vec(), b"\0".to_vec(), b"\xff\xfe\x80".to_vec(), "ä\r\n".into(), every_byte, vec![b'x'; 70_000]];
    let key = case.key("value");
    for value in values {
        registry.put(&key, &value).await?;
        case.catch_up(&other).await?;
        for reader in [&registry, &other] {
            let entry = there("the entry", reader.get(&key).await?)?;
            same("the value", &entry.value, &value)?;
            same("the value as listed", &reader.list(&key).await?[0].value, &value)?;
            let watch = Follower::synced(reader, &key, Scope::Node).await?;
            same("the value as watched", watch.state.get(&key), Some(&entry))?;
        }
    }
    Ok(())
}

async fn a_value_may_have_a_million_bytes(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let mut watch = Follower::synced(&registry, case.root(), Scope::Subtree).await?;
    let key = case.key("large");
    let value: Bytes = (0..LARGEST).map(|at| (at % 251) as u8).collect();
    registry.put(&key, &value).await?;
    same("the value", there("the entry", registry.get(&key).await?)?.value == value, true)?;
    same("the value as listed", registry.list(&key).await?[0].value == value, true)?;
    watch.until("the value is watched", |state| state.get(&key).is_some_and(|entry| entry.value == value)).await?;
    let ephemeral = case.key("ephemeral");
    registry.put(&ephemeral, &value).ephemeral().await?;
    same("the ephemeral one's", there("the entry", registry.get(&ephemeral).await?)?.value == value, true)?;
    same("both in one listing", registry.list(case.root()).await?.len(), 3)
}

async fn a_larger_value_is_refused_before_anything_is_sent(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let value = vec![0; LARGEST + 1];
    let key = case.key("larger");
    let below = case.key("lock");
    for closed in [false, true] {
        let too_large = ErrorKind::ValueTooLarge;
        refused("put", registry.put(&key, &value).await, too_large)?;
        refused("an ephemeral put", registry.put(&key, &value).ephemeral().await, too_large)?;
        refused("a Txn", registry.txn().put(&below, "").put(&key, &value).commit().await, too_large)?;
        refused("campaign", registry.campaign(&below, &value).await, too_large)?;
        if !closed {
            same("what was written", registry.list(case.root()).await?, [])?;
            registry.close().await?;
        }
    }
    Ok(())
}
