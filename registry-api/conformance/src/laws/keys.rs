//! Keys (contract 1.1).

use registry_host::{Error, ErrorKind, Registry, Scope};

use crate::{
    case::Case,
    law::chapter,
    verdict::{Verdict, holds, refused, same, there},
};

chapter! {
    "1.1" =>
        every_well_formed_key_holds_an_entry,
        a_key_may_have_32768_bytes,
        a_key_may_have_32_segments,
        a_bad_key_is_refused_by_every_operation,
        a_bad_key_is_refused_before_anything_is_sent,
        the_root_is_no_entry,
        the_root_always_exists;
}

const LONGEST: usize = 32_768;
const DEEPEST: usize = 32;

async fn every_well_formed_key_holds_an_entry(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let names = [
        "10.0.0.7:1234",
        "a b",
        " ",
        "...",
        ".b",
        "a.",
        "-",
        "_",
        "~",
        "!",
        "\"",
        "%2F",
        "\\",
        "*",
        "[a]",
        "$",
        "\u{a0}",
        "ä",
        "…",
        "\u{200b}",
        "中文",
        "\u{d7ff}",
        "\u{f900}",
        "\u{ffef}",
        "A",
        "a",
        "_c_0-lock-1",
        "zookeeper",
        "@",
        "#",
        "?x=1&y",
        "{}",
        "'",
    ];
    for name in names {
        let key = case.key(name);
        registry.put(&key, name).await?;
        let below = format!("{key}/{name}");
        registry.put(&below, "").await?;
        let entry = there(format!("the entry {key:?}"), registry.get(&key).await?)?;
        same("its key", entry.key, key.as_str())?;
        same("its value", &entry.value[..], name.as_bytes())?;
        same("its children", registry.children(&key).await?, [name])?;
    }
    let mut sorted: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    sorted.sort_unstable();
    same("all names", registry.children(case.root()).await?, sorted)
}

async fn a_key_may_have_32768_bytes(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let longest = format!("{}/{}", case.root(), "k".repeat(LONGEST - case.root().len() - 1));
    same("its length", longest.len(), LONGEST)?;
    registry.put(&longest, "long").await?;
    let entry = there("the entry", registry.get(&longest).await?)?;
    same("its key", &entry.key, &longest)?;
    same("the listing", registry.list(&longest).await?, [entry])?;
    refused("a longer one", registry.put(&format!("{longest}k"), "").await, ErrorKind::InvalidKey)?;
    // Bytes are counted, not characters.
    let wide = format!("{}/{}", case.root(), "ä".repeat((LONGEST - case.root().len()) / 2 + 1));
    holds("it is longer in bytes alone", wide.len() > LONGEST && wide.chars().count() < LONGEST)?;
    refused("one of fewer characters", registry.put(&wide, "").await, ErrorKind::InvalidKey)?;
    same("the delete", registry.delete(&longest).await?, 1)
}

async fn a_key_may_have_32_segments(case: &Case) -> Verdict {
    let registry = case.client().await?;
    let above = case.root().matches('/').count();
    let deepest = format!("{}{}", case.root(), "/s".repeat(DEEPEST - above));
    registry.put(&deepest, "deep").await?;
    same("its value", &there("the entry", registry.get(&deepest).await?)?.value[..], b"deep")?;
    same("all that was created", registry.list(case.root()).await?.len(), DEEPEST - above + 1)?;
    refused("a deeper one", registry.put(&format!("{deepest}/s"), "").await, ErrorKind::InvalidKey)?;
    refused("a read of it", registry.get(&format!("{deepest}/s")).await, ErrorKind::InvalidKey)?;
    same("the children of the deepest", registry.children(&deepest).await?.len(), 0)
}

/// One of each way to break the rules, with what the message must say.
fn bad_keys() -> Vec<(String, &'static str)> {
    let mut bad: Vec<(String, &str)> = [
        ("", "begin"),
        ("a", "begin"),
        ("a/b", "begin"),
        ("//", "end"),
        ("/a/", "end"),
        ("//a", "empty"),
        ("/a//b", "empty"),
        ("/.", "'.'"),
        ("/a/./b", "'.'"),
        ("/..", "'..'"),
        ("/a/../b", "'..'"),
    ]
    .map(|(key, says)| (key.to_owned(), says))
    .into();
    let refused = [
        '\0',
        '\u{1}',
        '\t',
        '\n',
        '\u{1f}',
        '\u{7f}',
        '\u{80}',
        '\u{9f}',
        '\u{e000}',
        '\u{f8ff}',
        '\u{fff0}',
        '\u{ffff}',
        '\u{10000}',
        '😀',
        '\u{10ffff}',
    ];
    bad.extend(refused.map(|c| (format!("/a{c}b"), "U+")));
    bad.push((format!("/{}", "k".repeat(LONGEST)), "bytes"));
    bad.push(("/s".repeat(DEEPEST + 1), "segments"));
    bad
}

/// Every operation that takes a key, on that key.
async fn every_operation(registry: &Registry, key: &str) -> Vec<(&'static str, Result<(), Error>)> {
    vec![
        ("get", registry.get(key).await.map(drop)),
        ("children", registry.children(key).await.map(drop)),
        ("list", registry.list(key).await.map(drop)),
        ("put", registry.put(key, "").await.map(drop)),
        ("an ephemeral put", registry.put(key, "").ephemeral().await.map(drop)),
        ("a conditional put", registry.put(key, "").if_version(1.into()).await.map(drop)),
        ("delete", registry.delete(key).await.map(drop)),
        ("delete_recursive", registry.delete_recursive(key).await.map(drop)),
        ("check_absent", registry.txn().check_absent(key).commit().await.map(drop)),
        ("check_present", registry.txn().check_present(key).commit().await.map(drop)),
        ("check_version", registry.txn().check_version(key, 1.into()).commit().await.map(drop)),
        ("check_held", registry.txn().check_held_entry(key, 1.into()).commit().await.map(drop)),
        ("put in a Txn", registry.txn().put(key, "").commit().await.map(drop)),
        ("delete in a Txn", registry.txn().delete(key).commit().await.map(drop)),
        ("watch Node", registry.watch(key, Scope::Node).await.map(drop)),
        ("watch Children", registry.watch(key, Scope::Children).await.map(drop)),
        ("watch Subtree", registry.watch(key, Scope::Subtree).await.map(drop)),
        ("lock", registry.lock(key).await.map(drop)),
        ("try_lock", registry.try_lock(key).await.map(drop)),
        ("campaign", registry.campaign(key, "").await.map(drop)),
        ("leader", registry.leader(key).await.map(drop)),
        ("observe", registry.observe(key).await.map(drop)),
    ]
}

async fn a_bad_key_is_refused_by_every_operation(case: &Case) -> Verdict {
    let registry = case.client().await?;
    for (key, says) in bad_keys() {
        for (operation, result) in every_operation(&registry, &key).await {
            let what = format!("{operation} of {:?}", key.chars().take(20).collect::<String>());
            let error = refused(&what, result, ErrorKind::InvalidKey)?;
            holds(format!("the error of {what} says {says}: {error}"), error.to_string().contains(says))?;
            holds(format!("the error of {what} is short"), error.to_string().len() < 600)?;
        }
    }
    Ok(())
}

async fn a_bad_key_is_refused_before_anything_is_sent(case: &Case) -> Verdict {
    let registry = case.client().await?;
    registry.close().await?;
    for (operation, result) in every_operation(&registry, "/a//b").await {
        refused(format!("{operation} on a closed registry"), result, ErrorKind::InvalidKey)?;
    }
    Ok(())
}

async fn the_root_is_no_entry(case: &Case) -> Verdict {
    let registry = case.client().await?;
    for (operation, result) in every_operation(&registry, "/").await {
        if !["children", "watch Children", "watch Subtree", "observe"].contains(&operation) {
            refused(format!("{operation} of the root"), result, ErrorKind::InvalidKey)?;
        }
    }
    Ok(())
}

async fn the_root_always_exists(case: &Case) -> Verdict {
    let registry = case.client_below("empty").await?;
    same("the children of an empty registry's root", registry.children("/").await?.len(), 0)?;
    registry.put("/a/b", "").await?;
    same("the root's children", registry.children("/").await?, ["a"])?;
    same("all that was deleted", registry.delete_recursive("/a").await?, 2)?;
    same("the children of a root emptied again", registry.children("/").await?.len(), 0)
}
