//! `registry page`.

use std::net::SocketAddr;

use clap::Args;
use registry_discovery::Discovery;
use registry_tasks::client::Client;
use registry_tasks::settings::ServersSettings;
use serde_json::json;

use crate::context::Context;
use crate::exit::{Done, OK};
use crate::measuring;

/// Serves a page on which to watch the cluster
///
/// Open the address that is printed in a browser. The page shows servers, groups, tasks, locks with their queues,
/// sessions, the last events and the registry's tree, and follows all of them. Everyone who reaches it may read; to
/// submit, cancel or retry tasks takes the token in the address. It stays until Ctrl-C or SIGTERM.
///
/// Below the same address machines find /metrics in Prometheus' format, /healthz, and /readyz, which is 503 while the
/// registry can't be worked with.
#[derive(Args)]
#[command(after_help = "\
Examples:
  registry page
  registry page --services
  registry page --listen 127.0.0.1:0 --output json")]
pub(crate) struct Page {
    /// Where it listens; port 0 stands for a free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:7117")]
    listen: SocketAddr,
    /// Shows services as well, as 'registry services' does; they take a session of their own
    #[arg(long)]
    services: bool,
}

impl Page {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        let settings = context.settings()?;
        let servers = ServersSettings::of(&settings)?;
        let services = self.services.then_some(settings);
        let (metrics, _upkeep) = measuring::start()?;
        let work = context.standing(async |registry, output, signals| {
            let client = Client::open(registry, &servers).await?;
            let services = match &services {
                Some(settings) => Some(Discovery::open(settings).await?),
                None => None,
            };
            let page = registry_page::Page::open_with(client, Some(metrics), services.clone()).await?;
            let bound = page.bind(self.listen).await?;
            if !bound.address().ip().is_loopback() {
                tracing::warn!(address = %bound.address(), "all who reach this address can read the whole registry");
            }
            let url = bound.url();
            output.line(format_args!("the page is at {url}"), json!({"url": url}))?;
            output.flush().await?;
            tokio::select! {
                () = bound.serve(std::future::pending()) => {}
                _ = signals.next() => {}
            }
            if let Some(services) = services
                && let Err(error) = services.close().await
            {
                tracing::info!(%error, "the session of the services was not closed, it ends with its timeout");
            }
            Ok(OK)
        });
        work.await
    }
}
