//! Reading: entries, names and whole subtrees, in pages that stay small (contract 2).

use etcd_client::{
    GetOptions, TxnOp,
    proto::{PbKeyValue, PbRangeResponse, PbTxnOpResponse},
};
use registry_plugin::{Cursor, Effect, Entry, Error, ErrorKind, Key, Listing, Page, Result, Scope};

use crate::{
    access::{Access, Keys, clipped},
    endpoints::Endpoints,
    error::is_out_of_reach,
    history::Mark,
    keys::{Namespace, after, number, shown},
};

/// How many bytes a page should have; the next page's limit is set by the size of what was found so far.
const PAGE_BYTES: usize = 4 << 20;

/// The first page's limit, when nothing is known of the sizes: at most 32 MB of the largest values.
const FIRST_PAGE: usize = 32;

/// The first page's limit where values are left out.
const FIRST_PAGE_OF_KEYS: usize = 1_000;

/// How much the limit may grow from one page to the next.
const GROWTH: usize = 4;

/// The reads of one connection.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'c> {
    pub(crate) endpoints: &'c Endpoints,
    pub(crate) namespace: &'c Namespace,
    /// Who may read a part only of what is asked for has the rest passed over (1.5); without it, that is an error.
    pub(crate) access: Option<&'c Access>,
}

/// What was read for a watch.
pub(crate) struct State {
    /// The history and revision that it was read at.
    pub(crate) at: Mark,
    /// The parts of what is below the key that the user may read; `None` if that is all of it.
    pub(crate) parts: Option<Vec<Keys>>,
}

/// Part of a range, as it was at one revision; `None` if that can't be read any more.
type Part = Option<RangePart>;

struct RangePart {
    /// The key's own place, where it was asked for.
    own: Option<PbKeyValue>,
    below: Vec<PbKeyValue>,
    more: bool,
    at: Mark,
    /// The parts of the range that were read alone; `None` if the user may read it whole.
    parts: Option<Vec<Keys>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    Keys,
    Values,
}

impl Reader<'_> {
    /// Reads one entry, linearizably.
    pub(crate) async fn get(self, key: Key<'_>) -> Result<Option<Entry>> {
        let (entry, _) = self.get_at(key).await?;
        Ok(entry)
    }

    /// Names the direct children.
    ///
    /// # Behavior
    ///
    /// Only keys are read, and the first page tells whether the key itself exists. After each page the rest of the
    /// child that it ended in is jumped over, so that a few deep children cost a few pages and not all that is below
    /// them.
    pub(crate) async fn children(self, key: Key<'_>) -> Result<Vec<String>> {
        'retry: loop {
            let mut names = Names::new(self.namespace, key);
            let mut pace = Pace::new(FIRST_PAGE_OF_KEYS);
            let Some(first) = self.first(key, pace.limit, Want::Keys).await? else { continue };
            if !key.is_root() && first.own.is_none() && first.below.is_empty() {
                return Err(Error::new(ErrorKind::NotFound, "there is no such entry").or_key(key));
            }
            let at = first.at;
            let mut part = first;
            loop {
                pace.saw(&part.below);
                part.below.iter().for_each(|found| names.take(&found.key));
                let Some(last) = part.below.pop().filter(|_| part.more) else { return Ok(names.all()) };
                let rest = names.jump(last.key)..self.namespace.below(key).end;
                match self.part(rest, Some(at), pace.limit, Want::Keys).await? {
                    Some(next) => part = next,
                    None => continue 'retry,
                }
            }
        }
    }

    /// Reads one page of an entry and all below it, at the revision of the first page.
    pub(crate) async fn list(self, key: Key<'_>, page: Page) -> Result<Listing> {
        let largest = page.limit.max(1);
        let (found, mut pace) = match &page.cursor {
            None => {
                // One place is for the key's own entry.
                let pace = Pace::new(FIRST_PAGE.min(largest.saturating_sub(1)).max(1));
                (self.first(key, pace.limit, Want::Values).await?, pace)
            }
            Some(cursor) => {
                let (pace, at, last) = Pace::from_cursor(cursor)?;
                let rest = after(last)..self.namespace.below(key).end;
                (self.part(rest, Some(at), pace.limit.min(largest), Want::Values).await?, pace)
            }
        };
        let Some(found) = found else { return Ok(Listing::Restart) };
        pace.saw(&found.below);
        let next = found.more.then(|| found.below.last()).flatten().map(|last| pace.cursor(&last.key, found.at));
        let entries =
            found.own.into_iter().chain(found.below).filter_map(|found| self.namespace.entry(found)).collect();
        Ok(match next {
            Some(next) => Listing::page(entries, next),
            None => Listing::last(entries),
        })
    }

    /// Reads all entries that a watch covers, page by page, and says what was read and when.
    ///
    /// # Behavior
    ///
    /// It gives `None` if that can't be read any more, for one because the user may read less: then what was told is no
    /// whole state.
    pub(crate) async fn state(
        self,
        key: Key<'_>,
        scope: Scope,
        mut page: impl FnMut(Vec<Entry>),
    ) -> Result<Option<State>> {
        if scope == Scope::Node {
            let (entry, at) = self.get_at(key).await?;
            page(entry.into_iter().collect());
            return Ok(Some(State { at, parts: None }));
        }
        let mut pace = Pace::new(FIRST_PAGE);
        let Some(mut part) = self.first(key, pace.limit, Want::Values).await? else { return Ok(None) };
        let state = State { at: part.at, parts: part.parts.take() };
        loop {
            pace.saw(&part.below);
            let last = part.below.last().filter(|_| part.more).map(|last| last.key.clone());
            page(part.own.into_iter().chain(part.below).filter_map(|found| self.namespace.entry(found)).collect());
            let Some(last) = last else { return Ok(Some(state)) };
            let from = match scope {
                Scope::Children => Names::new(self.namespace, key).jump(last),
                _ => after(last),
            };
            let rest = from..self.namespace.below(key).end;
            // The same parts as before: they are what is then watched.
            let next = match &state.parts {
                Some(parts) => self.parts(&clipped(parts, &rest), state.at, pace.limit, Want::Values).await,
                None => self.whole(rest, Some(state.at), pace.limit, Want::Values).await,
            };
            match next {
                Ok(Some(next)) => part = next,
                Ok(None) => return Ok(None),
                Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    async fn get_at(self, key: Key<'_>) -> Result<(Option<Entry>, Mark)> {
        let (found, at) = self.own(key, Want::Values).await?;
        Ok((found.and_then(|found| self.namespace.entry(found)), at))
    }

    /// The key's own place, at the newest revision.
    async fn own(self, key: Key<'_>, want: Want) -> Result<(Option<PbKeyValue>, Mark)> {
        let (raw, asked) = (self.namespace.raw(key), self.endpoints.history().mark());
        let answer = self.endpoints.call(Effect::Read, |connection| {
            let (mut client, raw) = (connection.kv.clone(), raw.clone());
            async move { client.get(raw, Some(options(1, want))).await }
        });
        let answer = answer.await.map_err(|error| self.named(error, &(raw.clone()..after(raw.clone()))).or_key(key))?.0;
        let at = asked.at(answer.header.map_or(0, |header| header.revision));
        Ok((answer.kvs.into_iter().next(), at))
    }

    /// The key's own place and the first part of what is below it, in one round trip.
    async fn first(self, key: Key<'_>, limit: usize, want: Want) -> Result<Part> {
        let below = self.namespace.below(key);
        if key.is_root() {
            return self.part(below, None, limit, want).await;
        }
        let asked = self.endpoints.history().mark();
        let answer = self.endpoints.call(Effect::Read, |connection| {
            let own = TxnOp::get(self.namespace.raw(key), Some(options(1, want)));
            let below = TxnOp::get(below.start.clone(), Some(options(limit, want).with_range(below.end.clone())));
            let mut client = connection.kv.clone();
            async move { client.txn(etcd_client::Txn::new().and_then([own, below])).await }
        });
        let answer = match answer.await {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                // The key itself was asked for, and is never passed over.
                let (own, at) = self.own(key, want).await?;
                let found = self.part(below, Some(at), limit, want).await?;
                return Ok(found.map(|found| RangePart { own, ..found }));
            }
            answer => answer?.0,
        };
        let at = asked.at(answer.header.map_or(0, |header| header.revision));
        let mut ranges = answer.responses.into_iter().map(|answer| match answer.response {
            Some(PbTxnOpResponse::ResponseRange(range)) => range,
            _ => PbRangeResponse::default(),
        });
        let own = ranges.next().and_then(|range| range.kvs.into_iter().next());
        let below = ranges.next().unwrap_or_default();
        Ok(Some(RangePart { own, below: below.kvs, more: below.more, at, parts: None }))
    }

    /// A part of a range, as far as the user may read it, at the newest revision or at that of another part.
    async fn part(self, range: Keys, at: Option<Mark>, limit: usize, want: Want) -> Result<Part> {
        let asked = self.endpoints.history().mark();
        let (denial, access) = match (self.whole(range.clone(), at, limit, want).await, self.access) {
            (Err(error), Some(access)) if error.kind() == ErrorKind::PermissionDenied => (error, access),
            (found, _) => return found,
        };
        let parts = access.parts(self.endpoints, &range, denial.clone()).await?;
        let at = match at {
            Some(at) => at,
            // Of the root there is nothing else: who may read nothing is not told that there is nothing.
            None if parts.is_empty() => return Err(denial),
            None => asked.at(0),
        };
        let found = self.parts(&parts, at, limit, want).await?;
        Ok(found.map(|found| RangePart { parts: Some(parts), ..found }))
    }

    /// The first entries of some ranges in order, all at one revision; 0 is the newest.
    async fn parts(self, ranges: &[Keys], at: Mark, limit: usize, want: Want) -> Result<Part> {
        let mut found = RangePart { own: None, below: Vec::new(), more: false, at, parts: None };
        for range in ranges {
            let left = limit.saturating_sub(found.below.len());
            if left == 0 {
                found.more = true;
                break;
            }
            let at = Some(found.at).filter(|at| at.revision() != 0);
            let Some(next) = self.whole(range.clone(), at, left, want).await? else { return Ok(None) };
            found.at = next.at;
            found.below.extend(next.below);
            if next.more {
                found.more = true;
                break;
            }
        }
        Ok(Some(found))
    }

    /// A part of a range that the user has to be allowed to read whole, at the newest revision or at that of another
    /// part.
    async fn whole(self, range: Keys, at: Option<Mark>, limit: usize, want: Want) -> Result<Part> {
        let asked = self.endpoints.history().mark();
        if at.is_some_and(|at| at.turn != asked.turn) {
            return Ok(None);
        }
        let revision = at.map_or(0, Mark::revision);
        let answer = self.endpoints.call(Effect::Read, |connection| {
            let options = options(limit, want).with_range(range.end.clone()).with_revision(revision);
            let (mut client, start) = (connection.kv.clone(), range.start.clone());
            async move {
                match client.get(start, Some(options)).await {
                    Ok(answer) => Ok(Some(answer.0)),
                    Err(error) if is_out_of_reach(&error) => Ok(None),
                    Err(error) => Err(error),
                }
            }
        });
        let answer = answer.await.map_err(|error| self.named(error, &range))?;
        Ok(answer.map(|answer| {
            let newest = answer.header.map_or(0, |header| header.revision);
            RangePart {
                own: None,
                below: answer.kvs,
                more: answer.more,
                at: at.unwrap_or(asked.at(newest)),
                parts: None,
            }
        }))
    }

    /// Has a denial say what may not be read, and what is to be granted.
    fn named(self, error: Error, range: &Keys) -> Error {
        if error.kind() != ErrorKind::PermissionDenied {
            return error;
        }
        let message = format!(
            "the etcd user may not read all of etcd's keys {}; grant its role to read the whole namespace, {}",
            shown(range),
            shown(&self.namespace.below(Key::ROOT))
        );
        let causes = error.causes().iter().cloned();
        causes.fold(Error::new(error.kind(), message), Error::with_cause_text).set_outcome(error.outcome())
    }
}

fn options(limit: usize, want: Want) -> GetOptions {
    let options = GetOptions::new().with_limit(i64::try_from(limit).unwrap_or(i64::MAX));
    if want == Want::Keys { options.with_keys_only() } else { options }
}

/// Sets the limit of the next page by the sizes seen so far.
struct Pace {
    limit: usize,
}

impl Pace {
    fn new(limit: usize) -> Self {
        Pace { limit }
    }

    /// The limit, the history and the last key, byte by byte as characters: a foreign key need not be UTF-8.
    fn cursor(&self, last: &[u8], at: Mark) -> Cursor {
        let last: String = last.iter().copied().map(char::from).collect();
        Cursor::new(format!("{} {} {last}", self.limit, at.turn), number(at.revision()))
    }

    fn from_cursor(cursor: &Cursor) -> Result<(Self, Mark, Vec<u8>)> {
        let parse = || {
            let (limit, rest) = cursor.after.split_once(' ')?;
            let (turn, last) = rest.split_once(' ')?;
            let at = Mark::new(turn.parse().ok()?, i64::try_from(cursor.revision.get()).ok()?);
            let last: Result<Vec<u8>, _> = last.chars().map(u8::try_from).collect();
            Some((Pace::new(limit.parse().ok()?), at, last.ok()?))
        };
        parse().ok_or_else(|| Error::new(ErrorKind::Other, "the cursor is not one that this plugin gave"))
    }

    fn saw(&mut self, page: &[PbKeyValue]) {
        // The numbers of an entry take some bytes too.
        let bytes: usize = page.iter().map(|found| found.key.len() + found.value.len() + 32).sum();
        if let Some(mean) = bytes.checked_div(page.len()) {
            self.limit = (PAGE_BYTES / mean.max(1)).clamp(1, self.limit.saturating_mul(GROWTH));
        }
    }
}

/// The names directly below a key, found in sorted keys.
struct Names<'n> {
    parent: Key<'n>,
    /// How many bytes of a key come before the name.
    prefix: usize,
    found: Vec<String>,
}

impl<'n> Names<'n> {
    fn new(namespace: &'n Namespace, parent: Key<'n>) -> Self {
        Names { parent, prefix: namespace.below(parent).start.len(), found: Vec::new() }
    }

    fn take(&mut self, raw: &[u8]) {
        let Some(name) = self.name(raw).and_then(|name| str::from_utf8(name).ok()) else { return };
        // Most of what is below one child comes in a row.
        if self.found.last().is_some_and(|last| last == name) {
            return;
        }
        // The child of an empty name would be the parent itself, or the root.
        if !name.is_empty() && Key::new(&self.parent.child(name)).is_ok() {
            self.found.push(name.to_owned());
        }
    }

    /// The names, each once: `a-b` comes between `a` and `a/c`.
    fn all(mut self) -> Vec<String> {
        self.found.sort_unstable();
        self.found.dedup();
        self.found
    }

    fn name<'r>(&self, raw: &'r [u8]) -> Option<&'r [u8]> {
        raw.get(self.prefix..)?.split(|byte| *byte == b'/').next()
    }

    /// The first key after all of the child that `last` lies below.
    fn jump(&self, last: Vec<u8>) -> Vec<u8> {
        match self.name(&last).map(|name| self.prefix + name.len()) {
            Some(end) if end < last.len() => [&last[..end], b"0"].concat(),
            _ => after(last),
        }
    }
}
