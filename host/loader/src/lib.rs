//! A coordination registry for host servers: etcd, ZooKeeper, or any other backend that there is a plugin for.
//!
//! A [`Registry`] is one session with the backend that the configuration names. Its plugin is loaded when it is opened;
//! nothing is recompiled to take another.
//!
//! # Open a registry
//!
//! [`Settings`] come from a file, the environment and code, each over the one before.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use registry_host::{Registry, Settings};
//!
//! # async fn example() -> registry_host::Result<()> {
//! // `registry.yaml`, and REGISTRY_TYPE, REGISTRY_ETCD_ENDPOINTS and so on over it.
//! let registry = Registry::open(Settings::load("registry.yaml")?).await?;
//!
//! // All of it in code. The keys of a plugin are set by their names.
//! let settings = Settings::builder()
//!     .registry_type("etcd")
//!     .namespace("my-service")
//!     .session_timeout(Duration::from_secs(20))
//!     .set_value("registry.etcd.endpoints", "127.0.0.1:2379")
//!     .build()?;
//! let registry = Registry::opening(settings).within(Duration::from_secs(30)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! A registry is cloned freely, and used from any thread. [`close`](Registry::close) ends the session.
//!
//! # Read and write
//!
//! Keys are paths, values are bytes. A put creates what is missing above its key.
//!
//! ```no_run
//! # async fn example(registry: registry_host::Registry) -> registry_host::Result<()> {
//! registry.put("/config/limits", "100").await?;
//! if let Some(entry) = registry.get("/config/limits").await? {
//!     println!("{} at version {}", String::from_utf8_lossy(&entry.value), entry.version);
//! }
//! let names: Vec<String> = registry.children("/config").await?;
//! for entry in registry.list("/config").await? {
//!     println!("{}: {} bytes", entry.key, entry.value.len());
//! }
//! registry.delete_recursive("/config").await?;
//! # Ok(())
//! # }
//! ```
//!
//! With the feature `json` there are `put_json` and `get_json`, too.
//!
//! # Say that a process is there
//!
//! An ephemeral entry goes when the session of its process ends, whatever ends it. After a session that was lost
//! without the process, it is put again with the next one.
//!
//! ```no_run
//! # async fn example(registry: registry_host::Registry) -> registry_host::Result<()> {
//! registry.put("/nodes/10.0.0.7:1234", "{}").ephemeral().await?;
//!
//! // When this host has been without a session for longer than `registry.disconnect-strategy` allows.
//! let why = registry.session().stop_wanted().await;
//! # Ok(())
//! # }
//! ```
//!
//! [`ephemerals`](Registry::ephemerals) reports what becomes of them, [`session`](Registry::session) what is known of
//! the session.
//!
//! # Conditional writes
//!
//! Each write of a key gives it a higher [`Version`]. A write on the condition of one loses nothing that others have
//! written meanwhile.
//!
//! ```no_run
//! use registry_host::ErrorKind;
//!
//! # async fn example(registry: registry_host::Registry) -> registry_host::Result<()> {
//! registry.put("/count", "0").if_absent().await?;
//! while let Some(entry) = registry.get("/count").await? {
//!     let count: u64 = String::from_utf8_lossy(&entry.value).parse().unwrap_or(0);
//!     match registry.put("/count", (count + 1).to_string()).if_version(entry.version).await {
//!         // Somebody else was faster.
//!         Err(error) if error.kind() == ErrorKind::ConditionFailed => {}
//!         written => return written.map(drop),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A [`Txn`] is several checks and writes, applied as a whole or not at all. It can be kept, and committed again.
//!
//! ```no_run
//! # async fn example(registry: registry_host::Registry) -> registry_host::Result<()> {
//! let mut txn = registry.txn();
//! txn.check_present("/nodes/10.0.0.7:1234").delete("/tasks/waiting/7");
//! let running = txn.put("/tasks/running/7", "on 10.0.0.7:1234").handle();
//! let version = txn.commit().await?.version_of(running);
//! # Ok(())
//! # }
//! ```
//!
//! # Watch
//!
//! A [`Watch`] tells the present state, then [`Synced`](Event::Synced), then every change. It goes on by itself after
//! any break. It is a `Stream`, too.
//!
//! ```no_run
//! use registry_host::{Event, Scope};
//!
//! # async fn example(registry: registry_host::Registry) -> registry_host::Result<()> {
//! let mut nodes = registry.watch("/nodes", Scope::Subtree).await?;
//! while let Some(event) = nodes.next().await {
//!     match event? {
//!         Event::Put { entry, new: true } => println!("{} joined", entry.key),
//!         Event::Put { entry, .. } => println!("{} changed", entry.key),
//!         Event::Delete { last } => println!("{} left", last.key),
//!         _ => println!("that was all, from here on it is news"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Locks
//!
//! A lock has one holder at most, and a fair queue. It is lost with the session, so a write that must not come from a
//! former holder is [checked](Txn::check_held) by the backend.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! # async fn example(registry: registry_host::Registry) -> registry_host::Result<()> {
//! let guard = registry.lock("/lock/failover").within(Duration::from_secs(5)).await?;
//! registry.txn().check_held(&guard).put("/task/7", "taken").commit().await?;
//! // To be checked elsewhere: it grows from each holder to the next.
//! println!("fencing token {}", guard.token());
//! guard.release().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Leadership
//!
//! To campaign is to lock with a value. Others read and watch who leads.
//!
//! ```no_run
//! # async fn example(registry: registry_host::Registry) -> registry_host::Result<()> {
//! let leadership = registry.campaign("/leader", "10.0.0.7:1234").await?;
//! println!("leading, until: {}", leadership.lost().await);
//!
//! let mut observer = registry.observe("/leader").await?;
//! while let Some(leader) = observer.next().await {
//!     match leader? {
//!         Some(leader) => println!("{} leads", String::from_utf8_lossy(leader.value())),
//!         None => println!("nobody leads"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Errors and retries
//!
//! An [`Error`] has a [kind](Error::kind) to be matched on. Its [outcome](Error::outcome) says whether a write was
//! applied, and [`is_retryable`](Error::is_retryable) whether the same call can succeed later. A write is never sent
//! twice unasked.
//!
//! ```no_run
//! use registry_host::{Outcome, Result, Txn};
//!
//! async fn insist(txn: &Txn) -> Result<()> {
//!     loop {
//!         match txn.commit().await {
//!             Err(error) if error.is_retryable() && error.outcome() == Outcome::NotApplied => {}
//!             done => return done.map(drop),
//!         }
//!     }
//! }
//! ```
//!
//! # More
//!
//! - [`blocking`] is for programs that are not async, [`plugin`] for what looks into plugins without opening them.
//! - Each call may be dropped, and ends by its deadline.
//! - The [contract](registry_api::contract) says what all backends promise; what one can't, its
//!   [capabilities](Registry::capabilities) say.
//! - `examples/` has a program for each of locks, watches, leadership, configuration and two backends in one process.

pub mod blocking;
mod compat;
mod config;
mod layers;
mod mirror;
pub mod plugin;
mod registry;
mod supervised;

pub use config::{DisconnectStrategy, HostSection, Section, Setting, Settings, SettingsBuilder, read_text};
pub use mirror::Mirror;
pub use plugin::Plugin;
pub use registry::{
    Added, Attempt, Committed, Delete, DeleteHandle, EphemeralEvent, Ephemerals, Guard, Leader, Lock, Observer,
    Opening, Progress, Put, PutHandle, Registry, Session, States, Txn, Watch,
};
pub use supervised::supervised;

pub use registry_api::{
    Applied, Backoff, Capabilities, Capability, Entry, Error, ErrorKind, Event, FencingToken, Held, Key, Moment,
    Outcome, Result, Revision, Scope, SessionId, SessionState, Version, limits, panic_message,
};
pub use registry_config::{ConfigKey, Source};
