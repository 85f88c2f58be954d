//! What a host is asked for.

use registry_cluster::Role;
use serde::{Deserialize, Serialize};

/// A line for a host.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Register a server; a master takes over for others, too.
    Join {
        /// What it is.
        role: Role,
        /// Where it is.
        address: String,
        /// A worker's groups.
        groups: Vec<String>,
    },
    /// Have the server at an address leave in order.
    Leave {
        /// Where it is.
        address: String,
    },
    /// Drop the server at an address, as if it had died.
    Drop {
        /// Where it is.
        address: String,
    },
    /// Go on with take-overs, if they were to wait for this.
    GoOn,
    /// Tell who is seen.
    View,
}
