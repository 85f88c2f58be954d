//! What browsers are sent: each section of the page as it is now, whenever it has changed.

use std::{sync::Arc, time::Duration};

use registry_tasks::client::Client;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use crate::{board::Board, filter::Filter, render};

/// The shortest time between two states that are sent.
const PAUSE: Duration = Duration::from_millis(250);

/// How often a state is made although nothing has changed: it proves that the page lives.
const BEAT: Duration = Duration::from_secs(2);

/// A part of the page, by the id of its element.
pub(crate) type Section = (&'static str, Arc<str>);

/// The newest state of all sections. However slow a browser is, it costs no more than that.
#[derive(Default)]
pub(crate) struct Feed(watch::Sender<Arc<Vec<Section>>>);

impl Feed {
    /// Renders the sections as they change, while somebody reads them.
    pub(crate) fn fill(&self, client: Client, board: Arc<Board>) -> AbortOnDropHandle<()> {
        let sender = self.0.clone();
        AbortOnDropHandle::new(tokio::spawn(async move {
            let mut changes = board.changes();
            loop {
                if let Ok(Err(_)) = timeout(BEAT, changes.changed()).await {
                    return;
                }
                if sender.receiver_count() > 0 {
                    let sections = render::sections(client.cluster(), &board, &Filter::default());
                    sender.send_replace(Arc::new(sections));
                }
                sleep(PAUSE).await;
            }
        }))
    }

    /// Sends the states to come; slow receivers get the newest alone.
    pub(crate) fn states(&self) -> watch::Receiver<Arc<Vec<Section>>> {
        self.0.subscribe()
    }
}
