//! What a registry may answer, one call after another.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashSet},
    rc::Rc,
};

use registry_host::{Applied, Capabilities, Capability, Entry, SessionId};
use stateright::semantics::SequentialSpec;

use super::{
    call::{Answer, Call, Claim, What},
    numbers::Numbers,
};
use crate::{
    model::{self, Condition, Holder, Kept, Model, Owner, Refusal},
    operation::{Operation, OperationKind},
};

/// What the model calls the lock.
const LOCK: &str = "the lock";

/// A registry that has been asked some of what a record holds, in one of the orders that are thinkable.
#[derive(Clone)]
pub(crate) struct Specification {
    state: State,
    /// No order that begins so leads to the end.
    hopeless: bool,
    /// Where this was tried already. What was asked and what has come of it decide whether the rest can follow, not the
    /// order; and who comes here a second time has failed the first.
    tried: Rc<RefCell<HashSet<State>>>,
    rules: Rc<Rules>,
}

struct Rules {
    sessions: BTreeMap<Owner, SessionId>,
    exact_versions: bool,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    asked: BTreeSet<u64>,
    model: Model,
    numbers: Numbers,
    ended: BTreeSet<Owner>,
    token: u64,
}

impl Specification {
    /// An empty registry.
    pub(crate) fn new(capabilities: &Capabilities, sessions: BTreeMap<Owner, SessionId>) -> Self {
        let state = State {
            asked: BTreeSet::new(),
            model: Model::new(capabilities.has(Capability::StableCreated)),
            numbers: Numbers::default(),
            ended: BTreeSet::new(),
            token: 0,
        };
        let rules = Rules { sessions, exact_versions: capabilities.has(Capability::ExactVersions) };
        Specification { state, hopeless: false, tried: Rc::default(), rules: Rc::new(rules) }
    }

    /// Whether the registry may give that answer now; it has then given it.
    fn may_answer(&mut self, Call { id, what }: &Call, answer: &Answer) -> bool {
        let State { model, numbers, ended, token, .. } = &mut self.state;
        match (what, answer) {
            (What::Commit { owner, claims, operations }, answer) => {
                self.may_commit(*id, *owner, claims, operations, answer)
            }
            (What::Get(key), Answer::Entry(found)) => {
                let kept: Vec<_> = model.entries.get_key_value(key).into_iter().collect();
                self.rules.shows(&kept, found.as_slice(), numbers)
            }
            (What::List(key), Answer::Entries(listed)) => self.rules.shows(&model.list(key), listed, numbers),
            (What::Close(owner), Answer::Done) => {
                model.end(*owner);
                ended.insert(*owner);
                true
            }
            (What::Lock(owner), Answer::Token(had)) => {
                let grows = *had > *token;
                *token = *had;
                grows && model.lock(LOCK, Holder { owner: *owner, token: *had })
            }
            (What::Lock(_), Answer::NotAcquired) => model.holders.contains_key(LOCK),
            (What::Lock(_), Answer::NotAcquiredNow) => true,
            (What::Unlock(token), Answer::Done) => {
                unlock(model, *token);
                true
            }
            _ => false,
        }
    }

    fn may_commit(&mut self, at: u64, owner: Owner, claims: &[Claim], writes: &[Operation], answer: &Answer) -> bool {
        let State { model, numbers, .. } = &mut self.state;
        let conditions: Vec<_> = claims.iter().map(|claim| condition(claim, numbers)).collect();
        match (answer, model.commit(at, owner, &conditions, writes)) {
            (Answer::Invalid, Err(Refusal::InvalidTxn)) => true,
            (Answer::Failed(named), Err(Refusal::Checks(failed))) => {
                !named.is_empty() && named.iter().all(|named| failed.contains(named))
            }
            (Answer::Met(kind, key), Err(Refusal::Met(expected, at))) => *kind == expected && *key == at,
            (Answer::Applied(applied), Ok(answers)) => numbers.take(at, writes, &answers, applied),
            (Answer::Applied(_) | Answer::Met(..), Err(Refusal::Checks(failed))) => {
                let others = self.without(claims, &failed);
                others.is_some_and(|others| self.may_commit(at, owner, &others, writes, answer))
            }
            _ => false,
        }
    }

    /// The other checks, if those that don't hold in the model may hold all the same.
    fn without(&mut self, claims: &[Claim], failed: &BTreeSet<usize>) -> Option<Vec<Claim>> {
        let may_hold = failed.iter().all(|failed| self.may_hold(&claims[*failed]));
        let others = claims.iter().enumerate().filter(|(number, _)| !failed.contains(number));
        may_hold.then(|| others.map(|(_, claim)| claim.clone()).collect())
    }

    /// Whether a check may hold; what it says is then learnt from it.
    fn may_hold(&mut self, claim: &Claim) -> bool {
        let State { model, numbers, .. } = &mut self.state;
        let (Claim::Version(key, _) | Claim::Lives(key, _)) = claim else { return false };
        let Some(kept) = model.entries.get(key) else { return false };
        match claim {
            Claim::Version(_, version) => match numbers.writer(*version) {
                // It was learnt from another check of the same Txn.
                Some(writer) if writer == kept.version => true,
                // One of another life may pass wrongly (3.7).
                Some(writer) => !self.rules.exact_versions && !kept.versions.contains(&writer),
                None => numbers.relate_version(key, kept.version, *version),
            },
            // Only a read tells when an entry was made, and where reads may lag behind theirs are not held against the
            // order.
            Claim::Lives(_, created) => kept.owner.is_some() && numbers.relate_creation(kept.created, *created),
            _ => false,
        }
    }

    /// Does what nobody has had an answer to; refused, it is as if it had not been asked.
    fn do_unanswered(&mut self, Call { id, what }: &Call) {
        let State { asked, model, numbers, ended, .. } = &mut self.state;
        match what {
            What::Commit { owner, claims, operations } => {
                let owned = |operation: &Operation| matches!(operation.kind, OperationKind::PutEphemeral(_));
                if ended.contains(owner) && operations.iter().any(owned) {
                    return;
                }
                let conditions: Vec<_> = claims.iter().map(|claim| condition(claim, numbers)).collect();
                if let Err(Refusal::Checks(failed)) = model.commit(*id, *owner, &conditions, operations)
                    && let Some(others) = self.without(claims, &failed)
                {
                    let State { model, numbers, .. } = &mut self.state;
                    let conditions: Vec<_> = others.iter().map(|claim| condition(claim, numbers)).collect();
                    let _ = model.commit(*id, *owner, &conditions, operations);
                }
            }
            What::Close(owner) => {
                model.end(*owner);
                ended.insert(*owner);
            }
            What::Unlock(token) => unlock(model, *token),
            What::Stray { of, key, value, owner } => match model.entries.get_mut(key) {
                Some(kept) if kept.owner != *owner && !asked.contains(of) => {
                    (kept.value, kept.version) = (value.clone(), *id);
                    kept.versions.push(*id);
                }
                // There is nothing to be gained from what changes nothing.
                _ => self.hopeless = true,
            },
            What::Get(_) | What::List(_) | What::Lock(_) => {}
        }
    }

    /// Goes on from here, unless that was tried.
    fn go_on(&mut self, id: u64) -> bool {
        self.state.asked.insert(id);
        self.hopeless |= !self.tried.borrow_mut().insert(self.state.clone());
        !self.hopeless
    }
}

impl SequentialSpec for Specification {
    type Op = Call;
    type Ret = Answer;

    /// A call without an answer may be left out as well, so that nothing is lost by doing as much as is allowed.
    fn invoke(&mut self, call: &Call) -> Answer {
        self.do_unanswered(call);
        self.go_on(call.id);
        Answer::Done
    }

    fn is_valid_step(&mut self, call: &Call, answer: &Answer) -> bool {
        !self.hopeless && self.may_answer(call, answer) && self.go_on(call.id)
    }
}

impl Rules {
    /// Whether entries are those that the model has.
    fn shows(&self, kept: &[(&String, &Kept)], came: &[Entry], numbers: &mut Numbers) -> bool {
        let mut same = |((key, kept), entry): (&(&String, &Kept), &Entry)| {
            let owner = kept.owner.map(|owner| self.sessions.get(&owner).copied());
            **key == entry.key
                && kept.value == entry.value
                && owner == entry.ephemeral.map(Some)
                && numbers.relate_version(key, kept.version, entry.version.get())
                && numbers.relate_creation(kept.created, entry.created.get())
        };
        kept.len() == came.len() && kept.iter().zip(came).all(&mut same)
    }
}

impl Numbers {
    /// Whether a Txn's answers are those of the model.
    fn take(&mut self, at: u64, writes: &[Operation], answers: &[model::Answer], applied: &[Applied]) -> bool {
        let mut fits = |(write, (expected, came)): (&Operation, (&model::Answer, &Applied))| match (expected, came) {
            (model::Answer::Put { .. }, Applied::Put { version }) => self.relate_version(&write.key, at, version.get()),
            (model::Answer::Deleted { count: expected }, Applied::Deleted { count }) => expected == count,
            _ => false,
        };
        answers.len() == applied.len() && writes.iter().zip(answers.iter().zip(applied)).all(&mut fits)
    }
}

fn unlock(model: &mut Model, token: u64) {
    model.holders.retain(|_, holder| holder.token != token);
}

fn condition(claim: &Claim, numbers: &Numbers) -> Condition {
    match claim {
        Claim::Absent(key) => Condition::Absent(key.clone()),
        Claim::Present(key) => Condition::Present(key.clone()),
        Claim::Version(key, version) => Condition::Version(key.clone(), numbers.writer(*version)),
        Claim::Lives(key, created) => Condition::Lives(key.clone(), numbers.maker(*created)),
        Claim::Holds(token) => Condition::Holds(LOCK.to_owned(), Some(*token)),
    }
}
