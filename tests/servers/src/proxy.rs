//! A TCP proxy for the faults that a server on the same machine can't show.

mod connection;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime;
use tokio::sync::watch;

use crate::{Error, Result};

/// Stands between clients and one server, and fails as a network does. Dropping it ends its connections.
///
/// It runs on a thread of its own, so that it goes on while a test blocks its runtime. What it is told holds for the
/// connections that are open and for those to come, at the latest with the next bytes that pass.
pub struct Proxy {
    address: SocketAddr,
    network: watch::Sender<Network>,
    thread: Option<JoinHandle<()>>,
}

/// How the network behaves at the moment.
#[derive(Clone, Copy)]
struct Network {
    carries_requests: bool,
    carries_answers: bool,
    delay: Duration,
    /// Every connection ends when it grows.
    resets: u64,
    over: bool,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1 and carries every connection to `server`, which need not run yet.
    ///
    /// # Errors
    /// If it can't listen.
    pub fn to(server: SocketAddr) -> Result<Self> {
        let starting = "starting a proxy";
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::during(starting))?;
        let address = listener.local_addr().map_err(Error::during(starting))?;
        listener.set_nonblocking(true).map_err(Error::during(starting))?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(Error::during(starting))?;
        let network =
            Network { carries_requests: true, carries_answers: true, delay: Duration::ZERO, resets: 0, over: false };
        let (network, told) = watch::channel(network);
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(Error::during(starting))?
        };
        let thread = thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || runtime.block_on(connection::accept(listener, server, told)))
            .map_err(Error::during(starting))?;
        Ok(Self { address, network, thread: Some(thread) })
    }

    /// Where clients find the proxy.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets nothing through, in neither direction, not even the end of a connection; new ones open and stay silent.
    ///
    /// What was sent meanwhile arrives after [`heal`](Self::heal), as it does when TCP sends it again after a partition.
    pub fn cut(&self) {
        self.network.send_modify(|network| {
            network.carries_requests = false;
            network.carries_answers = false;
        });
    }

    /// Lets requests through and no answer: what was asked for is done, but nobody hears of it until [`heal`](Self::heal).
    pub fn silent(&self) {
        self.network.send_modify(|network| {
            network.carries_requests = true;
            network.carries_answers = false;
        });
    }

    /// Ends [`cut`](Self::cut) and [`silent`](Self::silent).
    pub fn heal(&self) {
        self.network.send_modify(|network| {
            network.carries_requests = true;
            network.carries_answers = true;
        });
    }

    /// Ends every open connection with a TCP reset, soon after this returns. New ones are carried.
    pub fn reset(&self) {
        self.network.send_modify(|network| network.resets += 1);
    }

    /// From now on everything takes so much longer, in each direction; the throughput stays.
    pub fn delay(&self, delay: Duration) {
        self.network.send_modify(|network| network.delay = delay);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.network.send_modify(|network| network.over = true);
        if let Some(thread) = self.thread.take() {
            // A panic there has already been printed, and there is nobody to hand it to.
            let _ = thread.join();
        }
    }
}
