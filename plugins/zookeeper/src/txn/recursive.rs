//! Deleting an entry with all below it (contract 3.5): from the leaves up, as much as fits one request at once, again
//! until nothing is left.

use std::collections::HashSet;

use registry_plugin::{
    Applied, Check, Committed, Effect, Error, ErrorKind, Key, Outcome, Result, SessionId, Txn, txn::condition_failed,
};
use zookeeper_client::{Client, Error as ZkError, MultiReadResult};

use super::{
    Writer,
    judge::{Verdict, judge},
    seen::Places,
    step::{Answer, Step, Write},
};
use crate::{
    error::of_read,
    freshness::agree,
    read::{denied, misunderstood},
    session::{Link, id},
};

/// How much of a request is filled.
const BYTES: usize = 900_000;

/// How many deletes are sent at once: the server lets nobody else write meanwhile.
const DELETES: usize = 8_192;

/// How often what fits one request is tried whole. Beside others that keep writing below it would never go.
const WHOLE: u32 = 3;

/// How many paths are asked for their children in one request, and how many requests are under way.
const READS: usize = 64;
const FLIGHTS: usize = 4;

impl Writer<'_> {
    /// Deletes an entry and all below it; the checks are judged with the first that goes.
    pub(super) async fn delete_recursive(self, checks: &[Check<'_>], key: Key<'_>) -> Result<Committed> {
        let mut deletion = Deletion {
            writer: self,
            checks: Txn::new(checks, &[]),
            top: self.paths.path(key),
            rounds: 0,
            checked: checks.is_empty(),
            refused: None,
            count: 0,
        };
        loop {
            let done = deletion.round().await;
            let count = deletion.count;
            // A part may be gone, whatever has become of the rest.
            if done.map_err(|error| if count > 0 { error.set_outcome(Outcome::Unknown) } else { error })? {
                return Ok(Committed::new(vec![Applied::Deleted { count }]));
            }
        }
    }
}

/// A recursive delete that is under way.
struct Deletion<'w, 'c> {
    writer: Writer<'w>,
    checks: Txn<'c>,
    top: String,
    rounds: u32,
    /// Whether the checks have held, with the first deletion.
    checked: bool,
    /// The session in which the server has refused something last.
    refused: Option<SessionId>,
    /// The number of entries that are gone.
    count: u64,
}

impl Deletion<'_, '_> {
    /// Deletes what is there; whether nothing is left.
    async fn round(&mut self) -> Result<bool> {
        let (writer, checks) = (self.writer, self.checks);
        let whole = self.rounds < WHOLE;
        self.rounds += 1;
        let link = writer.session.link().await?;
        // What is asked after this is not out of date, nor after a refusal: a writer below wins by each moment
        // that is lost between reading and deleting.
        let agreed = (self.refused != Some(id(&link))).then(|| agree(&link));
        let asked = Places::of(&checks, writer.paths).ask(&link);
        let read = link.wait_in_use(async {
            let tree = tree(&link, &self.top).await?;
            if let Some(agreed) = agreed {
                agreed.await.map_err(of_read)?;
            }
            let seen = if self.checked { None } else { Some(asked.await?) };
            Ok::<_, Error>((tree, seen))
        });
        let Some(read) = read.await else { return Ok(false) };
        let (Tree { paths: tree, denied: unread }, seen) = read?;
        let mut steps = Vec::new();
        if let Some(seen) = seen {
            match judge(&checks, writer.paths, &seen, id(&link)) {
                Verdict::Fails(numbers) => return Err(condition_failed(&checks, numbers)),
                Verdict::Send(said) => steps = said,
            }
        }
        let mut rest = tree.into_iter().rev().peekable();
        while rest.peek().is_some() || !self.checked {
            if link.is_retired() {
                return Ok(false);
            }
            let mut bytes: usize = steps.iter().map(Step::weight).sum();
            let mut deletes = 0;
            while deletes < DELETES
                && let Some(path) = rest.next_if(|path| deletes == 0 || bytes + path.len() <= BYTES)
            {
                let step = Step::new(path, Write::Delete(None));
                bytes += step.weight();
                deletes += 1;
                steps.push(step);
            }
            let said = steps.len() - deletes;
            match writer.send(&link, &steps, Effect::Write).await? {
                Answer::Done(_) => {
                    self.checked = true;
                    self.count += deletes as u64;
                    steps.clear();
                }
                Answer::Refused(at, ZkError::NotEmpty) if unread.contains(&steps[at].path) => {
                    return Err(self.unlisted(&steps[at].path));
                }
                Answer::Refused(at, _) => {
                    self.refused = Some(id(&link));
                    // What comes before is further down and can go.
                    steps.truncate(at);
                    if at > said
                        && !whole
                        && let Answer::Done(_) = writer.send(&link, &steps, Effect::Write).await?
                    {
                        self.checked = true;
                        self.count += (at - said) as u64;
                    }
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// A path has others below it, and only who may read it knows which.
    fn unlisted(&self, path: &str) -> Error {
        let Deletion { top, count, .. } = self;
        let key = self.writer.paths.key(path).or_else(|| self.writer.paths.key(top)).unwrap_or(Key::ROOT);
        let message = format!(
            "{path} on the ZooKeeper servers may not be read by this user and has entries below it, so that it is left with all \
             that is above it up to {top}, and what else was not deleted yet ({count} entries were); delete it as a user who may read it"
        );
        let refused = denied(key);
        Error::new(ErrorKind::PermissionDenied, message).or_key(key).set_outcome(refused.outcome())
    }
}

/// What is to be deleted.
#[derive(Default)]
struct Tree {
    /// From the top down, foreign ones too; none if the top is missing.
    paths: Vec<String>,
    /// Those of them of which nobody may say what is below them.
    denied: HashSet<String>,
}

/// The names below a path.
enum Names {
    Known(Vec<String>),
    Missing,
    Denied,
}

async fn tree(link: &Link, top: &str) -> Result<Tree> {
    let mut tree = Tree::default();
    let mut level = vec![top.to_owned()];
    while !level.is_empty() {
        let mut next = Vec::new();
        for paths in level.chunks(READS * FLIGHTS) {
            let asked: Vec<_> = paths.chunks(READS).map(|paths| (paths, names(link, paths))).collect();
            for (paths, names) in asked {
                let names = names.await?;
                link.answered();
                for (path, names) in paths.iter().zip(names) {
                    match names {
                        Names::Known(names) => next.extend(names.iter().map(|name| [path, "/", name].concat())),
                        Names::Missing => continue,
                        // It can be deleted if nothing is below it.
                        Names::Denied => drop(tree.denied.insert(path.clone())),
                    }
                    tree.paths.push(path.clone());
                }
            }
        }
        level = next;
    }
    Ok(tree)
}

/// The names below each path. The request is under way when this returns.
fn names<'c>(client: &'c Client, paths: &[String]) -> impl Future<Output = Result<Vec<Names>>> + use<'c> {
    let mut request = client.new_multi_reader();
    let added = paths.iter().try_for_each(|path| request.add_get_children(path));
    let answers = request.commit();
    async move {
        added.map_err(of_read)?;
        let answers = answers.await.map_err(of_read)?;
        let names = answers.into_iter().map(|answer| match answer {
            MultiReadResult::Children { children } => Ok(Names::Known(children)),
            MultiReadResult::Error { err: ZkError::NoNode } => Ok(Names::Missing),
            MultiReadResult::Error { err: ZkError::NoAuth } => Ok(Names::Denied),
            MultiReadResult::Error { err } => Err(of_read(err)),
            _ => Err(misunderstood()),
        });
        names.collect()
    }
}
