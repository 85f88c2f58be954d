//! One server's place, which it takes again whenever it had to give it up.

use std::pin::pin;

use futures_util::FutureExt as _;
use registry_chaos::history::{Event, ServerState};
use registry_cluster::{Cluster, Membership, MembershipState, Role, Server};
use registry_host::Result;
use tokio::{sync::watch, time::sleep};

use super::{PAUSE, name, taking::Taking};
use crate::client::log::{Log, can_be};

pub(super) struct Seat {
    cluster: Cluster,
    log: Log,
    role: Role,
    address: String,
    leaves: watch::Receiver<bool>,
}

impl Seat {
    pub(super) fn new(cluster: &Cluster, log: &Log, role: Role, client: u32, leaves: watch::Receiver<bool>) -> Self {
        Seat { cluster: cluster.clone(), log: log.clone(), role, address: format!("c-{client}:1"), leaves }
    }

    /// Registers, again whenever it was told to stop, until the server is to leave or the registry to be given up.
    pub(super) async fn keep(self) {
        let session = self.cluster.registry().session();
        while !*self.leaves.borrow() && session.stop_wanted().now_or_never().is_none() {
            if let Err(error) = self.serve().await {
                if !can_be(&error) {
                    self.log.wrong(format!("the {} could not register: {error:?}", self.role));
                }
                sleep(PAUSE).await;
            }
        }
    }

    /// Serves until the server is told to stop, or to leave.
    async fn serve(&self) -> Result<()> {
        let server = match self.role {
            Role::Master => Server::master(&self.address)?,
            Role::Worker => Server::worker(&self.address, ["default"])?,
        };
        self.tell(format!("{}_{}", self.role, self.address), ServerState::Registers);
        let membership = self.cluster.register(server).await?;
        let own = name(self.role, &self.address, membership.incarnation());
        let mut standings = membership.states();
        self.tell(own.clone(), ServerState::Serves);
        let failover = match self.role {
            Role::Master => {
                let taking = Taking { registry: self.cluster.registry().clone(), log: self.log.clone() };
                let failover = membership.fail_over(taking).await;
                // It has gone without leaving if this fails.
                Some(failover.inspect_err(|_| self.tell(own.clone(), ServerState::Stops))?)
            }
            Role::Worker => None,
        };
        let mut leaves = self.leaves.clone();
        let mut asked = pin!(async move {
            // The caller lives as long as the client.
            let _ = leaves.wait_for(|leaves| *leaves).await;
        });
        loop {
            tokio::select! {
                () = &mut asked => {
                    self.tell(own, ServerState::Leaves);
                    drop(failover);
                    return self.leave(membership).await;
                }
                Ok(()) = standings.changed() => match &*standings.borrow_and_update() {
                    MembershipState::Serving => self.tell(own.clone(), ServerState::Serves),
                    MembershipState::Stopped(stop) => {
                        eprintln!("the {} {} is to stop: {stop}", self.role, self.address);
                        self.tell(own, ServerState::Stops);
                        return Ok(());
                    }
                    _ => self.tell(own.clone(), ServerState::Waits),
                },
            }
        }
    }

    async fn leave(&self, membership: Membership) -> Result<()> {
        if let Err(error) = membership.leave().await {
            self.log.failed_undisturbed(&format!("the {} could not leave", self.role), &error).await;
        }
        Ok(())
    }

    fn tell(&self, server: String, standing: ServerState) {
        self.log.tell(Event::Server { server, standing });
    }
}
