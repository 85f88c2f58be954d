//! `registry worker`.

use clap::Args;
use registry_cluster::Options;
use registry_host::{Error, ErrorKind, Settings};
use registry_tasks::settings::{ServersSettings, WorkerSettings, unknown};
use registry_tasks::worker::{Ready, Setup, serve};
use serde_json::json;
use tokio::sync::{oneshot, watch};

use super::master::{listening, probed};
use crate::context::Context;
use crate::exit::{Done, Failure, OK};
use crate::probing::Probing;
use crate::traces::Traces;

/// Runs tasks that masters hand out
///
/// It registers in its groups, listens for masters, and runs each task's command
/// below a process that ends the command with the worker, whatever ends that.
/// Settings are below worker in the file that --config names, see
/// docs/configuration.md.
///
/// SIGTERM and Ctrl-C drain it: it takes no more tasks, and those that run may end
/// within worker.drain-deadline. What is left then is ended and handed back to the
/// masters. A second signal ends it at once. Without a session its commands are
/// ended before others may run them; replaced or declared dead it ends them, and
/// exits with 3.
///
/// Results that no master has recorded yet stay in worker.data-dir, and are sent
/// by the next worker that has it.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  registry worker
  registry worker --address 10.0.0.7:1234 --groups default,gpu --exec-threads 8"
)]
pub(crate) struct Worker {
    /// Where it listens and what others are told, host:port [default: 127.0.0.1:1234]
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    /// The groups that it runs tasks of [default: default]
    #[arg(long, value_name = "GROUP,…", value_delimiter = ',')]
    groups: Option<Vec<String>>,
    /// How many tasks it runs at once [default: 100]
    #[arg(long, value_name = "COUNT")]
    exec_threads: Option<i32>,
}

impl Worker {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        if let Some(address) = &self.address {
            context.options.set.extend(listening("worker", address)?);
        }
        if let Some(threads) = self.exec_threads {
            // What a file says there goes over worker.exec-threads.
            context.options.set.push(format!("registry.cluster.exec-threads={threads}"));
        }
        let settings = context.settings()?;
        unknown(&settings, &["worker", "servers"])?.iter().for_each(|line| tracing::warn!("{line}"));
        let groups = groups(self.groups, &settings)?;
        let setup = Setup {
            options: Options::of(&settings)?,
            servers: ServersSettings::of(&settings)?,
            worker: WorkerSettings::of(&settings)?,
            groups: groups.clone(),
        };
        let probing = Probing::begin("worker", setup.worker.listening()?.ip, setup.worker.http_port).await?;
        let work = context.standing(async |registry, output, signals| {
            let _traces = Traces::begin(&setup.servers, "worker")?;
            let mut probing = probing;
            let mut _probed = None;
            let (ask, asked) = watch::channel(0);
            let (ready, mut listening) = oneshot::channel();
            let serving = serve(registry, setup, asked, ready);
            tokio::pin!(serving);
            let mut is_ready = false;
            loop {
                tokio::select! {
                    biased;
                    served = &mut serving => return served.map(|()| OK).map_err(Failure::from),
                    Ok(Ready { address, states, .. }) = &mut listening, if !is_ready => {
                        is_ready = true;
                        let http = probing.as_ref().map(Probing::address);
                        _probed = probing.take().map(|probing| probing.serve(registry, states, || ()));
                        let text =
                            format!("the worker {address} serves the groups {}{}", groups.join(", "), probed(http));
                        let http = http.map(|http| http.to_string());
                        let object = json!({"role": "worker", "address": address, "groups": groups, "http": http});
                        output.line(text, object)?;
                        output.flush().await?;
                    }
                    _ = signals.next() => ask.send_modify(|times| *times += 1),
                }
            }
        });
        work.await
    }
}

/// The groups of the command line, or of the configuration.
fn groups(given: Option<Vec<String>>, settings: &Settings) -> Result<Vec<String>, Failure> {
    let section = settings.section_beside("worker", &["groups"])?;
    let written = section.origin("worker.groups").is_some();
    let configured = Options::of(settings)?.worker.groups;
    let groups = match given.or(configured) {
        None if written => Vec::new(),
        None => vec![registry_cluster::DEFAULT_GROUP.to_owned()],
        Some(groups) => groups,
    };
    let mut named = Vec::new();
    for group in groups.iter().filter(|group| !group.trim().is_empty()) {
        let name = registry_cluster::group_name(group)?;
        if !named.contains(&name) {
            named.push(name);
        }
    }
    if named.is_empty() {
        let message = "a worker needs a group; accepted: names with commas between, such as default,gpu";
        return Err(Error::new(ErrorKind::InvalidConfig, message).or_key("worker.groups").into());
    }
    Ok(named)
}
