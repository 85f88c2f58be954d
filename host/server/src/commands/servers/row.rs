//! A server as it is shown.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use registry_cluster::{Heartbeat, Member, Role};
use serde::Serialize;

use crate::output::text;

pub(super) const HEADING: [&str; 10] =
    ["ROLE", "GROUP", "ADDRESS", "STATUS", "CPU", "MEMORY", "LOAD", "BEAT", "UP", "PROCESS"];

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
    status: &'a str,
    /// Why the heartbeat can't be read.
    reason: Option<String>,
    dead_mark: bool,
    /// How long ago it was written, by the writer's clock.
    age_ms: Option<u64>,
    heartbeat: Option<&'a Heartbeat>,
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
        let unknown = || "?".to_owned();
        let group = self.member.as_ref().and_then(|member| member.group.as_deref()).unwrap_or("-");
        let mut columns = vec![self.role.to_string(), escaped(group), escaped(&self.address), self.status_text()];
        match self.heartbeat() {
            Some(heartbeat) => columns.extend([
                format!("{:.0}%", heartbeat.cpu_usage * 100.0),
                format!("{:.0}%", heartbeat.memory_usage * 100.0),
                format!("{:.2}", heartbeat.load_average),
                since(heartbeat.report_time).map_or_else(unknown, |ago| format!("{:.1}s ago", ago.as_secs_f64())),
                since(heartbeat.startup_time).map_or_else(unknown, |up| {
                    humantime::format_duration(Duration::from_secs(up.as_secs())).to_string()
                }),
                heartbeat.process_id.to_string(),
            ]),
            None => columns.resize_with(HEADING.len(), unknown),
        }
        columns
    }

    /// On one line, with tabs between.
    pub(super) fn line(&self, event: &str) -> String {
        format!("{event}\t{}", self.columns().join("\t"))
    }

    pub(super) fn object(&self, event: Option<&'static str>) -> Object<'_> {
        let member = self.member.as_deref();
        let heartbeat = self.heartbeat();
        Object {
            event,
            role: self.role,
            group: member.and_then(|member| member.group.as_deref()),
            address: &self.address,
            status: self.status(),
            reason: member.and_then(|member| member.heartbeat.as_ref().err()).map(ToString::to_string),
            dead_mark: self.marked,
            age_ms: heartbeat
                .and_then(|heartbeat| since(heartbeat.report_time))
                .map(|ago| u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)),
            heartbeat,
        }
    }

    fn heartbeat(&self) -> Option<&Heartbeat> {
        self.member.as_ref()?.heartbeat.as_ref().ok()
    }

    fn status(&self) -> &'static str {
        match &self.member {
            None => "gone",
            Some(member) => member.status().map_or("unreadable", |status| status.name()),
        }
    }

    fn status_text(&self) -> String {
        let mut status = self.status().to_owned();
        if self.marked {
            status.push_str(", marked dead");
        }
        if let Some(Err(reason)) = self.member.as_ref().map(|member| member.heartbeat.as_ref()) {
            status = format!("{status}: {}", text::one_line(&reason.to_string()));
        }
        status
    }
}

fn escaped(text: &str) -> String {
    text::escaped(text.as_bytes()).to_string()
}

/// How long ago a moment was, in ms since 1970, that a server wrote down; its clock may be ahead of ours.
fn since(moment: i64) -> Option<Duration> {
    let moment = u64::try_from(moment).ok().filter(|moment| *moment > 0)?;
    let moment = UNIX_EPOCH.checked_add(Duration::from_millis(moment))?;
    Some(SystemTime::now().duration_since(moment).unwrap_or_default())
}
