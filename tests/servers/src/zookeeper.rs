//! ZooKeeper: one server or an ensemble.

mod builder;
mod four_letter_word;
mod install;
mod security;
mod server;

use std::net::SocketAddr;
use std::sync::LazyLock;

use tempfile::TempDir;

pub use builder::Builder;
use zookeeper_client::Client;

use self::security::Security;
use crate::{Certificates, Error, Member, PeerNetwork, Result, leader, scratch};

/// A running ZooKeeper of one server or more; dropping it ends them and removes their data.
///
/// The program is `$JAVA_BIN`, else `java` on the `PATH`, with the classes of `$ZOOKEEPER_CLASSPATH`, else of Debian's
/// package. What Java would read from the environment besides is taken away.
pub struct ZooKeeper {
    members: Vec<Member>,
    network: Option<PeerNetwork>,
    /// Where each member answers its four-letter words.
    words: Vec<SocketAddr>,
    security: Security,
    // After the members: they end before their data goes.
    folder: TempDir,
}

impl ZooKeeper {
    /// Starts one server in plain text and without users.
    ///
    /// # Errors
    /// If ZooKeeper is not installed, ends by itself or is not ready in time, with the end of its log.
    pub fn start() -> Result<Self> {
        Self::builder().start()
    }

    /// A ZooKeeper with TLS, a user or several servers.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The one server, as [`ZooKeeper::start`] gives it, that all tests of this process share; it ends with the
    /// process.
    ///
    /// Tests that break it or count what is on it need their own.
    ///
    /// # Errors
    /// As [`ZooKeeper::start`], at every call once it failed.
    pub fn shared() -> Result<&'static Self> {
        static SHARED: LazyLock<Result<ZooKeeper>> = LazyLock::new(ZooKeeper::start);
        SHARED.as_ref().map_err(|error| Error::new(error.to_string()))
    }

    /// The first member's host and port, `127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        self.members[0].endpoint()
    }

    /// Every member's host and port.
    pub fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(Member::endpoint).collect()
    }

    /// The same, as clients want them: `127.0.0.1:PORT,127.0.0.1:PORT`.
    pub fn connect_string(&self) -> String {
        self.endpoints().join(",")
    }

    /// Where the first member listens, for a [`Proxy`](crate::Proxy).
    pub fn address(&self) -> SocketAddr {
        self.members[0].address()
    }

    /// The members; one unless [`Builder::members`] asked for more.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// What connects the members.
    ///
    /// # Errors
    /// If it was not [asked for](Builder::network).
    pub fn network(&self) -> Result<&PeerNetwork> {
        self.network.as_ref().ok_or_else(|| Error::new("ask for this ZooKeeper's network with `Builder::network`"))
    }

    /// The member that leads now; a server that stands alone does. Of several that say so, as one may that is cut off,
    /// it is the one last elected.
    ///
    /// # Errors
    /// If no member that answers leads.
    pub fn leader(&self) -> Result<&Member> {
        let epoch = |member: &Member| four_letter_word::led_epoch(self.words[member.number()], four_letter_word::ANY);
        leader::latest(&self.members, epoch).ok_or_else(|| Error::new("no member of this ZooKeeper leads"))
    }

    /// Waits until another member than `former` leads, and gives it.
    ///
    /// # Errors
    /// If that takes more than a minute.
    pub fn leader_after(&self, former: &Member) -> Result<&Member> {
        leader::after(former, || self.leader())
    }

    /// What TLS uses; none in plain text.
    pub fn certificates(&self) -> Option<&Certificates> {
        self.security.certificates()
    }

    /// A client with a session of its own, logged in if need be: what `etcdctl` is for etcd. It needs tokio's runtime.
    ///
    /// # Errors
    /// If no member takes it before its session would expire, after 20 s.
    pub async fn client(&self) -> Result<Client> {
        let connector = self.security.connector()?;
        let members = self.security.urls(&self.members);
        connector.connect(&members).await.map_err(Error::during(format!("connecting to {members}")))
    }

    /// Kills every member with SIGKILL. Ports and data stay for [`restart`](Self::restart).
    pub fn kill(&self) {
        self.members.iter().for_each(Member::kill);
    }

    /// Stops every member with SIGSTOP: it keeps its connections and answers nothing.
    ///
    /// # Errors
    /// If a member was killed.
    pub fn stop(&self) -> Result<()> {
        self.members.iter().try_for_each(Member::stop)
    }

    /// Lets every member go on with SIGCONT.
    ///
    /// # Errors
    /// If a member was killed.
    pub fn cont(&self) -> Result<()> {
        self.members.iter().try_for_each(Member::cont)
    }

    /// Starts every member again on the same ports and data, and waits until they are ready; what runs is killed first.
    ///
    /// # Errors
    /// As [`ZooKeeper::start`].
    pub fn restart(&self) -> Result<()> {
        // All are down before one comes up: a quorum of the old ones must not go on in between.
        self.kill();
        self.start_members()
    }

    /// Kills every member and starts them again without any data.
    ///
    /// # Errors
    /// As [`restart`](Self::restart), and if the data can't be removed.
    pub fn wipe(&self) -> Result<()> {
        self.kill();
        scratch::empty(self.folder.path())?;
        self.start_members()
    }

    /// What the first member answers to a four-letter word, such as `wchs`, `dump` or `cons`.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn ask(&self, word: &str) -> Result<String> {
        four_letter_word::ask(self.words[0], word, four_letter_word::SURELY)
            .map_err(Error::during(format!("asking ZooKeeper {word}")))
    }

    /// The server's version, such as `3.8.0`.
    ///
    /// # Errors
    /// If the first member does not answer.
    pub fn version(&self) -> Result<String> {
        let answer = self.ask("srvr")?;
        four_letter_word::version(&answer)
            .ok_or_else(|| Error::new(format!("ZooKeeper's answer is not understood: {answer}")))
    }

    fn start_members(&self) -> Result<()> {
        self.members.iter().try_for_each(Member::spawn)?;
        self.members.iter().try_for_each(Member::wait_until_ready)
    }
}
