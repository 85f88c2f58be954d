//! What is written down of each incarnation of a server, until somebody has taken over for it or it has left in order.
//!
//! A server's own entry goes with its session. What it leaves behind is known from its record: it stays, says where the
//! entry was, and that somebody has begun to take over. An incarnation without a record has ended for good.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use registry_host::Entry;
use serde::{Deserialize, Serialize};

use crate::{
    HeartbeatFormat, Incarnation, Role,
    compat::dolphinscheduler::{dates, layout::mark_name},
};

/// What all records stand below; its own value is the [era](crate::era::Era).
pub(crate) const RECORDS: &str = "/cluster/lives";
/// What all stands below that this crate adds to DolphinScheduler's layout.
pub(crate) const CLUSTER: &str = "/cluster";

/// What the records of all incarnations at an address stand below.
///
/// Each registration puts this, too: if its version is still the same, all have been seen who have registered at the
/// address, in whichever groups, as long as one of them is still there. It goes with the last of them.
pub(crate) fn folder(role: Role, address: &str) -> String {
    format!("{RECORDS}/{}", mark_name(role, address))
}

/// An incarnation's record, as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    pub(crate) role: Role,
    pub(crate) address: String,
    /// The keys that it was registered at.
    pub(crate) keys: Vec<String>,
    pub(crate) startup_time: i64,
    pub(crate) process_id: i64,
    /// Who has begun to take over for it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) taken_over: Option<TakenOver>,
    /// The process that has registered at its address since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) replaced_by: Option<Incarnation>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TakenOver {
    /// The address of the master.
    pub(crate) by: String,
    /// The fencing token of its lock.
    pub(crate) token: u64,
    /// When, in ms since 1970.
    pub(crate) at: i64,
}

impl Record {
    /// The record of an incarnation that nobody has touched.
    pub(crate) fn new(role: Role, address: &str, keys: Vec<String>, incarnation: Incarnation) -> Self {
        let (address, Incarnation { startup_time, process_id }) = (address.to_owned(), incarnation);
        Record { role, address, keys, startup_time, process_id, taken_over: None, replaced_by: None }
    }

    pub(crate) fn incarnation(&self) -> Incarnation {
        Incarnation { startup_time: self.startup_time, process_id: self.process_id }
    }

    pub(crate) fn key(&self) -> String {
        let Incarnation { startup_time, process_id } = self.incarnation();
        format!("{}/{startup_time}-{process_id}", folder(self.role, &self.address))
    }

    /// The record that an entry holds; `None` if it holds none.
    pub(crate) fn of(entry: &Entry) -> Option<Self> {
        // The folders between are persistent and empty, too.
        let is_record =
            !entry.value.is_empty() && entry.key.strip_prefix(RECORDS).is_some_and(|key| key.starts_with('/'));
        let record = is_record.then(|| serde_json::from_slice::<Record>(&entry.value))?;
        match record {
            Ok(record) if record.key() == entry.key => Some(record),
            Ok(_) => None,
            Err(error) => {
                tracing::warn!(key = entry.key, %error, "the record of a server's life can't be read");
                None
            }
        }
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        // Text and numbers, which can always be written.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Incarnation {
    /// An incarnation of this process that begins now, as heartbeats of this format can tell it; no two are the same.
    pub(crate) fn begin(format: HeartbeatFormat) -> Self {
        static LAST: AtomicI64 = AtomicI64::new(0);
        static LAST_DATE: AtomicI64 = AtomicI64::new(0);
        let (now, last, step) = if format.has_dates() { (dates::now(), &LAST_DATE, 1_000) } else { (now(), &LAST, 1) };
        let before = last.fetch_max(now, Ordering::Relaxed);
        let startup_time = if before < now { now } else { last.fetch_add(step, Ordering::Relaxed) + step };
        Incarnation { startup_time, process_id: std::process::id().into() }
    }
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
