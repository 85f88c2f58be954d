//! Random Txns of two sessions against a model written straight from the contract.

mod support;

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*, sample::select};
use registry_model::{Answer, Condition, Kept, Model, Refusal, Shown};
use registry_plugin::{Applied, Backend, Check, Committed, ErrorKind, Key, Mode, Operation, SessionId, Txn};
use support::*;

/// The sessions' namespaces: the first sees all that the second does.
const NAMESPACES: [&str; 2] = ["", "n"];

/// The whole registry, its keys with the namespace; a session is its number.
struct Registry {
    model: Model<usize>,
    revision: u64,
}

#[derive(Debug, PartialEq)]
enum Refused {
    Checks(Vec<usize>),
    At(ErrorKind, String),
}

impl Registry {
    fn commit(&mut self, session: usize, txn: Txn<'_>) -> Result<Vec<Applied>, Refused> {
        let key = |key: Key<'_>| full(session, key);
        let conditions: Vec<_> = txn.checks.iter().map(|check| Condition::of(check, key)).collect();
        let operations: Vec<_> =
            txn.operations.iter().map(|operation| registry_model::Operation::of(operation, key)).collect();
        let before = self.model.entries.clone();
        let answers = self.model.commit(self.revision + 1, session, &conditions, &operations);
        self.count(&before);
        let applied = |answer| match answer {
            Answer::Put { version } => Applied::Put { version: version.into() },
            Answer::Deleted { count } => Applied::Deleted { count },
        };
        match answers {
            Ok(answers) => Ok(answers.into_iter().map(applied).collect()),
            Err(Refusal::Checks(failed)) => Err(Refused::Checks(failed.into_iter().collect())),
            Err(Refusal::Met(kind, key)) => Err(Refused::At(kind, own(session, &key).expect("a key of the session"))),
            Err(Refusal::InvalidTxn) => panic!("the Txn breaks the limits: {txn:?}"),
        }
    }

    fn close(&mut self, session: usize) {
        let before = self.model.entries.clone();
        self.model.end(session);
        self.count(&before);
    }

    /// Whatever changes anything is a revision.
    fn count(&mut self, before: &BTreeMap<String, Kept<usize>>) {
        self.revision += u64::from(*before != self.model.entries);
    }

    /// All that a session sees, its own keys.
    fn seen(&self, session: usize) -> Vec<(String, Shown<usize>)> {
        self.model.shown().into_iter().filter_map(|(key, shown)| Some((own(session, &key)?, shown))).collect()
    }
}

/// The key that a session knows an entry by; `None` if that lies outside of its namespace.
fn own(session: usize, key: &str) -> Option<String> {
    key.strip_prefix(&full(session, Key::ROOT)).map(|key| format!("/{key}"))
}

fn full(session: usize, key: Key<'_>) -> String {
    match NAMESPACES[session] {
        "" => key.to_string(),
        namespace => format!("/{namespace}{key}"),
    }
}

#[derive(Clone, Debug)]
struct RandomCheck {
    key: String,
    kind: u8,
    /// How many revisions ago the version or token was.
    back: u64,
}

#[derive(Clone, Debug)]
struct RandomOperation {
    key: String,
    kind: u8,
    value: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Step {
    Commit { session: usize, checks: Vec<RandomCheck>, operations: Vec<RandomOperation> },
    Reopen { session: usize },
}

fn key() -> impl Strategy<Value = String> {
    vec(select(vec!["a", "a-", "b", "n"]), 1..4).prop_map(|segments| format!("/{}", segments.join("/")))
}

fn step() -> impl Strategy<Value = Step> {
    let check = (key(), 0..4u8, 0..4u64).prop_map(|(key, kind, back)| RandomCheck { key, kind, back });
    // Persistent and ephemeral puts, deletes, now and then a recursive one.
    let kind = select(vec![0, 0, 0, 1, 1, 2, 2, 3]);
    let operation =
        (key(), kind, vec(any::<u8>(), 0..3)).prop_map(|(key, kind, value)| RandomOperation { key, kind, value });
    let commit = (0..2usize, vec(check, 0..3), vec(operation, 0..5));
    prop_oneof![
        20 => commit.prop_map(|(session, checks, operations)| Step::Commit { session, checks, operations }),
        1 => (0..2usize).prop_map(|session| Step::Reopen { session }),
    ]
}

fn checks<'a>(random: &'a [RandomCheck], revision: u64) -> Vec<Check<'a>> {
    let check = |RandomCheck { key, kind, back }: &'a RandomCheck| match kind {
        0 => Check::Absent(k(key)),
        1 => Check::Present(k(key)),
        2 => Check::Version(k(key), revision.saturating_sub(*back).into()),
        _ => Check::Held { entry: k(key), token: revision.saturating_sub(*back).into() },
    };
    random.iter().map(check).collect()
}

/// The operations as far as they may stand in one Txn.
fn operations(random: &[RandomOperation]) -> Vec<Operation<'_>> {
    let mut operations = Vec::new();
    for RandomOperation { key, kind, value } in random {
        operations.push(match kind {
            0 => Operation::Put { key: k(key), value, mode: Mode::Persistent },
            1 => Operation::Put { key: k(key), value, mode: Mode::Ephemeral },
            2 => Operation::Delete(k(key)),
            _ => Operation::DeleteRecursive(k(key)),
        });
        if Txn::new(&[], &operations).validate("n").is_err() {
            operations.pop();
        }
    }
    operations
}

/// The owner's number; only sessions that are open own anything.
fn owner(id: SessionId, sessions: &[Session]) -> usize {
    let mut ids = sessions.iter().map(|session| session.context.session().current().expect("a session").0);
    ids.position(|other| other == id).expect("an owner that is open")
}

async fn run(steps: Vec<Step>) {
    let tree = new_tree();
    // So that the tree lives through every reopening.
    let _other = Session::open(&tree, "").await;
    let mut sessions = vec![Session::open(&tree, NAMESPACES[0]).await, Session::open(&tree, NAMESPACES[1]).await];
    let mut registry = Registry { model: Model::new(true), revision: 0 };
    for step in steps {
        match &step {
            Step::Reopen { session } => {
                sessions[*session].memory.close().await.expect("close");
                sessions[*session] = Session::open(&tree, NAMESPACES[*session]).await;
                registry.close(*session);
            }
            Step::Commit { session, checks: random, operations: writes } => {
                let (checks, operations) = (checks(random, registry.revision), operations(writes));
                let answer = sessions[*session].commit(&checks, &operations).await;
                let answer = answer.map(|Committed { applied, .. }| applied).map_err(|error| match error.kind() {
                    ErrorKind::ConditionFailed => Refused::Checks(error.failed_checks().to_vec()),
                    kind => Refused::At(kind, error.key().expect("a key").to_owned()),
                });
                assert_eq!(answer, registry.commit(*session, Txn::new(&checks, &operations)), "{step:?}");
            }
        }
        for (number, session) in sessions.iter().enumerate() {
            let mut seen = Vec::new();
            for name in session.children("/").await {
                seen.extend(session.list(&format!("/{name}")).await);
            }
            for entry in &seen {
                assert_eq!(session.find(&entry.key).await.as_ref(), Some(entry));
                let names = session.memory.children(entry.key()).await.expect("children");
                let below = seen.iter().filter(|other| other.key().parent() == Some(entry.key()));
                assert_eq!(names, below.map(|other| other.key().name()).collect::<Vec<_>>());
            }
            let mut seen: Vec<_> =
                seen.iter().map(|entry| (entry.key.clone(), Shown::of(entry, |id| owner(id, &sessions)))).collect();
            seen.sort_by(|one, other| one.0.cmp(&other.0));
            assert_eq!(seen, registry.seen(number), "after {step:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_txns_do_what_the_model_does(steps in vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(run(steps));
    }
}
