//! The port at which a master or worker tells machines how it is.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use registry_cluster::MembershipState;
use registry_host::{Registry, Result, SessionState};
use registry_page::{Metrics, Probes};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::measuring;

/// A port that listens, and what is measured for it.
pub(crate) struct Probing {
    probes: Probes,
    metrics: Metrics,
    upkeep: AbortOnDropHandle<()>,
}

/// What goes on while the port is served.
pub(crate) type Served = (AbortOnDropHandle<()>, AbortOnDropHandle<()>);

impl Probing {
    /// Listens, and measures from now on: before the registry is opened. `None` where no port is configured.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` names the port that is taken, and the key that says it.
    pub(crate) async fn begin(section: &str, ip: IpAddr, port: Option<u16>) -> Result<Option<Self>> {
        let Some(port) = port else { return Ok(None) };
        let bound = Probes::bind(SocketAddr::new(ip, port)).await;
        let probes = bound.map_err(|error| error.or_key(format!("{section}.http-port")).with_key_in_message())?;
        let (metrics, upkeep) = measuring::start()?;
        Ok(Some(Probing { probes, metrics, upkeep }))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.probes.address()
    }

    /// Answers; `measure` is called before the figures are read.
    pub(crate) fn serve(
        self,
        registry: &Registry,
        states: watch::Receiver<MembershipState>,
        measure: impl Fn() + Send + Sync + 'static,
    ) -> Served {
        let Probing { probes, metrics, upkeep } = self;
        let session = registry.session();
        let ready = Arc::new(move || match (session.state(), &*states.borrow()) {
            (SessionState::Connected, MembershipState::Serving) => Ok(()),
            (SessionState::Connected, MembershipState::Stopped(stop)) => Err(format!("it stops: {stop}")),
            (SessionState::Connected, _) => Err("it waits for its place in the cluster".to_owned()),
            (state, _) => Err(format!("the session is {state}")),
        });
        let metrics: Metrics = Arc::new(move || {
            measure();
            metrics()
        });
        (AbortOnDropHandle::new(tokio::spawn(probes.serve(metrics, ready))), upkeep)
    }
}
