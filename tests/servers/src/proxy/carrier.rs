use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};

use tokio::runtime;
use tokio::sync::oneshot;

use super::connection;
use super::network::Told;
use crate::{Error, Result};

/// Accepts connections at its doors and carries them, until dropped; that ends them all.
///
/// It has a thread of its own, so that it goes on while a test blocks its runtime.
pub(crate) struct Carrier {
    over: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Where connections come in, the server that they are carried to, and the network on the way.
pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    pub(crate) server: SocketAddr,
    pub(crate) route: Route,
}

/// The network between the client at each of these addresses and the server; `None` for a client that has no business
/// there.
pub(crate) type Route = Box<dyn Fn(&[SocketAddr]) -> Vec<Option<Told>> + Send>;

/// Listens on a free port of 127.0.0.1, and says which.
pub(crate) fn listen() -> Result<(TcpListener, SocketAddr)> {
    listen_at((Ipv4Addr::LOCALHOST, 0).into())
}

/// Listens at an address, and says which port it is if any may be.
pub(crate) fn listen_at(address: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let opened = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    opened.map_err(Error::during("starting a proxy"))
}

impl Carrier {
    pub(crate) fn start(doors: Vec<Door>) -> Result<Self> {
        let starting = "starting a proxy";
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(Error::during(starting))?;
        {
            let _entered = runtime.enter();
            for Door { listener, server, route } in doors {
                let listener = tokio::net::TcpListener::from_std(listener).map_err(Error::during(starting))?;
                runtime.spawn(connection::accept(listener, server, route));
            }
        }
        let (over, told) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("proxy".to_owned())
            // Said or not, the other side is gone. The runtime takes all its connections with it.
            .spawn(move || drop(runtime.block_on(told)))
            .map_err(Error::during(starting))?;
        Ok(Self { over: Some(over), thread: Some(thread) })
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        drop(self.over.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has already been printed, and there is nobody to hand it to.
            let _ = thread.join();
        }
    }
}
