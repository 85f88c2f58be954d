//! `registry status`.

use std::time::{Duration, Instant};

use clap::Args;
use registry_host::Registry;
use serde_json::json;

use crate::context::Context;
use crate::exit::{Done, OK};
use crate::output::fields;

/// How many calls the round-trip time is the median of.
const CALLS: usize = 5;

/// Tells of the backend, its server and a session with it
///
/// The session is the command's own, opened and closed by it. The round-trip time is the median of five questions to
/// the server.
#[derive(Args)]
#[command(after_help = "Example:\n  registry --set registry.type=etcd status")]
pub(crate) struct Status {}

impl Status {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        let work = context.session(async |registry, output| {
            let server = registry.server().await?;
            let round_trip = round_trip(registry).await?;
            let (plugin, session) = (registry.plugin(), registry.session());
            let file = plugin.file().map(|file| file.display().to_string());
            let lacking: Vec<_> = registry.capabilities().lacking().collect();
            let mut fields = vec![
                ("backend", plugin.name().to_owned()),
                ("plugin", format!("{} {}", file.as_deref().unwrap_or("linked in"), plugin.metadata().version)),
                ("plugin API", plugin.api_version().to_owned()),
                ("server", server.clone()),
                ("namespace", registry.namespace().to_owned()),
                ("session", session.id().to_string()),
                ("timeout", humantime::format_duration(session.timeout()).to_string()),
                ("state", session.state().to_string()),
                ("round trip", format!("{round_trip:.2?}")),
            ];
            fields.extend(lacking.iter().map(|(capability, promise)| ("lacks", format!("{capability}: {promise}"))));
            let text = fields::lines(&fields, output).join("\n");
            let lacking: serde_json::Map<_, _> =
                lacking.iter().map(|(capability, promise)| (capability.to_string(), json!(promise))).collect();
            output.line(
                text,
                json!({
                    "backend": plugin.name(),
                    "plugin": {
                        "file": file,
                        "version": plugin.metadata().version,
                        "api_version": plugin.api_version(),
                    },
                    "server": server,
                    "namespace": registry.namespace(),
                    "session": {
                        "id": session.id().to_string(),
                        "timeout_ms": u64::try_from(session.timeout().as_millis()).unwrap_or(u64::MAX),
                        "state": session.state().to_string(),
                    },
                    "round_trip_us": round_trip.as_secs_f64() * 1e6,
                    "lacking": lacking,
                }),
            )?;
            output.flush().await?;
            Ok(OK)
        });
        work.await
    }
}

async fn round_trip(registry: &Registry) -> registry_host::Result<Duration> {
    let mut times = [Duration::ZERO; CALLS];
    for time in &mut times {
        let sent = Instant::now();
        registry.server().await?;
        *time = sent.elapsed();
    }
    times.sort_unstable();
    Ok(times[CALLS / 2])
}
