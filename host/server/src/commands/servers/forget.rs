//! `registry servers forget`.

use registry_cluster::{Cluster, Forgotten, Options, Role, Server};
use registry_host::{Error, ErrorKind, Registry};

use crate::context::Context;
use crate::exit::{Done, Failure, OK};
use crate::output::Output;

/// Whom to forget.
pub(super) enum Whom {
    /// What was at this address, in this role or in both.
    At(String, Option<Role>),
    /// Everybody who is not registered.
    AllGone,
}

pub(super) async fn run(whom: Whom, context: &mut Context) -> Done {
    if let Whom::At(address, _) = &whom {
        // Before anything is opened.
        Server::master(address)?;
    }
    let work = context.session(async |registry, output| {
        let cluster = Cluster::open(registry.clone(), Options::default()).await?;
        match whom {
            Whom::At(address, role) => forget(&cluster, registry, &address, role, output).await?,
            Whom::AllGone => forget_all(&cluster, output).await?,
        }
        output.flush().await?;
        Ok(OK)
    });
    work.await
}

async fn forget(
    cluster: &Cluster,
    registry: &Registry,
    address: &str,
    role: Option<Role>,
    output: &mut Output,
) -> Result<(), Failure> {
    let roles = role.map_or(Role::ALL.to_vec(), |role| vec![role]);
    let mut known = false;
    for role in roles {
        let forgotten = cluster.forget(role, address).await?;
        known |= tell(role, address, forgotten, output)?;
    }
    if known {
        return Ok(());
    }
    let message = format!("nothing is left of a server at {address}: neither a dead mark nor the record of a life");
    Err(Error::new(ErrorKind::NotFound, message).or_plugin(registry.plugin().name()).into())
}

async fn forget_all(cluster: &Cluster, output: &mut Output) -> Result<(), Failure> {
    for (role, address) in cluster.gone().await? {
        match cluster.forget(role, &address).await {
            Ok(forgotten) => drop(tell(role, &address, forgotten, output)?),
            // It has come back, or its session has not ended yet.
            Err(error) if error.kind() == ErrorKind::ConditionFailed => {
                tracing::info!(%role, address, %error, "is not forgotten");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Says what was cleared; tells whether there was anything.
fn tell(role: Role, address: &str, forgotten: Forgotten, output: &mut Output) -> Result<bool, Failure> {
    let Forgotten { mark, lives, .. } = forgotten;
    let mut what = Vec::new();
    what.extend(mark.then(|| "a dead mark".to_owned()));
    what.extend((lives == 1).then(|| "the record of a life".to_owned()));
    what.extend((lives > 1).then(|| format!("the records of {lives} lives")));
    if what.is_empty() {
        return Ok(false);
    }
    let object = serde_json::json!({"role": role, "address": address, "dead_mark": mark, "lives": lives});
    output.line(format_args!("{role} {address} is forgotten: {}", what.join(" and ")), object)?;
    Ok(true)
}
