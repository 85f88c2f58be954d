//! `registry submit`, `tasks`, `logs`, `cancel`, `retry` and `drain`.

mod change;
mod list;
mod logs;
mod row;
mod submit;

use registry_host::Registry;
use registry_tasks::client::Client;
use registry_tasks::record::TaskId;
use registry_tasks::settings::{ServersSettings, unknown};

pub(super) use self::change::{Cancel, Drain, Retry};
pub(super) use self::list::Tasks;
pub(super) use self::logs::Logs;
pub(super) use self::submit::Submit;
use crate::context::Context;
use crate::exit::Failure;

/// What clients know of the servers' section.
fn servers(context: &Context) -> Result<ServersSettings, Failure> {
    let settings = context.settings()?;
    unknown(&settings, &["servers"])?.iter().for_each(|unknown| tracing::warn!("{unknown}"));
    Ok(ServersSettings::of(&settings)?)
}

async fn client(registry: &Registry, servers: &ServersSettings) -> Result<Client, Failure> {
    Ok(Client::open(registry, servers).await?)
}

/// An id on the command line.
fn id(text: &str) -> Result<TaskId, String> {
    TaskId::new(text).map_err(|error| error.message().to_owned())
}
