//! What this process measures, for `/metrics`.

use std::{sync::Arc, time::Duration};

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};
use registry_host::{Error, ErrorKind};
use registry_page::Metrics;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

/// The limits of the histograms' buckets, in seconds: from a call in memory to a task of an hour.
const BUCKETS: [f64; 14] =
    [0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0, 3_600.0];

/// How often what was measured is put together, whether anybody asks for it or not.
const PERIOD: Duration = Duration::from_secs(5);

/// Begins to measure, and gives what answers `/metrics`. Dropping the handle leaves measurements to grow.
///
/// # Errors
///
/// If this process measures already.
pub(crate) fn start() -> Result<(Metrics, AbortOnDropHandle<()>), Error> {
    let refused = |error: &(dyn std::error::Error + 'static)| {
        Error::new(ErrorKind::Other, "this process can't be measured").with_cause(error)
    };
    let seconds = Matcher::Suffix("_seconds".to_owned());
    let recorder = PrometheusBuilder::new().set_buckets_for_metric(seconds, &BUCKETS);
    let recorder = recorder.map_err(|error: BuildError| refused(&error))?.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|error| refused(&error))?;
    let upkeep = {
        let handle = handle.clone();
        tokio::spawn(async move {
            let mut clock = interval(PERIOD);
            clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                clock.tick().await;
                handle.run_upkeep();
            }
        })
    };
    Ok((Arc::new(move || handle.render()), AbortOnDropHandle::new(upkeep)))
}
