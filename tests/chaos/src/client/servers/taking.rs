//! What a master does for a server that is gone.

use std::error;

use registry_chaos::history::Event;
use registry_cluster::{Departed, TakeOver};
use registry_host::{Guard, Registry};

use super::name;
use crate::client::log::Log;

/// Takes over by one fenced write.
pub(super) struct Taking {
    pub(super) registry: Registry,
    pub(super) log: Log,
}

impl TakeOver for Taking {
    async fn take_over(&self, departed: &Departed, guard: &Guard) -> Result<(), Box<dyn error::Error + Send + Sync>> {
        let (server, token) = (name(departed.role, &departed.address, departed.incarnation), guard.token().get());
        self.log.tell(Event::TakesOver { server: server.clone(), token });
        let key = format!("/taken-over/{server}");
        let mut telling = Telling { log: &self.log, server, token, done: false };
        self.registry.txn().check_held(guard).put(&key, token.to_string()).commit().await?;
        telling.done = true;
        Ok(())
    }
}

/// Tells how a take-over has ended, also if its future is dropped.
struct Telling<'a> {
    log: &'a Log,
    server: String,
    token: u64,
    done: bool,
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        let server = std::mem::take(&mut self.server);
        self.log.tell(Event::TookOver { server, token: self.token, done: self.done });
    }
}
