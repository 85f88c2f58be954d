//! What a master does for a server that is gone.

use std::{error, sync::Arc};

use registry_cluster::{Departed, TakeOver};
use registry_host::{Guard, Registry};
use registry_hosts::{End, Event, ServerId};
use tokio::sync::Semaphore;

use crate::log::tell;

/// Takes over by one fenced write.
pub(crate) struct Taking {
    /// The master.
    pub(crate) own: ServerId,
    pub(crate) registry: Registry,
    pub(crate) go_on: Option<Arc<Semaphore>>,
}

impl TakeOver for Taking {
    async fn take_over(&self, departed: &Departed, guard: &Guard) -> Result<(), Box<dyn error::Error + Send + Sync>> {
        let Departed { role, address, incarnation, restarted, .. } = departed.clone();
        let id = ServerId { role, address, incarnation };
        let token = guard.token().get();
        tell(Event::Begins { by: self.own.clone(), departed: id.clone(), restarted, token });
        let mut telling = Telling { departed: id, token, end: End::CalledOff };
        if let Some(go_on) = &self.go_on {
            go_on.acquire().await?.forget();
        }
        let ServerId { role, address, incarnation } = &telling.departed;
        let key = format!("/taken-over/{role}_{address}/{}-{}", incarnation.startup_time, incarnation.process_id);
        let written = self.registry.txn().check_held(guard).put(&key, token.to_string()).commit().await;
        telling.end = if written.is_ok() { End::Done } else { End::Refused };
        Ok(written.map(drop)?)
    }
}

/// Tells how a take-over has ended, also if its future is dropped.
struct Telling {
    departed: ServerId,
    token: u64,
    end: End,
}

impl Drop for Telling {
    fn drop(&mut self) {
        tell(Event::Ends { departed: self.departed.clone(), token: self.token, end: self.end });
    }
}
