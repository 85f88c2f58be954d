//! Random Txns of two clients against a model that applies them one operation after another.

use std::collections::BTreeMap;

use proptest::{prelude::*, sample::subsequence, test_runner::TestRunner};
use registry_plugin::{Applied, Check, ErrorKind, Key, Mode, Operation, SessionId, Txn, Version};

use super::support::*;

const KEYS: [&str; 10] = ["/a", "/a/b", "/a/b/c", "/a/b/c/d", "/a/x", "/a-b", "/a-b/c", "/a/b-c", "/d", "/d/e"];

#[derive(Clone, Copy, Debug)]
enum Test {
    Absent,
    Present,
    /// The version, so many below the one there is.
    Version(u64),
    /// The creation, so many below the one there is.
    Held(u64),
}

#[derive(Clone, Copy, Debug)]
enum Write {
    Put,
    Ephemeral,
    Delete,
    DeleteRecursive,
}

#[derive(Clone, Debug)]
struct Step {
    by: usize,
    checks: Vec<(&'static str, Test)>,
    writes: Vec<(&'static str, Write)>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let test = prop_oneof![
        1 => Just(Test::Absent),
        3 => Just(Test::Present),
        3 => (0..2_u64).prop_map(Test::Version),
        1 => (0..2_u64).prop_map(Test::Held),
    ];
    let write = prop_oneof![4 => Just(Write::Put), 3 => Just(Write::Ephemeral), 4 => Just(Write::Delete)];
    let checks = prop_oneof![
        3 => Just(Vec::new()),
        1 => prop::collection::vec((prop::sample::select(&KEYS[..]), test), 1..3),
    ];
    let several = (subsequence(&KEYS[..], 1..5).prop_shuffle(), prop::collection::vec(write, 5));
    let several = several.prop_map(|(keys, writes)| keys.into_iter().zip(writes).collect());
    let alone = prop_oneof![8 => Just(Write::Put), 4 => Just(Write::Ephemeral), 1 => Just(Write::DeleteRecursive)];
    // Few keys, so that some are written often.
    let alone = (prop::sample::select(&KEYS[..4]), alone).prop_map(|one| vec![one]);
    let step = (0..2_usize, checks, prop_oneof![several, alone]);
    prop::collection::vec(step.prop_map(|(by, checks, writes)| Step { by, checks, writes }), 1..24)
}

#[derive(Clone, Debug, PartialEq)]
struct Stored {
    value: String,
    version: u64,
    created: u64,
    owner: Option<SessionId>,
}

type Tree = BTreeMap<String, Stored>;

fn has_children(tree: &Tree, key: Key<'_>) -> bool {
    tree.keys().any(|other| key.contains(Key::from_checked(other)))
}

/// What the contract says becomes of the tree; what is new has the version 0 for the time being.
fn apply(tree: &mut Tree, operations: &[Operation<'_>], session: SessionId) -> Result<Vec<u64>, ErrorKind> {
    let mut counts = Vec::new();
    for operation in operations {
        let key = operation.key();
        let before = tree.len();
        match operation {
            Operation::Put { value, mode, .. } => {
                for ancestor in key.ancestors() {
                    let ancestor = tree.entry(ancestor.as_str().to_owned());
                    let empty = Stored { value: String::new(), version: 0, created: 0, owner: None };
                    if ancestor.or_insert(empty).owner.is_some() {
                        return Err(ErrorKind::EphemeralParent);
                    }
                }
                let owner = (*mode == Mode::Ephemeral).then_some(session);
                if owner.is_some() && has_children(tree, key) {
                    return Err(ErrorKind::HasChildren);
                }
                // Another mode or owner is another life.
                let lives = tree.get(key.as_str()).filter(|stored| stored.owner == owner);
                let created = lives.map_or(0, |stored| stored.created);
                let value = String::from_utf8_lossy(value).into_owned();
                tree.insert(key.as_str().to_owned(), Stored { value, version: 0, created, owner });
                counts.push(0);
                continue;
            }
            Operation::Delete(_) if has_children(tree, key) => return Err(ErrorKind::HasChildren),
            Operation::Delete(_) => drop(tree.remove(key.as_str())),
            _ => tree.retain(|other, _| other != key.as_str() && !key.contains(Key::from_checked(other))),
        }
        counts.push((before - tree.len()) as u64);
    }
    Ok(counts)
}

fn holds(tree: &Tree, check: &Check<'_>) -> bool {
    let stored = tree.get(check.key().as_str());
    match check {
        Check::Absent(_) => stored.is_none(),
        Check::Present(_) => stored.is_some(),
        Check::Version(_, version) => stored.is_some_and(|stored| *version == stored.version.into()),
        Check::Held { token, .. } => {
            stored.is_some_and(|stored| stored.owner.is_some() && *token == stored.created.into())
        }
        _ => false,
    }
}

async fn seen(client: &Client) -> Tree {
    let mut tree = Tree::new();
    for at in KEYS {
        if let Some(entry) = client.find(at).await {
            let value = String::from_utf8_lossy(&entry.value).into_owned();
            let (version, created, owner) = (entry.version.get(), entry.created.get(), entry.ephemeral);
            tree.insert(at.to_owned(), Stored { value, version, created, owner });
        }
    }
    tree
}

async fn play(clients: &[Client; 2], steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut tree = Tree::new();
    for (number, Step { by, checks, writes }) in steps.into_iter().enumerate() {
        let client = &clients[by];
        let there = |at: &str| tree.get(at).map_or((0, 0), |stored| (stored.version, stored.created));
        let checks: Vec<_> = checks
            .iter()
            .map(|(at, test)| match test {
                Test::Absent => Check::Absent(key(at)),
                Test::Present => Check::Present(key(at)),
                Test::Version(off) => Check::Version(key(at), there(at).0.saturating_sub(*off).into()),
                Test::Held(off) => Check::Held { entry: key(at), token: there(at).1.saturating_sub(*off).into() },
            })
            .collect();
        let value = number.to_string();
        let operations: Vec<_> = writes
            .iter()
            .map(|(at, write)| match write {
                Write::Put => put(at, &value),
                Write::Ephemeral => ephemeral(at, &value),
                Write::Delete => delete(at),
                Write::DeleteRecursive => Operation::DeleteRecursive(key(at)),
            })
            .collect();
        if Txn::new(&checks, &operations).validate("").is_err() {
            continue;
        }
        let failed: Vec<usize> = (0..checks.len()).filter(|number| !holds(&tree, &checks[*number])).collect();
        let mut after = tree.clone();
        let expected = match failed.is_empty() {
            true => apply(&mut after, &operations, client.id()),
            false => Err(ErrorKind::ConditionFailed),
        };
        match (client.txn(&checks, &operations).await, expected) {
            (Ok(committed), Ok(counts)) => {
                let version = (0..operations.len()).find_map(|number| committed.version(number));
                for stored in after.values_mut().filter(|stored| stored.version == 0) {
                    stored.version = version.map_or(0, Version::get);
                    stored.created = if stored.created == 0 { stored.version } else { stored.created };
                }
                let deleted: Vec<u64> = committed
                    .applied
                    .iter()
                    .map(|applied| if let Applied::Deleted { count } = applied { *count } else { 0 })
                    .collect();
                prop_assert_eq!(deleted, counts);
                tree = after;
            }
            (Err(error), Err(kind)) => {
                prop_assert_eq!(error.kind(), kind, "{}", error);
                // One at least is named.
                let named = error.failed_checks();
                prop_assert_eq!(named.is_empty(), failed.is_empty());
                prop_assert!(named.iter().all(|number| failed.contains(number)), "{named:?} of {failed:?}");
            }
            (answer, expected) => prop_assert!(false, "{answer:?} instead of {expected:?}"),
        }
        prop_assert_eq!(&seen(client).await, &tree);
    }
    Ok(())
}

#[test]
fn random_txns_do_what_the_contract_says() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let namespace = fresh();
    let clients = runtime.block_on(async { [connect_to(&namespace).await, connect_to(&namespace).await] });
    let config = ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() };
    let played = TestRunner::new(config).run(&steps(), |steps| {
        runtime.block_on(async {
            let played = play(&clients, steps).await;
            for top in ["/a", "/a-b", "/d"] {
                clients[0].write(&[Operation::DeleteRecursive(key(top))]).await.expect("a delete");
            }
            played
        })
    });
    if let Err(error) = played {
        panic!("{error}");
    }
}
