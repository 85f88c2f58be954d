//! A TCP proxy for the faults that a server on the same machine can't show.

mod carrier;
mod connection;
mod handshake;
mod network;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::sync::watch;

use self::carrier::listen_at;
pub(crate) use self::carrier::{Carrier, Door, Route, listen};
pub(crate) use self::network::Network;
use crate::Result;

/// Stands between clients and one server, and fails as a network does. Dropping it ends its connections.
///
/// It runs on a thread of its own, so that it goes on while a test blocks its runtime. What it is told holds for the
/// connections that are open and for those to come, at the latest with the next bytes that pass.
pub struct Proxy {
    address: SocketAddr,
    network: watch::Sender<Network>,
    _carrier: Carrier,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1 and carries every connection to `server`, which need not run yet.
    ///
    /// # Errors
    /// If it can't listen.
    pub fn to(server: SocketAddr) -> Result<Self> {
        Self::at((Ipv4Addr::LOCALHOST, 0).into(), server)
    }

    /// As [`to`](Self::to), on another address of this machine, such as 127.0.0.2; port 0 stands for a free one.
    ///
    /// # Errors
    /// If it can't listen there.
    pub fn at(address: SocketAddr, server: SocketAddr) -> Result<Self> {
        let network = Network::open();
        let told = network.subscribe();
        let (listener, address) = listen_at(address)?;
        let route: Route = Box::new(move |clients| vec![Some(told.clone()); clients.len()]);
        let carrier = Carrier::start(vec![Door { listener, server, route }])?;
        Ok(Self { address, network, _carrier: carrier })
    }

    /// Where clients find the proxy.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets nothing through, in neither direction, not even the end of a connection; new ones open and stay silent, and
    /// one that its client gives up meanwhile never reaches the server.
    ///
    /// What was sent meanwhile arrives after [`heal`](Self::heal), as it does when TCP sends it again after a
    /// partition.
    pub fn cut(&self) {
        self.network.send_modify(|network| {
            network.carries_requests = false;
            network.carries_answers = false;
        });
    }

    /// Lets requests through and no answer: what was asked for is done, but nobody hears of it until
    /// [`heal`](Self::heal).
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

    /// New connections are carried to another server from now on, as when an address is given to another cluster.
    pub fn lead_to(&self, server: SocketAddr) {
        self.network.send_modify(|network| network.elsewhere = Some(server));
    }

    /// From now on a client of ZooKeeper that connects and asks for its session gets another one, as some servers that
    /// speak ZooKeeper's protocol do.
    pub fn forget_sessions(&self) {
        self.network.send_modify(|network| network.forgets_sessions = true);
    }
}
