//! One server: its registration, its reports, its watch on the others.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use registry_host::{Error, ErrorKind, Event, Registry, Result, Scope, SessionState, Settings};
use tokio::sync::mpsc::Sender;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::WORKERS;
use super::figures::Figures;

/// How often a server reports.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// What a server tells whoever shows the table.
pub(super) enum Told {
    /// What its watch has told it.
    Event(Event),
    /// Its session's state.
    Session(SessionState),
    /// It can't go on.
    Ended(Error),
}

/// A server that is registered.
pub(super) struct Server {
    registry: Registry,
    address: SocketAddr,
    figures: Option<Figures>,
    running: Option<JoinHandle<()>>,
    pub(super) abandoned: bool,
    // Nobody else on this machine has the address while the server is there.
    _listener: TcpListener,
}

impl Server {
    /// Takes an address, opens a session and registers.
    pub(super) async fn open(settings: Settings) -> Result<Self> {
        let refused = |error| Error::new(ErrorKind::Other, "no port of 127.0.0.1 can be had").with_cause(&error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let mut figures = Figures::new(address)?;
        let registry = Registry::open(settings).await?;
        if let Err(error) = report(&registry, address, &mut figures).await {
            // The session may hold the entry all the same.
            let _ = registry.close().await;
            return Err(error);
        }
        let figures = Some(figures);
        Ok(Server { registry, address, figures, running: None, abandoned: false, _listener: listener })
    }

    /// How long its session outlives it.
    pub(super) fn session_timeout(&self) -> Duration {
        self.registry.session().timeout()
    }

    /// Where the server is.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins to report and to watch; what is seen is told under the server's number.
    pub(super) fn start(&mut self, number: usize, tell: Sender<(usize, Told)>) {
        let Some(mut figures) = self.figures.take() else { return };
        let (registry, address) = (self.registry.clone(), self.address);
        self.running = Some(tokio::spawn(async move {
            let ended = tokio::select! {
                ended = keep_reporting(&registry, address, &mut figures) => ended,
                ended = tell_states(&registry, number, &tell) => ended,
                ended = watch(&registry, number, &tell) => ended,
            };
            if let Err(error) = ended {
                // Nobody listens any more once the table is closed.
                let _ = tell.send((number, Told::Ended(error))).await;
            }
        }));
    }

    /// Lets the server die: it sends nothing more, and its session is left to time out.
    pub(super) async fn abandon(&mut self) {
        self.abandoned = true;
        self.stop().await;
        self.registry.abandon();
    }

    /// Ends the server; its entry is gone then.
    pub(super) async fn close(&mut self) -> Result<()> {
        self.stop().await;
        if self.abandoned { Ok(()) } else { self.registry.close().await }
    }

    async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
            // It ends at its next await, and must not find the session closed before.
            let _ = running.await;
        }
    }
}

/// Writes the server's entry, owned by its present session.
async fn report(registry: &Registry, address: SocketAddr, figures: &mut Figures) -> Result<()> {
    let report = serde_json::to_vec(&figures.report())
        .map_err(|error| Error::new(ErrorKind::Other, "the report can't be written").with_cause(&error))?;
    registry.put(&format!("{WORKERS}/{address}"), report).ephemeral().await?;
    Ok(())
}

/// Reports every second, and at once when a session is there again after one was lost.
async fn keep_reporting(registry: &Registry, address: SocketAddr, figures: &mut Figures) -> Result<()> {
    let mut states = registry.session().states();
    let mut clock = interval(REPORT_EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        tokio::select! {
            _ = clock.tick() => {}
            state = states.next() => match state {
                Some(SessionState::Connected) => {}
                Some(_) => continue,
                None => return Err(closed()),
            },
        }
        let reported = report(registry, address, figures).await;
        match &reported {
            // It is told once, not every second.
            Err(error) if !failing => tracing::warn!(%address, %error, "can't report, tries on"),
            Ok(()) if failing => tracing::info!(%address, "reports again"),
            _ => {}
        }
        failing = reported.is_err();
    }
}

/// Tells of the session's states, also while a report waits for an answer.
async fn tell_states(registry: &Registry, number: usize, tell: &Sender<(usize, Told)>) -> Result<()> {
    let mut states = registry.session().states();
    while let Some(state) = states.next().await {
        if tell.send((number, Told::Session(state))).await.is_err() {
            return Ok(());
        }
    }
    Err(closed())
}

/// Tells of everyone who comes, reports or goes.
async fn watch(registry: &Registry, number: usize, tell: &Sender<(usize, Told)>) -> Result<()> {
    let mut watch = registry.watch(WORKERS, Scope::Children).await?;
    while let Some(event) = watch.next().await {
        if tell.send((number, Told::Event(event?))).await.is_err() {
            return Ok(());
        }
    }
    Err(closed())
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the session was closed")
}
