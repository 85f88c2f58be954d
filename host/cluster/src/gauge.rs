//! Measuring the machine.

use std::time::Duration;

use registry_host::{Error, ErrorKind, Result};
use sysinfo::System;
use tokio::{sync::watch, time::sleep};

use crate::task::{self, Task};

const GB: f64 = 1024.0 * 1024.0 * 1024.0;

/// Measures the machine that this process runs on.
#[derive(Debug)]
pub struct Gauge(System);

/// How the machine was found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Figures {
    /// How much of all processors was in use since the measurement before, 0 to 1.
    pub cpu_usage: f64,
    /// How much of the memory is in use, 0 to 1.
    pub memory_usage: f64,
    /// How much memory is available, in GB.
    pub available_memory: f64,
    /// The load average over a minute.
    pub load_average: f64,
    /// How much room this user has left on the disk of the root directory, in GB.
    pub disk_available: f64,
    /// How much of the disk of the root directory is in use, 0 to 1.
    pub disk_usage: f64,
}

impl Gauge {
    /// A gauge whose first measurement covers the processors' use since now.
    ///
    /// # Errors
    ///
    /// `Other` if the system can't be asked.
    pub fn new() -> Result<Self> {
        let mut system = System::new().map_err(|error| unknown("figures", &error))?;
        system.refresh_cpu_usage();
        Ok(Gauge(system))
    }

    /// Measures; every figure has two digits behind the point, as DolphinScheduler's do.
    ///
    /// # Errors
    ///
    /// `Other` for what the system doesn't tell: a server that doesn't know its load isn't to be given more.
    pub fn read(&mut self) -> Result<Figures> {
        self.0.refresh_cpu_usage();
        self.0.refresh_memory();
        let total = self.0.total_memory() as f64;
        let available = self.0.available_memory() as f64;
        if total <= 0.0 {
            return Err(Error::new(ErrorKind::Other, "the system doesn't tell how much memory it has"));
        }
        let load = System::load_average().map_err(|error| unknown("load average", &error))?;
        let disk = rustix::fs::statvfs("/").map_err(|error| unknown("room on the disk", &error))?;
        Ok(Figures {
            cpu_usage: two_digits(f64::from(self.0.global_cpu_usage()) / 100.0),
            memory_usage: two_digits(1.0 - available / total),
            available_memory: two_digits(available / GB),
            load_average: two_digits(load.one),
            disk_available: two_digits(disk.f_bavail as f64 * disk.f_frsize as f64 / GB),
            disk_usage: two_digits(1.0 - disk.f_bavail as f64 / disk.f_blocks.max(1) as f64),
        })
    }
}

/// How the machine was found last; measured again and again while this is kept.
#[derive(Debug)]
pub(crate) struct Reading {
    figures: watch::Receiver<Figures>,
    _measuring: Task,
}

/// The longest time between two measurements.
const MEASURE_EVERY: Duration = Duration::from_secs(1);

impl Reading {
    /// Measures at least this often; ready after the first measurement.
    pub(crate) async fn begin(at_least_every: Duration) -> Result<Self> {
        let (gauge, first) = measured(Gauge::new()?).await;
        let (tell, figures) = watch::channel(first?);
        let pause = at_least_every.min(MEASURE_EVERY);
        let mut gauge = gauge;
        let measuring = task::spawn("measuring the machine", move || {
            let (mut gauge, tell) = (gauge.take(), tell.clone());
            async move {
                loop {
                    sleep(pause).await;
                    // One that panicked is lost.
                    let there = match gauge.take().map_or_else(Gauge::new, Ok) {
                        Ok(there) => there,
                        Err(error) => {
                            tracing::warn!(%error, "the machine can't be measured, the last figures stand");
                            continue;
                        }
                    };
                    let (back, read) = measured(there).await;
                    gauge = back;
                    match read {
                        Ok(figures) => drop(tell.send_replace(figures)),
                        Err(error) => tracing::warn!(%error, "the machine can't be measured, the last figures stand"),
                    }
                }
            }
        });
        Ok(Reading { figures, _measuring: measuring })
    }

    /// Figures that stay as they are.
    #[cfg(test)]
    pub(crate) fn fixed(figures: Figures) -> Self {
        let (tell, figures) = watch::channel(figures);
        let _measuring = task::spawn("nothing", move || {
            let tell = tell.clone();
            async move { tell.closed().await }
        });
        Reading { figures, _measuring }
    }

    pub(crate) fn now(&self) -> Figures {
        *self.figures.borrow()
    }

    /// Waits for the next measurement; fails when there will be none.
    pub(crate) async fn changed(&mut self) -> std::result::Result<(), watch::error::RecvError> {
        self.figures.changed().await
    }
}

/// Measures on a thread that may wait for a disk; the gauge is lost if that panics.
async fn measured(mut gauge: Gauge) -> (Option<Gauge>, Result<Figures>) {
    let measuring = tokio::task::spawn_blocking(move || {
        let read = gauge.read();
        (gauge, read)
    });
    match measuring.await {
        Ok((gauge, read)) => (Some(gauge), read),
        Err(error) => (None, Err(Error::new(ErrorKind::Other, "the machine can't be measured").with_cause(&error))),
    }
}

/// How many processors there are.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn two_digits(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}

fn unknown(what: &str, cause: &(dyn std::error::Error + 'static)) -> Error {
    Error::new(ErrorKind::Other, format!("the system doesn't tell its {what}")).with_cause(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_memory_and_a_disk() {
        let figures = Gauge::new().unwrap().read().unwrap();
        assert!((0.0..=1.0).contains(&figures.cpu_usage), "{figures:?}");
        assert!((0.0..=1.0).contains(&figures.memory_usage), "{figures:?}");
        assert!(figures.available_memory > 0.0 && figures.load_average >= 0.0, "{figures:?}");
        assert!(figures.disk_available > 0.0 && (0.0..=1.0).contains(&figures.disk_usage), "{figures:?}");
    }

    #[test]
    fn figures_have_two_digits() {
        assert_eq!([1.0 / 3.0, 0.999, 7.0, -0.001].map(two_digits), [0.33, 1.0, 7.0, 0.0]);
    }
}
