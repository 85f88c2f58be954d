//! Registration, heartbeats, membership, balancing and failover for host servers.

#![forbid(unsafe_code)]

pub mod balance;
mod gauge;
mod heartbeat;
mod keys;
mod member;
mod status;

pub use gauge::{Figures, Gauge};
pub use heartbeat::{Heartbeat, Unreadable};
pub use keys::{DEFAULT_GROUP, Role, Server};
pub use member::{Life, Member};
pub use status::{Limits, Status};
