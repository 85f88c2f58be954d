//! A host: a view of the cluster, and the servers that are registered through it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use registry_cluster::{Change, Cluster, Member, MemberFilter, Role, Server};
use registry_host::Result;
use registry_hosts::{Event, Request, ServerId};
use tokio::sync::{Semaphore, mpsc};

use crate::{
    log::tell,
    seat::{Asked, Seat},
    taking::Taking,
};

pub(crate) struct Host {
    cluster: Cluster,
    /// Gives a permit for each take-over that may go on; `None` if all may.
    go_on: Option<Arc<Semaphore>>,
    /// How the servers are asked, by their addresses.
    seats: Mutex<HashMap<String, mpsc::Sender<Asked>>>,
}

impl Host {
    pub(crate) fn new(cluster: Cluster, hesitates: bool) -> Arc<Self> {
        let go_on = hesitates.then(|| Arc::new(Semaphore::new(0)));
        Arc::new(Host { cluster, go_on, seats: Mutex::default() })
    }

    /// Does what it is asked for, several things at once.
    pub(crate) async fn serve(self: Arc<Self>, mut requests: mpsc::UnboundedReceiver<Request>) {
        tokio::spawn(tell_changes(self.cluster.clone()));
        while let Some(request) = requests.recv().await {
            let host = Arc::clone(&self);
            tokio::spawn(async move {
                let name = format!("{request:?}");
                if let Err(error) = host.answer(request).await {
                    tell(Event::Failed(format!("{name}: {error}")));
                }
            });
        }
    }

    async fn answer(&self, request: Request) -> Result<()> {
        match request {
            Request::Join { role, address, groups } => self.join(role, address, &groups).await?,
            Request::Leave { address } => self.ask(&address, Asked::Leave).await,
            Request::Drop { address } => self.ask(&address, Asked::Drop).await,
            Request::GoOn => self.go_on.iter().for_each(|go_on| go_on.add_permits(1)),
            Request::View => tell(Event::View(self.view())),
        }
        Ok(())
    }

    async fn join(&self, role: Role, address: String, groups: &[String]) -> Result<()> {
        let server = match role {
            Role::Master => Server::master(&address)?,
            Role::Worker => Server::worker(&address, groups)?,
        };
        let membership = self.cluster.register(server).await?;
        let own = ServerId { role, address: address.clone(), incarnation: membership.incarnation() };
        let taking = Taking { own: own.clone(), registry: self.cluster.registry().clone(), go_on: self.go_on.clone() };
        let failover = match role {
            Role::Master => Some(membership.fail_over(taking).await?),
            Role::Worker => None,
        };
        let (asking, asked) = mpsc::channel(1);
        self.seats.lock().unwrap_or_else(PoisonError::into_inner).insert(address, asking);
        tokio::spawn(Seat::new(own, membership, failover).sit(asked));
        Ok(())
    }

    async fn ask(&self, address: &str, asked: Asked) {
        let seat = self.seats.lock().unwrap_or_else(PoisonError::into_inner).remove(address);
        match seat {
            Some(seat) if seat.send(asked).await.is_ok() => {}
            _ => tell(Event::Failed(format!("no server is at {address}"))),
        }
    }

    fn view(&self) -> Vec<(String, ServerId)> {
        let members = self.cluster.members(MemberFilter::All).now();
        members.iter().map(|member| (key(member), id(member))).collect()
    }
}

/// Tells who comes and goes.
async fn tell_changes(cluster: Cluster) {
    let mut changes = cluster.members(MemberFilter::All).changes();
    while let Some(change) = changes.next().await {
        match change {
            Change::Joined(member) => tell(Event::Came(id(&member))),
            Change::Left(member) => tell(Event::Went(id(&member))),
            _ => {}
        }
    }
}

fn key(member: &Member) -> String {
    let group = member.group.as_deref().unwrap_or_default();
    format!("{}/{group}/{}", member.role, member.address)
}

fn id(member: &Member) -> ServerId {
    let incarnation = member.incarnation().unwrap_or_default();
    ServerId { role: member.role, address: member.address.clone(), incarnation }
}
