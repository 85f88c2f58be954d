//! Starts and stops real coordination servers for tests, and breaks the network between a client and them, and between
//! the members of one cluster.
//!
//! ```no_run
//! use registry_test_servers::{Etcd, Proxy};
//!
//! let etcd = Etcd::start()?;
//! let proxy = Proxy::to(etcd.address())?;
//! // A client that is told `proxy.url()` is now cut off from a server that lives on.
//! proxy.cut();
//! proxy.heal();
//! etcd.restart()?;
//! # Ok::<(), registry_test_servers::Error>(())
//! ```
//!
//! A server listens on 127.0.0.1 alone, is ready when the call that started it returns, and ends with the value that
//! stands for it, or with the process, however that ends. All calls block the thread, by a deadline, and need no
//! runtime, but for the one that gives a client of ZooKeeper. A server that is not installed is an [`Error`] that says
//! how to install it, never a skipped test.
#![forbid(unsafe_code)]

mod certificates;
mod disk;
mod error;
pub mod etcd;
mod health;
mod leader;
mod member;
mod peers;
mod port;
mod process;
mod proxy;
mod scratch;
mod signals;
mod tls;
pub mod zookeeper;

pub use certificates::Certificates;
pub use disk::mount_namespace;
pub use error::{Error, Result};
pub use etcd::Etcd;
pub use member::Member;
pub use peers::PeerNetwork;
pub use port::Port;
pub use proxy::Proxy;
pub use signals::{cont, stop};
pub use tls::Tls;
pub use zookeeper::ZooKeeper;
