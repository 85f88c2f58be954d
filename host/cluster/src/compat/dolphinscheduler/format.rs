//! The formats of a heartbeat, by the releases of DolphinScheduler that write and read them.

use registry_config::value;
use serde::Deserialize;

/// How a heartbeat is written: `registry.cluster.heartbeat-format`.
///
/// # Behavior
///
/// All of them are read, whichever is configured. DolphinScheduler's servers read their own release's alone and pass
/// over all others without a word, so in a cluster that has old ones, ours write theirs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Deserialize)]
#[non_exhaustive]
pub enum HeartbeatFormat {
    /// `json`: an object, as the releases from 3.1 on write it.
    #[default]
    #[serde(rename = "json")]
    Json,
    /// `dolphinscheduler-1.3`: 10 fields with commas between. Its times are dates of the machine's own time zone.
    #[serde(rename = "dolphinscheduler-1.3")]
    Fields10,
    /// `dolphinscheduler-2.0`: 13 fields, of the releases 2.0 and 3.0.0.
    #[serde(rename = "dolphinscheduler-2.0")]
    Fields13,
    /// 14 fields, with the room on the disk at the end: it is read, never written.
    #[serde(skip_deserializing)]
    Fields14,
}

value!(HeartbeatFormat, "json, dolphinscheduler-1.3 or dolphinscheduler-2.0");

impl HeartbeatFormat {
    pub(crate) const ALL: [Self; 4] = [Self::Json, Self::Fields10, Self::Fields13, Self::Fields14];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Fields10 => "dolphinscheduler-1.3",
            Self::Fields13 => "dolphinscheduler-2.0",
            Self::Fields14 => "14 fields",
        }
    }

    /// How many fields it has; none for JSON.
    pub(crate) fn fields(self) -> Option<usize> {
        match self {
            Self::Json => None,
            Self::Fields10 => Some(10),
            Self::Fields13 => Some(13),
            Self::Fields14 => Some(14),
        }
    }

    /// Whether its times are dates without a zone, in whole seconds.
    pub(crate) fn has_dates(self) -> bool {
        self == Self::Fields10
    }
}
