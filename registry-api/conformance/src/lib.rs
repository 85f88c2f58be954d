//! The laws of the registry contract, as functions over a [`Registry`](registry_host::Registry).
//!
//! A law is a sentence about what one client, or several of one process, see of a backend. It runs against whatever
//! backend the configuration names, in a root of its own, `/laws/<law>-<number>` in the configured namespace; it needs
//! no empty registry and leaves nothing behind.
//!
//! ```no_run
//! use registry_conformance::{Court, laws, try_law};
//! use registry_host::Settings;
//!
//! # async fn example() -> registry_host::Result<()> {
//! let court = Court::open(Settings::builder().set("registry.type=memory")).await?;
//! for law in laws() {
//!     println!("{} {}: {}", law.clause, law.name, try_law(&court, law).await);
//! }
//! court.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! A law that needs a capability which the backend lacks is [not applicable](Outcome::NotApplicable), and says what the
//! backend promises instead. [`CLAUSES`] lists the clauses that have laws here, and `registry conformance --list` the
//! laws of each. What only a server that breaks can show (the rest of 3.6, 4.2 and 4.3, all of 4.4 and 5.4), or a
//! plugin that is wrong on purpose (7.2), is not a law here; the project's own tests show it for its own backends.
#![forbid(unsafe_code)]

mod case;
mod clause;
mod court;
mod follower;
mod law;
mod laws;
pub mod pace;
mod verdict;

pub use clause::{CLAUSES, Clause};
pub use court::Court;
pub use law::{Law, Outcome, laws, try_law};
