//! A page on which to watch a cluster.
//!
//! It shows the session of its own process, the servers and their groups, the tasks, the locks with their queues, the
//! sessions that own something, what this process asks of the registry, the last events, and the registry's tree;
//! services as well, if it is given them. What changes is sent to each browser as it happens; without JavaScript the
//! same is there as tables.
//!
//! # Serve the page
//!
//! ```no_run
//! use registry_host::Registry;
//! use registry_page::Page;
//! use registry_tasks::{client::Client, settings::ServersSettings};
//!
//! # async fn example() -> registry_host::Result<()> {
//! let settings = registry_cluster::load("registry.yaml")?;
//! let registry = Registry::open(settings.clone()).await?;
//! let client = Client::open(&registry, &ServersSettings::of(&settings)?).await?;
//! let page = Page::open(client, None).await?;
//! let bound = page.bind("127.0.0.1:8848".parse().expect("an address")).await?;
//! println!("{}", bound.url());
//! bound.serve(std::future::pending()).await;
//! # Ok(())
//! # }
//! ```
//!
//! # Who may do what
//!
//! Everyone who reaches the page can read it, so it is bound to this machine unless told otherwise. What changes
//! something needs the [token](Bound::url), which the address holds once and a cookie from then on. Requests that name
//! another host, or come from another site, are refused.

#![forbid(unsafe_code)]

mod board;
mod feed;
mod filter;
mod http;
mod operations;
mod probes;
mod render;
mod services;
mod watching;

use std::{net::SocketAddr, sync::Arc};

use registry_discovery::Discovery;
use registry_host::{Error, ErrorKind, Result};
use registry_tasks::client::Client;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

pub use self::probes::{Probes, Readiness};
use self::{board::Board, feed::Feed};

/// Gives what `/metrics` answers, in Prometheus' format.
pub type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// What the page shows, kept up to date. Dropping the last clone ends that.
#[derive(Clone)]
pub struct Page(Arc<Inner>);

struct Inner {
    client: Client,
    board: Arc<Board>,
    feed: Feed,
    metrics: Option<Metrics>,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

/// A page that listens, and is still to be served.
pub struct Bound {
    page: Page,
    listener: TcpListener,
    address: SocketAddr,
    token: String,
}

impl Page {
    /// Begins to watch everything that the page shows; `/metrics` answers what `metrics` gives.
    ///
    /// # Errors
    ///
    /// As [`Registry::watch`](registry_host::Registry::watch).
    pub async fn open(client: Client, metrics: Option<Metrics>) -> Result<Self> {
        Self::open_with(client, metrics, None).await
    }

    /// The same with a section on services, which are on another registry as a rule: their keys begin at the root.
    ///
    /// # Errors
    ///
    /// As [`open`](Page::open).
    pub async fn open_with(client: Client, metrics: Option<Metrics>, services: Option<Discovery>) -> Result<Self> {
        let cluster = client.cluster();
        let board = Arc::new(Board::default());
        let watch = watching::open(cluster.registry()).await?;
        let feed = Feed::default();
        let tasks = vec![
            watching::entries(cluster.registry().clone(), Arc::clone(&board), watch),
            watching::session(cluster.registry().clone(), Arc::clone(&board)),
            watching::members(cluster.clone(), Arc::clone(&board)),
            watching::lag(cluster.registry().clone(), Arc::clone(&board)),
            feed.fill(client.clone(), Arc::clone(&board)),
        ];
        let measuring = metrics.clone().map(|metrics| watching::operations(metrics, Arc::clone(&board)));
        let mut tasks: Vec<_> = tasks.into_iter().chain(measuring).collect();
        if let Some(discovery) = services {
            tasks.push(services::follow(discovery, Arc::clone(&board)).await?);
        }
        Ok(Page(Arc::new(Inner { client, board, feed, metrics, _tasks: tasks })))
    }

    /// Listens there; port 0 stands for a free one.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` if the address can't be listened at, with the reason.
    pub async fn bind(&self, address: SocketAddr) -> Result<Bound> {
        let refused = |error: std::io::Error| {
            let message = format!("the page can't listen at {address}");
            Error::new(ErrorKind::InvalidConfig, message).with_cause(&error)
        };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Bound { page: self.clone(), listener, address, token: uuid::Uuid::new_v4().simple().to_string() })
    }
}

impl Bound {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address to open in a browser, with the token that changes need.
    pub fn url(&self) -> String {
        format!("http://{}/?token={}", self.address, self.token)
    }

    /// Serves the page until the future is ready.
    ///
    /// # Cancellation
    ///
    /// Ends all connections.
    pub async fn serve(self, until: impl Future<Output = ()> + Send + 'static) {
        http::serve(self, until).await;
    }
}
