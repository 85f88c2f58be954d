//! `registry servers mark-dead`.

use std::collections::BTreeSet;

use registry_cluster::{Cluster, MemberFilter, Options, Role, Server};
use registry_host::{Error, ErrorKind, Registry};

use crate::context::Context;
use crate::exit::{Done, Failure, OK};

pub(super) async fn run(address: &str, role: Option<Role>, context: &mut Context) -> Done {
    // Before anything is opened.
    Server::master(address)?;
    let work = context.session(async |registry, output| {
        let cluster = Cluster::open(registry.clone(), Options::default()).await?;
        let role = match role {
            Some(role) => role,
            None => role_of(&cluster, registry, address)?,
        };
        let server = match role {
            Role::Master => Server::master(address)?,
            Role::Worker => Server::worker(address, [] as [&str; 0])?,
        };
        cluster.mark_dead(&server).await?;
        let object = serde_json::json!({"role": role, "address": address, "dead_mark": true});
        output.line(format_args!("{server} is marked as dead"), object)?;
        output.flush().await?;
        Ok(OK)
    });
    work.await
}

/// What is registered at an address.
fn role_of(cluster: &Cluster, registry: &Registry, address: &str) -> Result<Role, Failure> {
    let there = cluster.members(MemberFilter::All).now();
    let roles: BTreeSet<Role> = there.iter().filter(|there| there.address == address).map(|there| there.role).collect();
    match roles.iter().collect::<Vec<_>>()[..] {
        [role] => Ok(*role),
        [] => {
            let message = format!("no server is registered at {address}; --role says what is meant all the same");
            Err(Error::new(ErrorKind::NotFound, message).or_plugin(registry.plugin().name()).into())
        }
        _ => {
            let message = format!("both a master and a worker are registered at {address}, --role says which is meant");
            Err(Failure::Usage(message))
        }
    }
}
