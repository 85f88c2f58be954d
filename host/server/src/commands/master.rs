//! `registry master`.

use std::net::SocketAddr;

use clap::Args;
use registry_cluster::{Options, Stop};
use registry_host::{Error, ErrorKind};
use registry_tasks::master::Master as Serving;
use registry_tasks::settings::{MasterSettings, ServersSettings, unknown};
use serde_json::json;

use crate::context::Context;
use crate::exit::{Done, Failure, OK};
use crate::probing::Probing;
use crate::traces::Traces;

/// Hands tasks out to workers
///
/// It registers as a master, takes tasks from 'registry submit', hands those of its slot to workers with room, and
/// takes over for workers that have gone. Of several masters each has a part of the tasks; what a master knows stands
/// in the registry, so that another goes on where one has died. It stays until Ctrl-C or SIGTERM; a second signal ends
/// it at once. When it is told to stop, because it was declared dead, say, it exits with 3.
///
/// master.* in the configuration says how it takes part, servers.* what masters, workers and clients share. Beyond
/// loopback it asks for servers.token or for certificates, and doesn't start without.
#[derive(Args)]
#[command(after_help = "\
Examples:
  registry master
  registry master --address 127.0.0.1:0
  registry master --set master.exec-threads=20")]
pub(crate) struct Master {
    /// Where it listens and is found: the same as master.listen-address, listen-port and address
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    /// How many tasks it sends at once that are not accepted yet: the same as master.exec-threads
    #[arg(long, value_name = "N")]
    exec_threads: Option<u32>,
}

impl Master {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        if let Some(address) = &self.address {
            context.options.set.extend(listening("master", address)?);
        }
        if let Some(threads) = self.exec_threads {
            context.options.set.push(format!("master.exec-threads={threads}"));
        }
        let settings = context.settings()?;
        let (master, servers) = (MasterSettings::of(&settings)?, ServersSettings::of(&settings)?);
        let options = Options::of(&settings)?;
        unknown(&settings, &["master", "servers"])?.iter().for_each(|unknown| tracing::warn!("{unknown}"));
        let probing = Probing::begin("master", master.listening()?.ip, master.http_port).await?;
        let work = context.standing(async |registry, output, signals| {
            let _traces = Traces::begin(&servers, "master")?;
            let mut master = Serving::start(registry.clone(), options, master, &servers).await?;
            let address = master.address().to_owned();
            let http = probing.as_ref().map(Probing::address);
            let _probed = probing.map(|probing| probing.serve(registry, master.states(), master.measuring()));
            let object = json!({"role": "master", "address": address, "http": http.map(|http| http.to_string())});
            output.line(format_args!("the master {address} serves{}", probed(http)), object)?;
            output.flush().await?;
            tokio::select! {
                stop = master.stopped() => return Err(stopped(&*stop?).into()),
                _ = signals.next() => {}
            }
            tokio::select! {
                left = master.leave() => left?,
                ending = signals.next() => return Ok(ending.code()),
            }
            Ok(OK)
        });
        work.await
    }
}

/// Where machines find its figures.
pub(super) fn probed(http: Option<SocketAddr>) -> String {
    http.map(|http| format!(", its figures are at http://{http}/metrics")).unwrap_or_default()
}

/// Why a server ends by itself.
pub(super) fn stopped(stop: &Stop) -> Error {
    Error::new(ErrorKind::SessionLost, "the server was told to stop").with_cause_text(stop.to_string())
}

/// What `--address` stands for in a role's section.
///
/// # Errors
///
/// What is not an address.
pub(super) fn listening(section: &str, address: &str) -> Result<Vec<String>, Failure> {
    if let Ok(socket) = address.parse::<SocketAddr>() {
        let (ip, port) = (socket.ip(), socket.port());
        return Ok(vec![format!("{section}.listen-address={ip}"), format!("{section}.listen-port={port}")]);
    }
    let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
    match port {
        Some(Ok(port)) => Ok(vec![format!("{section}.listen-port={port}"), format!("{section}.address={address}")]),
        _ => Err(Failure::Usage(format!("{address:?} is not an address; accepted: host:port, such as 127.0.0.1:1234"))),
    }
}
