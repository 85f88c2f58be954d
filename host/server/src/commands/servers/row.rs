//! A server as it is shown.

use std::collections::BTreeSet;
use std::sync::Arc;

use registry_cluster::{Member, Role};
use serde::Serialize;

use crate::output::heartbeat::{self, Said};
use crate::output::text;

/// Who is marked as dead.
pub(super) type Marked = BTreeSet<(Role, String)>;

/// A server that is registered, or marked as dead, or both.
pub(super) struct Row {
    role: Role,
    address: String,
    member: Option<Arc<Member>>,
    marked: bool,
}

/// A server as an object.
#[derive(Serialize)]
pub(super) struct Object<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'static str>,
    role: Role,
    group: Option<&'a str>,
    address: &'a str,
    dead_mark: bool,
    #[serde(flatten)]
    said: Said<'a>,
}

/// What stands above the columns.
pub(super) fn heading() -> Vec<&'static str> {
    [&["ROLE", "GROUP", "ADDRESS"], &heartbeat::HEADING[..]].concat()
}

impl Row {
    pub(super) fn of(member: &Arc<Member>, marked: &Marked) -> Self {
        let (role, address) = (member.role, member.address.clone());
        let marked = marked.contains(&(role, address.clone()));
        Row { role, address, member: Some(Arc::clone(member)), marked }
    }

    pub(super) fn marked(role: Role, address: &str) -> Self {
        Row { role, address: address.to_owned(), member: None, marked: true }
    }

    /// Everyone: those who are registered, masters first, and then those who are only marked as dead.
    pub(super) fn all(members: &[Arc<Member>], marked: &Marked) -> Vec<Self> {
        let mut rows: Vec<_> = members.iter().map(|member| Row::of(member, marked)).collect();
        let there =
            |role: Role, address: &str| members.iter().any(|there| (there.role, &*there.address) == (role, address));
        let gone = marked.iter().filter(|(role, address)| !there(*role, address));
        rows.extend(gone.map(|(role, address)| Row::marked(*role, address)));
        rows
    }

    /// Whether nothing is known to be wrong with it.
    pub(super) fn is_well(&self) -> bool {
        !self.marked && self.member.as_ref().is_some_and(|member| member.is_normal())
    }

    pub(super) fn columns(&self) -> Vec<String> {
        let group = self.member.as_ref().and_then(|member| member.group.as_deref()).unwrap_or("-");
        let mut columns = vec![self.role.to_string(), text::name(group), text::name(&self.address)];
        columns.extend(self.said().cells(if self.marked { ", marked dead" } else { "" }));
        columns
    }

    /// On one line, with tabs between.
    pub(super) fn line(&self, event: &str) -> String {
        format!("{event}\t{}", self.columns().join("\t").trim_end())
    }

    pub(super) fn object(&self, event: Option<&'static str>) -> Object<'_> {
        Object {
            event,
            role: self.role,
            group: self.member.as_ref().and_then(|member| member.group.as_deref()),
            address: &self.address,
            dead_mark: self.marked,
            said: self.said(),
        }
    }

    fn said(&self) -> Said<'_> {
        Said::of(self.member.as_deref())
    }
}
