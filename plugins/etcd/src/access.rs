//! What a user may read of a range that is not allowed as a whole (contract 1.5).
//!
//! etcd refuses a request for a range if its user may not read a part of it. But every user may ask for its own roles,
//! and read each of the parts that they allow: the rest is passed over.

use std::{
    collections::HashSet,
    ops::Range,
    sync::{Mutex, PoisonError},
};

use etcd_client::{Permission, PermissionType};
use registry_plugin::{Effect, Error, ErrorKind, Key, Mode, Operation, Result, Txn};

use crate::{
    endpoints::Endpoints,
    keys::{Namespace, after, shown},
};

/// A range of etcd's keys.
pub(crate) type Keys = Range<Vec<u8>>;

/// How many ranges are named in the log; what is beyond is summed up in one more line.
const NAMED: usize = 128;

/// The user of a connection, and what it was told it may not read.
pub(crate) struct Access {
    /// Without a name there is nothing to ask for: a user by certificate alone is not known here.
    user: Option<String>,
    warned: Mutex<HashSet<Vec<u8>>>,
}

impl Access {
    pub(crate) fn new(user: Option<String>) -> Self {
        Access { user, warned: Mutex::default() }
    }

    /// The parts of a range that the user may read, in order; the first time, it is said what is passed over.
    ///
    /// # Errors
    ///
    /// `denial`, the refusal of the whole, if the user may not ask for its roles or is not known; those of the server.
    pub(crate) async fn parts(&self, endpoints: &Endpoints, range: &Keys, denial: Error) -> Result<Vec<Keys>> {
        let Some(user) = &self.user else { return Err(denial) };
        let allowed = match allowed(endpoints, user).await {
            Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout) => return Err(error),
            Err(error) => return Err(denial.with_cause(&error)),
            Ok(allowed) => allowed,
        };
        let parts = clipped(&allowed.read, range);
        gaps(&parts, range).for_each(|gap| self.warn(&gap));
        Ok(parts)
    }

    /// What of a Txn the user may not do, where the server says only that it may not do all of it.
    pub(crate) async fn explain(
        &self,
        endpoints: &Endpoints,
        namespace: &Namespace,
        txn: &Txn<'_>,
        denial: Error,
    ) -> Error {
        let Some(user) = &self.user else { return denial };
        let Ok(allowed) = allowed(endpoints, user).await else { return denial };
        let Some(Need { key, keys, writes }) = needs(namespace, txn).into_iter().find(|need| !need.is_met(&allowed))
        else {
            return denial;
        };
        let message = format!(
            "the etcd user may not {} etcd's keys {}; grant its role to read and write the whole namespace, {}",
            if writes { "write" } else { "read" },
            shown(&keys),
            shown(&namespace.below(Key::ROOT))
        );
        let explained = Error::new(denial.kind(), message).set_outcome(denial.outcome()).or_key(key);
        denial.causes().iter().cloned().fold(explained, Error::with_cause_text)
    }

    fn warn(&self, gap: &Keys) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        // By its end: it may begin later where a listing goes on.
        if warned.len() > NAMED || !warned.insert(gap.end.clone()) {
            return;
        }
        let others = warned.len() > NAMED;
        drop(warned);
        if others {
            tracing::warn!(
                "more than {NAMED} ranges may not be read by this etcd user and are passed over; no more of them are named"
            );
        } else {
            tracing::warn!(
                range = shown(gap),
                "this etcd user may not read this range: what is in it is passed over; grant its role to read the whole namespace"
            );
        }
    }
}

/// What a user's roles let it do.
#[derive(Default)]
struct Allowed {
    read: Vec<Keys>,
    write: Vec<Keys>,
}

async fn allowed(endpoints: &Endpoints, user: &str) -> Result<Allowed> {
    let roles = endpoints.call(Effect::Read, |connection| {
        let mut client = connection.auth.clone();
        async move { client.user_get(user).await }
    });
    let mut allowed = Allowed::default();
    for role in roles.await?.roles() {
        let role = endpoints.call(Effect::Read, |connection| {
            let mut client = connection.auth.clone();
            async move { client.role_get(role.as_str()).await }
        });
        for permission in role.await?.permissions() {
            let (range, only) = (range(&permission), permission.get_type());
            if only != PermissionType::Write as i32 {
                allowed.read.push(range.clone());
            }
            if only != PermissionType::Read as i32 {
                allowed.write.push(range);
            }
        }
    }
    Ok(allowed)
}

/// The range of a permission. One without an end is given one that no range reaches that is asked for: those are text.
fn range(permission: &Permission) -> Keys {
    let start = permission.key().to_vec();
    match permission.range_end() {
        [] => start.clone()..after(start),
        [0] => start..vec![u8::MAX],
        end => start..end.to_vec(),
    }
}

/// What a Txn has to be allowed to do for the sake of one of its keys.
struct Need {
    key: String,
    keys: Keys,
    writes: bool,
}

impl Need {
    fn is_met(&self, allowed: &Allowed) -> bool {
        let ranges = if self.writes { &allowed.write } else { &allowed.read };
        clipped(ranges, &self.keys) == [self.keys.clone()]
    }
}

/// All that a Txn looks at and writes.
fn needs(namespace: &Namespace, txn: &Txn<'_>) -> Vec<Need> {
    let (mut needs, at) = (Vec::new(), |key: Key<'_>| namespace.raw(key)..after(namespace.raw(key)));
    let mut need = |key: Key<'_>, keys, writes| needs.push(Need { key: key.as_str().to_owned(), keys, writes });
    for check in txn.checks {
        need(check.key(), at(check.key()), false);
    }
    for operation in txn.operations {
        let key = operation.key();
        need(key, at(key), true);
        match operation {
            Operation::Put { mode, .. } => {
                for ancestor in key.ancestors() {
                    // It is made if it is missing, which takes more; but only then.
                    need(ancestor, at(ancestor), false);
                }
                if *mode == Mode::Ephemeral {
                    need(key, namespace.below(key), false);
                }
            }
            Operation::DeleteRecursive(_) => need(key, namespace.below(key), true),
            _ => need(key, namespace.below(key), false),
        }
    }
    needs
}

/// What ranges, in any order, have in common with one, in order and without overlaps.
pub(crate) fn clipped(ranges: &[Keys], range: &Keys) -> Vec<Keys> {
    let mut clipped: Vec<_> = ranges
        .iter()
        .map(|other| other.start.clone().max(range.start.clone())..other.end.clone().min(range.end.clone()))
        .filter(|part| part.start < part.end)
        .collect();
    clipped.sort_by(|one, other| one.start.cmp(&other.start));
    let mut parts: Vec<Keys> = Vec::with_capacity(clipped.len());
    for part in clipped {
        match parts.last_mut() {
            Some(last) if part.start <= last.end => last.end = part.end.max(std::mem::take(&mut last.end)),
            _ => parts.push(part),
        }
    }
    parts
}

/// What parts, in order, leave out of a range.
fn gaps<'k>(parts: &'k [Keys], range: &'k Keys) -> impl Iterator<Item = Keys> + use<'k> {
    let starts = std::iter::once(&range.start).chain(parts.iter().map(|part| &part.end));
    let ends = parts.iter().map(|part| &part.start).chain([&range.end]);
    starts.zip(ends).filter(|(start, end)| start < end).map(|(start, end)| start.clone()..end.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(start: &str, end: &str) -> Keys {
        start.as_bytes().to_vec()..end.as_bytes().to_vec()
    }

    #[test]
    fn a_range_is_split_into_allowed_parts_and_gaps() {
        let asked = keys("b", "m");
        for (allowed, parts, left) in [
            (vec![], vec![], vec![keys("b", "m")]),
            (vec![keys("a", "z")], vec![keys("b", "m")], vec![]),
            (vec![keys("a", "b"), keys("m", "z")], vec![], vec![keys("b", "m")]),
            // Of several roles, in any order, touching and overlapping.
            (
                vec![keys("k", "z"), keys("c", "e"), keys("d", "f"), keys("f", "g"), keys("d", "e")],
                vec![keys("c", "g"), keys("k", "m")],
                vec![keys("b", "c"), keys("g", "k")],
            ),
        ] {
            let found = clipped(&allowed, &asked);
            assert_eq!(found, parts, "{allowed:?}");
            assert_eq!(gaps(&found, &asked).collect::<Vec<_>>(), left, "{allowed:?}");
        }
    }

    #[test]
    fn permissions_cover_keys_ranges_or_open_ranges() {
        let of = |end: &[u8]| range(&Permission::read("a").with_range_end(end));
        assert_eq!(of(b""), b"a".to_vec()..b"a\0".to_vec());
        assert_eq!(of(b"c"), keys("a", "c"));
        assert!(of(b"\0").end > "\u{10ffff}".as_bytes().to_vec());
    }
}
