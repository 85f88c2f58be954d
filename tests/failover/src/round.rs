//! One fault, while ours and theirs write.

use std::{sync::Arc, time::Duration};

use registry_interop::{Lives, Process};
use tokio::time::sleep;

use crate::{
    Failure, Wanted,
    fault::Fault,
    ours::{self, Written},
    report::Round,
    servers::Servers,
};

/// How long all is well before the fault.
const BEFORE: Duration = Duration::from_secs(2);

/// How much longer than they were told to the writers may take.
const LATE: Duration = Duration::from_secs(60);

pub(crate) async fn round(servers: &Arc<dyn Servers>, fault: Fault, wanted: &Wanted) -> Result<Round, Failure> {
    // Twice: a server that starts or goes on again is not there at once.
    let length = BEFORE + (wanted.lasts() * 2) * fault.turns(servers.as_ref());
    let registry = ours::open(&ours::settings(servers.as_ref(), wanted)).await?;
    let backend = servers.backend();
    let mut peer = match &wanted.peers {
        None => None,
        Some(built) => {
            Some(Process::start(backend.peer(), built, Lives::Minutes, &servers.addresses(), wanted.session())?)
        }
    };
    // What is made for the first time may take longer.
    ours::write(&registry, "/ours", BEFORE / 2).await;
    if let Some(peer) = &mut peer {
        peer.ask("write", &["/theirs", "1"], LATE).await?;
    }
    let theirs = async {
        match &mut peer {
            None => Ok(None),
            Some(peer) => {
                let seconds = length.as_secs().to_string();
                read(&peer.ask("write", &["/theirs", &seconds], length + LATE).await?).map(Some)
            }
        }
    };
    let faulty = async {
        sleep(BEFORE).await;
        let (servers, lasts) = (servers.clone(), wanted.lasts());
        tokio::task::spawn_blocking(move || fault.make(servers.as_ref(), lasts)).await?.map_err(Failure::from)
    };
    let (ours, theirs, faulty) = tokio::join!(ours::write(&registry, "/ours", length), theirs, faulty);
    faulty?;
    let round = Round { ours, theirs: theirs?, length };
    // What is left of a session after all this goes with it.
    let _ = registry.close().await;
    if let Some(peer) = peer {
        peer.kill().await?;
    }
    Ok(round)
}

fn read(fields: &[String]) -> Result<Written, Failure> {
    let [longest, _, failed] = fields else {
        return Err(format!("a driver answered write with {fields:?}").into());
    };
    Ok(Written { longest: Duration::from_nanos(longest.parse()?), failed: failed.parse()? })
}
