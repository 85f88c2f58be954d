//! Random Txns against a model that applies them one operation after another.

use std::collections::BTreeMap;

use proptest::{prelude::*, sample::subsequence, test_runner::TestRunner};
use registry_plugin::{Applied, Check, ErrorKind, Key, Mode, Operation, Txn};

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

type Step = (Vec<(&'static str, Test)>, Vec<(&'static str, Write)>);

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
    let writes = (subsequence(&KEYS[..], 1..5).prop_shuffle(), prop::collection::vec(write, 5));
    let writes = writes.prop_map(|(keys, writes)| keys.into_iter().zip(writes).collect());
    let alone = prop::sample::select(&KEYS[..]).prop_map(|key| vec![(key, Write::DeleteRecursive)]);
    prop::collection::vec((checks, prop_oneof![12 => writes, 1 => alone]), 1..16)
}

#[derive(Clone, Debug, PartialEq)]
struct Stored {
    value: String,
    version: u64,
    created: u64,
    ephemeral: bool,
}

type Tree = BTreeMap<String, Stored>;

fn has_children(tree: &Tree, key: Key<'_>) -> bool {
    tree.keys().any(|other| key.contains(Key::from_checked(other)))
}

/// What the contract says becomes of the tree; what is new has the version 0 for the time being.
fn apply(tree: &mut Tree, operations: &[Operation<'_>]) -> Result<Vec<u64>, ErrorKind> {
    let mut counts = Vec::new();
    for operation in operations {
        let key = operation.key();
        let before = tree.len();
        match operation {
            Operation::Put { value, mode, .. } => {
                for ancestor in key.ancestors() {
                    let ancestor = tree.entry(ancestor.as_str().to_owned());
                    let empty = Stored { value: String::new(), version: 0, created: 0, ephemeral: false };
                    if ancestor.or_insert(empty).ephemeral {
                        return Err(ErrorKind::EphemeralParent);
                    }
                }
                let ephemeral = *mode == Mode::Ephemeral;
                if ephemeral && has_children(tree, key) {
                    return Err(ErrorKind::HasChildren);
                }
                let created = tree.get(key.as_str()).map_or(0, |stored| stored.created);
                let value = String::from_utf8_lossy(value).into_owned();
                tree.insert(key.as_str().to_owned(), Stored { value, version: 0, created, ephemeral });
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
        Check::Held { token, .. } => stored.is_some_and(|stored| stored.ephemeral && *token == stored.created.into()),
        _ => false,
    }
}

async fn listed(client: &Client) -> Tree {
    let mut tree = Tree::new();
    for top in ["/a", "/a-b", "/d"] {
        for entry in client.all(top, 100).await {
            let value = String::from_utf8_lossy(&entry.value).into_owned();
            let ephemeral = entry.is_ephemeral();
            tree.insert(
                entry.key,
                Stored { value, version: entry.version.get(), created: entry.created.get(), ephemeral },
            );
        }
    }
    tree
}

async fn play(client: &Client, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut tree = Tree::new();
    for (number, (tests, writes)) in steps.into_iter().enumerate() {
        let there = |at: &str| tree.get(at).map_or((0, 0), |stored| (stored.version, stored.created));
        let checks: Vec<_> = tests
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
            true => apply(&mut after, &operations),
            false => Err(ErrorKind::ConditionFailed),
        };
        match (client.txn(&checks, &operations).await, expected) {
            (Ok(committed), Ok(counts)) => {
                let version = committed.applied.iter().find_map(|applied| match applied {
                    Applied::Put { version } => Some(version.get()),
                    _ => None,
                });
                for stored in after.values_mut().filter(|stored| stored.version == 0) {
                    stored.version = version.unwrap_or(0);
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
                prop_assert_eq!(error.failed_checks(), failed);
            }
            (answer, expected) => prop_assert!(false, "{answer:?} instead of {expected:?}"),
        }
        prop_assert_eq!(&listed(client).await, &tree);
    }
    for top in ["/a", "/a-b", "/d"] {
        client.write(&[Operation::DeleteRecursive(key(top))]).await.expect("a delete");
    }
    Ok(())
}

#[test]
fn random_txns_do_what_the_contract_says() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let client = runtime.block_on(connect());
    let config = ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() };
    let played = TestRunner::new(config).run(&steps(), |steps| {
        let played = runtime.block_on(play(&client, steps));
        if played.is_err() {
            // The next attempt at it begins with an empty tree.
            for top in ["/a", "/a-b", "/d"] {
                runtime.block_on(client.write(&[Operation::DeleteRecursive(key(top))])).expect("a delete");
            }
        }
        played
    });
    if let Err(error) = played {
        panic!("{error}");
    }
}
