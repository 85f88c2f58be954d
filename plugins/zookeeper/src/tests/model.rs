//! Random Txns of two clients against a model that applies them one operation after another.

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

async fn seen(client: &Client) -> BTreeMap<String, Shown<SessionId>> {
    let mut seen = BTreeMap::new();
    for at in KEYS {
        seen.extend(client.find(at).await.map(|entry| (at.to_owned(), Shown::of(&entry, |session| session))));
    }
    seen
}

async fn play(clients: &[Client; 2], steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut model = Model::new(false);
    for (number, Step { by, checks, writes }) in steps.into_iter().enumerate() {
        let client = &clients[by];
        let there = |at: &str| model.entries.get(at).map_or((0, 0), |kept| (kept.version, kept.created));
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
                // One at least is named.
                let named = error.failed_checks();
                prop_assert!(
                    !named.is_empty() && named.iter().all(|number| failed.contains(number)),
                    "{named:?} of {failed:?}"
                );
            }
            (Err(error), Err(Refusal::Met(kind, _))) => prop_assert_eq!(error.kind(), kind, "{}", error),
            (answer, expected) => prop_assert!(false, "{answer:?} instead of {expected:?}"),
        }
        prop_assert_eq!(&seen(client).await, &model.shown());
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
