use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tokio::sync::watch;

use super::{PeerNetwork, owner};
use crate::Result;
use crate::process::Process;
use crate::proxy::{Carrier, Door, Network, Route, listen};

/// A network that members are being told of, and that nothing passes yet.
pub(crate) struct Wiring {
    links: Vec<Vec<watch::Sender<Network>>>,
    ends: Vec<End>,
}

/// Where connections to one member come in.
struct End {
    listener: TcpListener,
    /// The only member that is told of this end; `None` if all are.
    from: Option<usize>,
    to: usize,
    server: SocketAddr,
}

impl Wiring {
    /// Between so many members.
    pub(crate) fn new(members: usize) -> Self {
        let links = (0..members).map(|_| (0..members).map(|_| Network::open()).collect()).collect();
        Self { links, ends: Vec::new() }
    }

    /// Where `from`, and nobody else, is to reach the member `to`, which listens at `server`.
    pub(crate) fn between(&mut self, from: usize, to: usize, server: SocketAddr) -> Result<SocketAddr> {
        self.end(Some(from), to, server)
    }

    /// Where all others are to reach the member `to`, which listens at `server`.
    pub(crate) fn towards(&mut self, to: usize, server: SocketAddr) -> Result<SocketAddr> {
        self.end(None, to, server)
    }

    /// Lets everything pass, now that it is known which process, in their order, is which member.
    pub(crate) fn start(self, processes: Vec<Arc<Process>>) -> Result<PeerNetwork> {
        let processes: Arc<[Arc<Process>]> = processes.into();
        let doors = self.ends.into_iter().map(|End { listener, from, to, server }| {
            let route: Route = match from {
                Some(from) => {
                    let told = self.links[from][to].subscribe();
                    Box::new(move |clients| vec![Some(told.clone()); clients.len()])
                }
                None => {
                    let told: Vec<_> = self.links.iter().map(|links| links[to].subscribe()).collect();
                    let processes = Arc::clone(&processes);
                    Box::new(move |clients| {
                        let owners = owner::of(clients, &processes);
                        owners.into_iter().map(|owner| Some(told[owner?].clone())).collect()
                    })
                }
            };
            Door { listener, server, route }
        });
        let carrier = Carrier::start(doors.collect())?;
        Ok(PeerNetwork { links: self.links, _carrier: carrier })
    }

    fn end(&mut self, from: Option<usize>, to: usize, server: SocketAddr) -> Result<SocketAddr> {
        let (listener, address) = listen()?;
        self.ends.push(End { listener, from, to, server });
        Ok(address)
    }
}
