//! Random Txns of two sessions against a model written straight from the contract.

mod support;

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*, sample::select};
use registry_plugin::{Applied, Backend, Check, Committed, Entry, ErrorKind, Key, Mode, Operation, Txn};
use support::*;

/// The sessions' namespaces: the first sees all that the second does.
const NAMESPACES: [&str; 2] = ["", "n"];

/// What a key holds; the owner is the number of a session.
#[derive(Clone, Debug, PartialEq)]
struct Held {
    value: Vec<u8>,
    version: u64,
    created: u64,
    owner: Option<usize>,
}

/// The whole registry, its keys with the namespace.
#[derive(Default)]
struct Model {
    entries: BTreeMap<String, Held>,
    revision: u64,
}

#[derive(Debug, PartialEq)]
enum Refused {
    Checks(Vec<usize>),
    At(ErrorKind, String),
}

impl Model {
    /// Checks on the state before, then operations in order on a copy, which is kept if all went well.
    fn commit(&mut self, session: usize, txn: Txn<'_>) -> Result<Vec<Applied>, Refused> {
        let failed: Vec<usize> = (0..txn.checks.len()).filter(|n| !self.holds(session, txn.checks[*n])).collect();
        if !failed.is_empty() {
            return Err(Refused::Checks(failed));
        }
        let (mut entries, revision) = (self.entries.clone(), self.revision + 1);
        let mut answers = Vec::new();
        for operation in txn.operations {
            let key = full(session, operation.key());
            let below = format!("{key}/");
            let has_children = entries.keys().any(|other| other.starts_with(&below));
            let refused = |kind| Err(Refused::At(kind, operation.key().to_string()));
            let before = entries.len();
            match *operation {
                Operation::Put { value, mode, .. } => {
                    let above: Vec<&str> = key.match_indices('/').skip(1).map(|(at, _)| &key[..at]).collect();
                    if above.iter().any(|key| entries.get(*key).is_some_and(|held| held.owner.is_some())) {
                        return refused(ErrorKind::EphemeralParent);
                    }
                    if mode == Mode::Ephemeral && has_children {
                        return refused(ErrorKind::HasChildren);
                    }
                    for key in above {
                        let empty = Held { value: Vec::new(), version: revision, created: revision, owner: None };
                        entries.entry(key.to_owned()).or_insert(empty);
                    }
                    let created = entries.get(&key).map_or(revision, |held| held.created);
                    let owner = (mode == Mode::Ephemeral).then_some(session);
                    entries.insert(key, Held { value: value.to_vec(), version: revision, created, owner });
                    answers.push(Applied::Put { version: revision.into() });
                }
                Operation::Delete(_) if has_children => return refused(ErrorKind::HasChildren),
                _ => {
                    entries.retain(|other, _| *other != key && !other.starts_with(&below));
                    answers.push(Applied::Deleted { count: (before - entries.len()) as u64 });
                }
            }
        }
        self.keep(entries);
        Ok(answers)
    }

    fn holds(&self, session: usize, check: Check<'_>) -> bool {
        let found = self.entries.get(&full(session, check.key()));
        match check {
            Check::Absent(_) => found.is_none(),
            Check::Present(_) => found.is_some(),
            Check::Version(_, version) => found.is_some_and(|held| version == held.version.into()),
            Check::Held { token, .. } => found.is_some_and(|held| held.owner.is_some() && token == held.created.into()),
            other => panic!("a check unknown to the model: {other:?}"),
        }
    }

    fn close(&mut self, session: usize) {
        let mut entries = self.entries.clone();
        entries.retain(|_, held| held.owner != Some(session));
        self.keep(entries);
    }

    /// Whatever changes anything is a revision.
    fn keep(&mut self, entries: BTreeMap<String, Held>) {
        if entries != self.entries {
            self.revision += 1;
            self.entries = entries;
        }
    }

    /// All that a session sees, its own keys.
    fn seen(&self, session: usize) -> Vec<(String, Held)> {
        let prefix = full(session, Key::ROOT);
        let seen = self.entries.iter().filter_map(|(key, held)| Some((key.strip_prefix(&prefix)?, held)));
        seen.map(|(key, held)| (format!("/{key}"), held.clone())).collect()
    }
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
fn owner(entry: &Entry, sessions: &[Session]) -> Option<usize> {
    let id = entry.ephemeral?;
    let mut ids = sessions.iter().map(|session| session.context.session().current().expect("a session").0);
    Some(ids.position(|other| other == id).expect("an owner that is open"))
}

async fn run(steps: Vec<Step>) {
    let tree = new_tree();
    // So that the tree lives through every reopening.
    let _other = Session::open(&tree, "").await;
    let mut sessions = vec![Session::open(&tree, NAMESPACES[0]).await, Session::open(&tree, NAMESPACES[1]).await];
    let mut model = Model::default();
    for step in steps {
        match &step {
            Step::Reopen { session } => {
                sessions[*session].memory.close().await.expect("close");
                sessions[*session] = Session::open(&tree, NAMESPACES[*session]).await;
                model.close(*session);
            }
            Step::Commit { session, checks: random, operations: writes } => {
                let (checks, operations) = (checks(random, model.revision), operations(writes));
                let answer = sessions[*session].commit(&checks, &operations).await;
                let answer = answer.map(|Committed { applied, .. }| applied).map_err(|error| match error.kind() {
                    ErrorKind::ConditionFailed => Refused::Checks(error.failed_checks().to_vec()),
                    kind => Refused::At(kind, error.key().expect("a key").to_owned()),
                });
                assert_eq!(answer, model.commit(*session, Txn::new(&checks, &operations)), "{step:?}");
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
            let held = |entry: &Entry| Held {
                value: entry.value.to_vec(),
                version: entry.version.get(),
                created: entry.created.get(),
                owner: owner(entry, &sessions),
            };
            let mut seen: Vec<_> = seen.iter().map(|entry| (entry.key.clone(), held(entry))).collect();
            seen.sort_by(|one, other| one.0.cmp(&other.0));
            assert_eq!(seen, model.seen(number), "after {step:?}");
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
