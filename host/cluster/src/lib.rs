//! Registration, heartbeats, membership, balancing and failover for host servers.
//!
//! A [`Cluster`] is the servers that share a registry, seen through one watch. Keys and values are DolphinScheduler's,
//! so that its servers and these see each other.
//!
//! # Open a cluster
//!
//! ```no_run
//! use registry_cluster::{Cluster, Options};
//! use registry_host::Registry;
//!
//! # async fn example() -> registry_host::Result<()> {
//! // As `Settings::load`, with the section `registry.cluster`.
//! let settings = registry_cluster::load("registry.yaml")?;
//! let options = Options::of(&settings)?;
//! let cluster = Cluster::open(Registry::open(settings).await?, options).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Register a server
//!
//! From then on it is a member, and beats until it [leaves](Membership::leave) or is told to
//! [stop](Membership::stopped): as its session is lost, another has taken its address, or somebody has declared it
//! dead.
//!
//! ```no_run
//! use registry_cluster::{Cluster, Server};
//!
//! # async fn example(cluster: Cluster) -> registry_host::Result<()> {
//! let worker = cluster.register(Server::worker("10.0.0.7:1234", ["default", "gpu"])?).await?;
//! let stop = worker.stopped().await;
//! println!("stops: {stop}");
//! # Ok(())
//! # }
//! ```
//!
//! # See the others
//!
//! ```no_run
//! use registry_cluster::{Change, Cluster};
//!
//! # async fn example(cluster: Cluster) {
//! for worker in cluster.workers("default").now() {
//!     println!("{}: {:?}", worker.address, worker.status());
//! }
//! let mut changes = cluster.masters().changes();
//! while let Some(change) = changes.next().await {
//!     match change {
//!         Change::Joined(master) => println!("{} joined", master.address),
//!         Change::Left(master) => println!("{} left", master.address),
//!         _ => {}
//!     }
//! }
//! # }
//! ```
//!
//! # Divide the work
//!
//! [`choose`](Cluster::choose) picks a worker of a group by the configured balancing. A [slot](Membership::slot) says
//! which share of all work is a master's own.
//!
//! ```no_run
//! use registry_cluster::{Cluster, Membership};
//!
//! # async fn example(cluster: Cluster, master: Membership, task: u64) -> registry_host::Result<()> {
//! if master.slot().is_ok_and(|slot| slot.covers(task)) {
//!     println!("task {task} is for {}", cluster.choose("default")?.address);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Take over for those who have gone
//!
//! [`fail_over`](Membership::fail_over) has a master take over. One does so at a time, under a lock whose guard fences
//! what it writes.
//!
//! ```no_run
//! use std::error;
//!
//! use registry_cluster::{Departed, Membership, TakeOver};
//! use registry_host::{Guard, Registry};
//!
//! struct Scheduler {
//!     registry: Registry,
//! }
//!
//! impl TakeOver for Scheduler {
//!     async fn take_over(
//!         &self,
//!         departed: &Departed,
//!         guard: &Guard,
//!     ) -> Result<(), Box<dyn error::Error + Send + Sync>> {
//!         // Refused if another has the lock by now; writing it twice is the same as writing it once.
//!         let key = format!("/tasks/of/{}", departed.address);
//!         self.registry.txn().check_held(guard).put(&key, "to be done again").commit().await?;
//!         Ok(())
//!     }
//! }
//!
//! # async fn example(registry: Registry, master: Membership) -> registry_host::Result<()> {
//! let failover = master.fail_over(Scheduler { registry }).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # A whole host server
//!
//! ```no_run
//! use std::error;
//!
//! use registry_cluster::{Change, Cluster, Departed, Options, Server, MembershipState, TakeOver};
//! use registry_host::{Guard, Registry};
//!
//! struct Scheduler {
//!     registry: Registry,
//! }
//!
//! impl TakeOver for Scheduler {
//!     async fn take_over(
//!         &self,
//!         departed: &Departed,
//!         guard: &Guard,
//!     ) -> Result<(), Box<dyn error::Error + Send + Sync>> {
//!         // Refused if another has the lock by now; writing it twice is the same as writing it once.
//!         let key = format!("/tasks/of/{}", departed.address);
//!         self.registry.txn().check_held(guard).put(&key, "to be done again").commit().await?;
//!         Ok(())
//!     }
//! }
//!
//! async fn serve() -> registry_host::Result<()> {
//!     let settings = registry_cluster::load("registry.yaml")?;
//!     let options = Options::of(&settings)?;
//!     let registry = Registry::open(settings).await?;
//!     let cluster = Cluster::open(registry.clone(), options).await?;
//!     let master = cluster.register(Server::master("10.0.0.7:5678")?).await?;
//!     let _failover = master.fail_over(Scheduler { registry: registry.clone() }).await?;
//!
//!     let mut workers = cluster.workers("default").changes();
//!     let stopped = master.stopped();
//!     tokio::pin!(stopped);
//!     loop {
//!         tokio::select! {
//!             stop = &mut stopped => {
//!                 println!("stops: {stop}");
//!                 break;
//!             }
//!             Some(change) = workers.next() => match change {
//!                 Change::Joined(worker) => println!("{} joined", worker.address),
//!                 Change::Left(worker) => println!("{} left", worker.address),
//!                 _ => {}
//!             },
//!             task = next_task() => {
//!                 let mine = master.slot().is_ok_and(|slot| slot.covers(task));
//!                 if mine && matches!(master.state(), MembershipState::Serving) {
//!                     println!("task {task} is for {}", cluster.choose("default")?.address);
//!                 }
//!             }
//!         }
//!     }
//!     registry.close().await
//! }
//! # async fn next_task() -> u64 { 7 }
//! ```
//!
//! # What is on the registry
//!
//! Servers of old releases read their own format of heartbeats alone, `registry.cluster.heartbeat-format` says which is
//! written; what else to know of them is in `docs/compatibility.md`.
//!
//! | key | mode | value |
//! |---|---|---|
//! | `/nodes/master/<host:port>` | ephemeral | the [`Heartbeat`] |
//! | `/nodes/worker/<group>/<host:port>` | ephemeral, in each of its groups | the same |
//! | `/dead-servers/<master or worker>_<host:port>` | persistent | the name |
//! | `/cluster/lives/<master or worker>_<host:port>/<start>-<process>` | persistent | what a server leaves behind, as JSON |
//! | `/cluster/dead-marks` | persistent | since when dead marks have been there, as JSON |
//! | `/cluster/lives` | persistent | which data these are: written once, and gone with them |
//! | `/cluster/sessions/<master or worker>_<host:port>` | ephemeral | the incarnation whose session it is |
//! | `/lock/failover/startup-masters` | lock | held by a master while it registers |
//! | `/lock/failover/masters`, `/lock/failover/workers` | locks | held while a master takes over |
//!
//! The record of a server's incarnation is put together with its entries. It is removed when the server leaves in
//! order, or when a master has taken over for it. With the last record of an address its parent goes, too. Each beat
//! checks that it is still untouched. Without failover these records are never removed.
//!
//! # When data are deleted
//!
//! A missing entry does not say by itself that somebody deleted it. A server
//! whose dead mark is there was declared dead; one whose
//! record says so is replaced or taken over for. Where neither is, it looks what else is gone, after a second in which
//! while the process that deletes them may end:
//!
//! - Only its own entry, while the folder is the same as before: somebody has deleted it, and the server
//!   [stops](Stop::EntryGone).
//! - The folder too (`/nodes` was deleted), the record of its incarnation, or all of it (the servers' data were lost):
//!   the registry was emptied. With `registry.disconnect-strategy: wait` the server registers again, in the same
//!   incarnation; with `stop` it stops and [says so](Stop::Emptied).
//!
//! Nobody takes over for a server whose session lives, which the entry below `/cluster/sessions` tells, nor does a
//! master whose own entries are gone. Records that are gone can't be taken over for: who dies while the data are lost
//! leaves nothing behind. A server that was out of contact for long, and comes back after the data were lost, can't
//! know whether others had taken over for it before.
//!
//! # What it promises, and when
//!
//! - **A view** is complete when it opens, and right again after each reconnect as soon as the registry has told what
//!   changed.
//! - **No two of one address.** Who registers takes the entries over in one Txn, and writes into its predecessor's
//!   record that it is replaced. No beat of that succeeds any more; if it runs, it is told to stop, which takes as long
//!   as an event of the registry, or as a beat if the two have no group in common.
//! - **A server that is cut off** is told so before its session ends at the server, and from then on has no
//!   [slot](Membership::slot). Neither has one whose process was stopped for long, as soon as it goes on. By
//!   `registry.disconnect-strategy` it stops or [waits](MembershipState::Waiting). Others take over once its session
//!   has ended, and `registry.cluster.failover-grace` later.
//! - **Slots** are the same for all masters whose views are the same: within milliseconds of an event. Two may take
//!   themselves for the owner of the same work meanwhile; what must be done once is done under a lock. Beside masters
//!   of DolphinScheduler, whose versions count in several other ways, no master has a [slot](Slot), and a warning says
//!   so: run masters of one kind.
//! - **A take-over** is run by one master at a time, whose [`Guard`](registry_host::Guard) fences its writes, until one
//!   has written down that it is done.
//!
//! # What it costs
//!
//! A heartbeat is one Txn of about 350 bytes for each group every `max-heartbeat-interval`, and an event of as much to
//! each view. Ten thousand workers in one group each are 1,000 Txns and 350 kB a second to the backend. The view of one
//! process, which is one watch, took 2.8% of one processor at 1,000 beats a second on etcd, plugin included, and 1.1%
//! in memory (`examples/crowd.rs`, release build, 2026-11-20). Beside its entries a server keeps one ephemeral more,
//! which is written once for each session. `max-unchanged-interval` leaves those unwritten that say nothing new: while
//! no figure has moved by a twentieth and no status has changed, a server is only as often heard of as that says. That
//! it lives is proved by its session.

#![forbid(unsafe_code)]

mod address;
pub mod balance;
mod cluster;
mod compat;
mod counts;
mod era;
mod failover;
mod forget;
mod gauge;
mod heartbeat;
mod member;
mod membership;
mod options;
mod pulse;
mod record;
mod server;
mod slot;
mod status;
mod task;
mod view;
mod witness;

pub use cluster::Cluster;
pub use compat::dolphinscheduler::{
    HeartbeatFormat, LoadProtection, RoleOptions,
    layout::{DEAD_SERVERS, marked},
};
pub use failover::{Departed, Failover, TakeOver};
pub use forget::Forgotten;
pub use gauge::{Figures, Gauge};
pub use heartbeat::{Heartbeat, Unreadable};
pub use member::{Incarnation, Member};
pub use membership::{Membership, MembershipState, RELEASE_WITHIN, Stop};
pub use options::{Options, SECTION, load};
pub use server::{DEFAULT_GROUP, Role, Server, group_name};
pub use slot::{NoSlot, Slot};
pub use status::{Limits, Status};
pub use view::{Change, Changes, GroupChange, GroupChanges, Groups, MemberFilter, Members};
