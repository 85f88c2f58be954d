//! One server as the registry shows it.

use registry_host::{Entry, SessionId, Version};
use serde::{Deserialize, Serialize};

use crate::{Heartbeat, HeartbeatFormat, Role, Status, Unreadable, compat::dolphinscheduler::layout};

/// A server that is registered; a worker is one in each of its groups.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Member {
    /// What it is.
    pub role: Role,
    /// A worker's group; `None` for a master, and for a worker of an old version that is registered outside any.
    pub group: Option<String>,
    /// Where it is, `host:port`.
    pub address: String,
    /// What it said last, or why that can't be read.
    pub heartbeat: Result<Heartbeat, Unreadable>,
    /// The version of its entry.
    pub version: Version,
    /// The session that its entry goes with.
    pub session: SessionId,
}

/// One incarnation of a server: its process, from its start on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Incarnation {
    /// When the server started, in ms since 1970.
    pub startup_time: i64,
    /// Its process.
    pub process_id: i64,
}

impl Member {
    /// The member that an entry describes; `None` for one that is not a member's.
    ///
    /// An entry that is not ephemeral says nothing of who is there.
    pub fn of(entry: &Entry) -> Option<Self> {
        let (role, group, address) = layout::registered(&entry.key)?;
        Some(Member {
            role,
            group: group.map(str::to_owned),
            address: address.to_owned(),
            heartbeat: Heartbeat::read(&entry.value),
            version: entry.version,
            session: entry.ephemeral?,
        })
    }

    /// Whether it is of a version of DolphinScheduler that puts the names of groups into lower case: its heartbeat is
    /// no JSON, and empty at first.
    fn lowers_groups(&self) -> bool {
        let lowers = |heartbeat: &Heartbeat| !heartbeat.keeps_record && heartbeat.format != HeartbeatFormat::Json;
        self.heartbeat.as_ref().map_or_else(Unreadable::is_absent, lowers)
    }

    /// Whether it is a worker of this group, whose name is trimmed.
    ///
    /// Versions of DolphinScheduler whose heartbeat is not JSON register a worker of the group `GPU` below `gpu`, so
    /// that it may be meant by either name.
    pub(crate) fn is_in(&self, group: &str) -> bool {
        let own = |own: &str| own == group || self.lowers_groups() && own == group.to_lowercase();
        self.role == Role::Worker && self.group.as_deref().is_some_and(own)
    }

    /// Whether it can be given work; `None` if it is not known.
    pub fn status(&self) -> Option<Status> {
        self.heartbeat.as_ref().ok().map(Heartbeat::status)
    }

    /// Whether it is registered, but has not beaten yet.
    pub fn is_silent(&self) -> bool {
        self.heartbeat.as_ref().is_err_and(Unreadable::is_absent)
    }

    /// Whether it is known that it can be given work.
    pub fn is_normal(&self) -> bool {
        self.status() == Some(Status::Normal)
    }

    /// Whether it is a server of DolphinScheduler, which keeps no record of its incarnation, or can't be read.
    pub(crate) fn is_foreign(&self) -> bool {
        !self.heartbeat.as_ref().is_ok_and(|heartbeat| heartbeat.keeps_record)
    }

    /// Its incarnation; `None` if it is not known.
    pub fn incarnation(&self) -> Option<Incarnation> {
        self.heartbeat.as_ref().ok().map(Incarnation::of)
    }
}

impl Incarnation {
    pub(crate) fn of(heartbeat: &Heartbeat) -> Self {
        Incarnation { startup_time: heartbeat.startup_time, process_id: heartbeat.process_id }
    }
}
