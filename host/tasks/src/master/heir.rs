//! Taking over for workers that have gone.

use std::collections::HashSet;
use std::error;
use std::sync::{Mutex, PoisonError};

use registry_cluster::{Departed, Incarnation, Role, TakeOver};
use registry_host::{Error, ErrorKind, Guard};

use super::alerts::Alerts;
use crate::record::now;
use crate::store::Store;

/// How often the records are looked through, while they change.
const TRIES: usize = 10;

/// Queues again what a worker had, or says that it is not known how it ended.
#[derive(Debug)]
pub(super) struct Heir {
    store: Store,
    alerts: Alerts,
    /// The servers that an alert was sent for: a take-over that fails is done again.
    told: Mutex<HashSet<(String, Incarnation)>>,
}

impl Heir {
    pub(super) fn new(store: Store, alerts: Alerts) -> Self {
        Heir { store, alerts, told: Mutex::default() }
    }

    fn alert(&self, departed: &Departed) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if self.alerts.are_wanted() && told.insert((departed.address.clone(), departed.incarnation)) {
            self.alerts.server(departed);
        }
    }
}

impl TakeOver for Heir {
    async fn take_over(&self, departed: &Departed, guard: &Guard) -> Result<(), Box<dyn error::Error + Send + Sync>> {
        self.alert(departed);
        if departed.role != Role::Worker {
            // A master has nothing that its records don't say.
            return Ok(());
        }
        for _ in 0..TRIES {
            let mut has_all = true;
            for stored in self.store.list().await?.into_iter().flatten() {
                let bereft = stored.record.bereft(&departed.address, departed.incarnation, now());
                let Ok(bereft) = bereft else { continue };
                let (id, state) = (bereft.id.clone(), bereft.state);
                match self.store.replace_under(bereft, stored.version, guard).await? {
                    Some(_) => tracing::info!(task = %id, %state, worker = departed.address, "the worker is gone"),
                    // Somebody was faster: a result, say. It is looked at again.
                    None => has_all = false,
                }
            }
            if has_all {
                return Ok(());
            }
        }
        let message = format!("the tasks of the worker {} are changed all the time", departed.address);
        Err(Error::new(ErrorKind::ConditionFailed, message).set_retryable(true).into())
    }
}
