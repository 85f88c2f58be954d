//! Random Txns against a model that applies them one operation after another.

use std::collections::BTreeMap;

use proptest::{prelude::*, sample::subsequence, test_runner::TestRunner};
use registry_model::{Answer, Condition, Model, Refusal, Shown};
use registry_plugin::{Applied, Check, ErrorKind, Operation, SessionId, Txn, Version};

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

async fn listed(client: &Client) -> BTreeMap<String, Shown<SessionId>> {
    let mut listed = BTreeMap::new();
    for top in ["/a", "/a-b", "/d"] {
        let entries = client.all(top, 100).await;
        listed.extend(entries.into_iter().map(|entry| (entry.key.clone(), Shown::of(&entry, |session| session))));
    }
    listed
}

async fn play(client: &Client, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut model = Model::new(true);
    for (number, (tests, writes)) in steps.into_iter().enumerate() {
        let there = |at: &str| model.entries.get(at).map_or((0, 0), |kept| (kept.version, kept.created));
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
        let answer = client.txn(&checks, &operations).await;
        // What is written has the version that the server gave it.
        let version =
            answer.as_ref().ok().and_then(|committed| (0..operations.len()).find_map(|put| committed.version(put)));
        let conditions: Vec<_> = checks.iter().map(|check| Condition::of(check, |key| key.to_string())).collect();
        let writes: Vec<_> =
            operations.iter().map(|write| registry_model::Operation::of(write, |key| key.to_string())).collect();
        let expected = model.commit(version.map_or(0, Version::get), client.id(), &conditions, &writes);
        match (answer, expected) {
            (Ok(committed), Ok(expected)) => {
                let deleted = committed.applied.iter().map(|applied| match applied {
                    Applied::Deleted { count } => Answer::Deleted { count: *count },
                    _ => Answer::Put { version: version.map_or(0, Version::get) },
                });
                prop_assert_eq!(deleted.collect::<Vec<_>>(), expected);
            }
            (Err(error), Err(Refusal::Checks(failed))) => {
                prop_assert_eq!(error.kind(), ErrorKind::ConditionFailed, "{}", error);
                prop_assert!(error.failed_checks().iter().eq(&failed), "{failed:?}: {error}");
            }
            (Err(error), Err(Refusal::Met(kind, _))) => prop_assert_eq!(error.kind(), kind, "{}", error),
            (answer, expected) => prop_assert!(false, "{answer:?} instead of {expected:?}"),
        }
        prop_assert_eq!(&listed(client).await, &model.shown());
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
