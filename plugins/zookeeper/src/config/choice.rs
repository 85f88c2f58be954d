//! Choosing a server: by a word that is put to one after the other, until one answers.

use std::time::Duration;

use registry_plugin::{Opening, race::race};
use tokio::time::timeout;
use zookeeper_client::Error as ZkError;

use super::Dial;
use crate::four_letter_word;

/// How long a server may take to answer a word. One that takes longer is tried after the others, as it may not know
/// such words.
const LONGEST_WORD: Duration = Duration::from_secs(1);

/// What is told of a server that doesn't answer.
const SILENT: &str = "takes connections and stays silent";

/// Why a server is not to be preferred.
#[derive(PartialEq, Eq)]
enum Mute {
    /// It said nothing, which says little of it.
    Silent(usize),
    /// It can't be connected to, or serves nobody.
    Refuses,
}

/// Tries of servers, and what they have come to.
pub(super) struct Tries<'d> {
    pub(super) dial: &'d Dial,
    /// How long one server may take.
    pub(super) within: Duration,
    /// The server that is tried last.
    pub(super) last: Option<usize>,
    /// The server that is not tried.
    pub(super) without: Option<usize>,
    /// Who is told of each.
    pub(super) opening: Option<&'d Opening>,
}

impl<'d> Tries<'d> {
    pub(super) fn new(dial: &'d Dial) -> Self {
        Tries { dial, within: dial.connection_timeout, last: None, without: None, opening: None }
    }

    /// Tries every server but `without` once, until one of the attempts succeeds.
    ///
    /// # Behavior
    ///
    /// They are tried in any order, `last` last. An attempt may open a session on the server, and is made on one server
    /// at a time: first on those that answer a word of four letters, which leaves nothing behind, while others are
    /// silent.
    ///
    /// # Errors
    ///
    /// `Timeout` if one of them said nothing, else that of the last attempt; `SessionExpired` and `AuthFailed` at once.
    pub(super) async fn first<T, F>(self, attempt: impl Fn(usize, String) -> F) -> Result<T, ZkError>
    where
        F: Future<Output = Result<T, ZkError>>,
    {
        let mut left: Vec<usize> = (0..self.dial.servers.len()).collect();
        left.retain(|&server| self.without != Some(server));
        fastrand::shuffle(&mut left);
        left.sort_by_key(|&server| self.last == Some(server));
        let mut failed = ZkError::NoHosts;
        // There is nothing to choose from one.
        let mut choosing = left.len() > 1;
        while let [next, ..] = *left {
            let server = if choosing {
                match race(left.clone().into_iter().map(|server| self.speaks(server))).await {
                    Ok(server) => server,
                    Err(mute) => {
                        left.retain(|&server| mute.contains(&Mute::Silent(server)));
                        choosing = false;
                        continue;
                    }
                }
            } else {
                next
            };
            left.retain(|&other| other != server);
            let address = self.dial.servers[server].to_string();
            self.trying(server);
            match timeout(self.within, attempt(server, address)).await {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(error @ (ZkError::SessionExpired | ZkError::AuthFailed))) => return Err(error),
                Ok(Err(error)) => {
                    self.explain(server).await;
                    // Silence counts for more than a refusal.
                    failed = if failed == ZkError::Timeout { failed } else { error };
                }
                Err(_) => {
                    self.failed(server, SILENT);
                    failed = ZkError::Timeout;
                }
            }
        }
        Err(failed)
    }

    /// Whether another server answers a word sooner than this one, which is asked before the others.
    pub(super) async fn outrun(self, server: usize) -> bool {
        let mut servers: Vec<usize> = (0..self.dial.servers.len()).collect();
        fastrand::shuffle(&mut servers);
        servers.sort_by_key(|&other| other != server);
        race(servers.into_iter().map(|server| self.speaks(server))).await.is_ok_and(|first| first != server)
    }

    /// Sees whether a server says anything at all; what that means, an attempt finds out.
    async fn speaks(&self, server: usize) -> Result<usize, Mute> {
        self.trying(server);
        let asked = four_letter_word::speaks(self.dial, &self.dial.servers[server]);
        match timeout(self.within.min(LONGEST_WORD), asked).await {
            Ok(Ok(())) => Ok(server),
            Ok(Err(error)) => {
                self.failed(server, &error.to_string());
                Err(Mute::Refuses)
            }
            Err(_) => Err(Mute::Silent(server)),
        }
    }

    /// Tells why a server gave no session: the client doesn't say whether it was there at all.
    async fn explain(&self, server: usize) {
        if self.opening.is_none() {
            return;
        }
        match timeout(LONGEST_WORD, four_letter_word::connect(&self.dial.servers[server])).await {
            Ok(Err(error)) => self.failed(server, &error.to_string()),
            _ => self.failed(server, "takes connections and gives no session"),
        }
    }

    fn trying(&self, server: usize) {
        if let Some(opening) = self.opening {
            opening.trying(&self.dial.servers[server]);
        }
    }

    fn failed(&self, server: usize, why: &str) {
        if let Some(opening) = self.opening {
            opening.failed(&self.dial.servers[server], why);
        }
    }
}
