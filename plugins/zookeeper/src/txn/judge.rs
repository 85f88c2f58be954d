//! Whether a Txn may be applied, and by which steps: its operations one after another, each on what the former ones
//! left (contract 3.1 to 3.5).
//!
//! What was seen may have changed before the steps arrive, and was not seen at one moment. So the steps say all that
//! the judgement rests on, in the Txn's own order, and the server judges again. Nor is a Txn refused for the sake of
//! children by what was seen: the steps up to the operation that can't be done are sent, and the server refuses them.

use std::collections::HashMap;

use registry_plugin::{Check, Mode, Operation, SessionId, Txn, txn::failed_checks};

use super::{
    seen::{Facts, Seen, above},
    step::{Step, Write},
};
use crate::paths::Paths;

/// What becomes of a Txn.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict<'a> {
    /// These checks don't hold.
    Fails(Vec<usize>),
    /// The server is to judge these steps.
    Send(Vec<Step<'a>>),
}

/// Judges a Txn on what was seen, for the session that ephemerals are to belong to.
pub(super) fn judge<'a>(txn: &Txn<'a>, paths: &Paths, seen: &Seen, session: SessionId) -> Verdict<'a> {
    let failed = failed_checks(txn.checks, |key| seen.find(&paths.path(key)).map(Facts::found));
    if !failed.is_empty() {
        return Verdict::Fails(failed);
    }
    let mut walk = Walk { txn, paths, seen, session, now: HashMap::new(), steps: Vec::new() };
    for check in txn.checks {
        walk.assert(check);
    }
    for (number, operation) in txn.operations.iter().enumerate() {
        let done = match operation {
            Operation::Put { key, value, mode } => walk.put(number, paths.path(*key), value, *mode),
            Operation::Delete(key) => walk.delete(number, paths.path(*key)),
            // It is made of Txns of its own, which go with the checks.
            _ => Ok(()),
        };
        if done == Err(Broken) {
            walk.steps.push(Step::new("/".to_owned(), Write::Refuse));
            break;
        }
    }
    Verdict::Send(telling(walk.steps))
}

/// An operation can't be done.
#[derive(Debug, PartialEq, Eq)]
struct Broken;

/// A path as the steps so far have left it.
#[derive(Clone, Copy)]
enum Node {
    /// Whether the server is told so by the steps so far.
    Missing {
        said: bool,
    },
    There {
        owner: Option<SessionId>,
        children: i32,
        seen: Option<Facts>,
    },
}

struct Walk<'a, 'b> {
    txn: &'b Txn<'a>,
    paths: &'b Paths,
    seen: &'b Seen,
    session: SessionId,
    /// What the steps so far have changed or said.
    now: HashMap<String, Node>,
    steps: Vec<Step<'a>>,
}

impl<'a> Walk<'a, '_> {
    fn node(&self, path: &str) -> Node {
        self.now.get(path).copied().unwrap_or_else(|| match self.seen.find(path) {
            Some(facts) => Node::There { owner: facts.owner, children: facts.children, seen: Some(*facts) },
            None => Node::Missing { said: false },
        })
    }

    /// Whether the step of the only operation says by itself what a check of its key asks for.
    fn is_said_by_operation(&self, path: &str) -> bool {
        let [Operation::Put { key, .. } | Operation::Delete(key)] = self.txn.operations else { return false };
        self.paths.path(*key) == path
    }

    fn is_checked_by_operation(&self, path: &str) -> bool {
        !self.txn.checks.is_empty() && self.is_said_by_operation(path)
    }

    fn assert(&mut self, check: &Check<'_>) {
        let path = self.paths.path(check.key());
        if check.key().is_root() || self.is_said_by_operation(&path) {
            return;
        }
        match (check, self.node(&path)) {
            (Check::Absent(_), _) => self.missing(&path),
            (Check::Present(_), _) => self.steps.push(Step::new(path, Write::Check(None))),
            (_, Node::There { seen: Some(seen), .. }) => {
                self.steps.push(Step::new(path, Write::Check(Some(seen.counter))));
            }
            // Those that hold were seen.
            _ => {}
        }
    }

    /// Says that a path is missing: whatever is, from its topmost missing ancestor on, can be made and deleted.
    fn missing(&mut self, path: &str) {
        let mut parent = None;
        for path in above(path).chain([path]) {
            match self.node(path) {
                Node::Missing { said: true } => return,
                Node::Missing { said: false } => {
                    match parent {
                        // Nothing can be made below it, which says so too.
                        Some((above, Node::There { owner: Some(_), seen, .. })) => {
                            if let Some(seen) = seen {
                                self.steps.push(Step::new(above, Write::Check(Some(seen.counter))));
                            }
                        }
                        _ => {
                            let create = Write::Create(&[], Mode::Persistent);
                            self.steps.push(Step::new(path.to_owned(), create));
                            self.steps.push(Step::new(path.to_owned(), Write::Delete(None)));
                        }
                    }
                    self.now.insert(path.to_owned(), Node::Missing { said: true });
                    return;
                }
                there => parent = Some((path.to_owned(), there)),
            }
        }
    }

    fn put(&mut self, number: usize, path: String, value: &'a [u8], mode: Mode) -> Result<(), Broken> {
        let wanted = (mode == Mode::Ephemeral).then_some(self.session);
        let mut former = None;
        match self.node(&path) {
            Node::There { owner, children, seen } if owner == wanted => {
                let write = Write::Set(value, seen.map(|seen| seen.counter));
                self.steps.push(Step { puts: Some((number, seen)), ..Step::new(path.clone(), write) });
                self.now.insert(path, Node::There { owner, children, seen: None });
                return Ok(());
            }
            // It can be recreated if it has no children.
            Node::There { children, seen, .. } => {
                let broken = children > 0;
                // If it can't be done, it doesn't matter who else writes it, unless that was checked.
                let counter = seen.filter(|_| !broken || self.is_checked_by_operation(&path)).map(|seen| seen.counter);
                let breaks = wanted.map(|_| number);
                self.steps.push(Step { breaks, ..Step::new(path.clone(), Write::Delete(counter)) });
                if broken {
                    return Err(Broken);
                }
                former = seen.map(|seen| seen.counter);
            }
            Node::Missing { .. } => self.above(number, &path)?,
        }
        let sets = sets_after(former);
        // The value is sent once, with the last of them.
        let value = |at| if at == sets { value } else { &[] };
        self.steps.extend((0..=sets).map(|at| Step {
            breaks: Some(number),
            puts: (at == sets).then_some((number, None)),
            ..Step::new(
                path.clone(),
                if at == 0 { Write::Create(value(at), mode) } else { Write::Set(value(at), None) },
            )
        }));
        self.now.insert(path, Node::There { owner: wanted, children: 0, seen: None });
        Ok(())
    }

    /// Makes what is missing above a path that is missing.
    fn above(&mut self, number: usize, path: &str) -> Result<(), Broken> {
        let mut parent = None;
        for at in above(path).chain([path]) {
            let make =
                || Step { breaks: Some(number), ..Step::new(at.to_owned(), Write::Create(&[], Mode::Persistent)) };
            if let Some(parent) = parent
                && let Node::There { owner: Some(_), .. } = self.node(parent)
            {
                self.steps.push(make());
                return Err(Broken);
            }
            if let Node::Missing { .. } = self.node(at) {
                parent.inspect(|parent| self.count(parent, 1));
                if at != path {
                    self.steps.push(make());
                    self.now.insert(at.to_owned(), Node::There { owner: None, children: 0, seen: None });
                }
            }
            parent = Some(at);
        }
        Ok(())
    }

    /// A child more or less.
    fn count(&mut self, parent: &str, change: i32) {
        if let Node::There { owner, children, seen } = self.node(parent) {
            self.now.insert(parent.to_owned(), Node::There { owner, children: children + change, seen });
        }
    }

    fn delete(&mut self, number: usize, path: String) -> Result<(), Broken> {
        let Node::There { children, seen, .. } = self.node(&path) else {
            self.missing(&path);
            return Ok(());
        };
        let counter = seen.filter(|_| self.is_checked_by_operation(&path)).map(|seen| seen.counter);
        self.steps.push(Step { breaks: Some(number), ..Step::new(path.clone(), Write::Delete(counter)) });
        if children > 0 {
            return Err(Broken);
        }
        if let Some(parent) = above(&path).last() {
            self.count(parent, -1);
        }
        self.now.insert(path, Node::Missing { said: true });
        Ok(())
    }
}

/// How often an entry that replaces another is written, so that its count differs. Somebody who has just read the
/// former one, and compares its count, must not take this one for it.
fn sets_after(former: Option<i32>) -> usize {
    match former {
        Some(0) => 1,
        // One may be added to have the version told.
        Some(1) => 2,
        _ => 0,
    }
}

/// Has one of several steps tell the version, where no step does: of a create among others the server tells nothing
/// that is right.
fn telling(mut steps: Vec<Step<'_>>) -> Vec<Step<'_>> {
    let tells = |step: &Step<'_>| matches!(step.write, Write::Set(..));
    if steps.len() > 1
        && !steps.iter().any(tells)
        && let Some(at) = steps.iter().position(|step| step.puts.is_some())
        && let Write::Create(value, _) = &mut steps[at].write
    {
        let set = Step::new(String::new(), Write::Set(std::mem::take(value), None));
        let set = Step { path: steps[at].path.clone(), puts: steps[at].puts.take(), ..set };
        steps.insert(at + 1, set);
    }
    steps
}
