//! etcd: one node or a cluster.

mod builder;
mod client;
mod node;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use tempfile::TempDir;

pub use builder::Builder;

use self::client::{Client, Status};
use crate::{Certificates, Error, Member, PeerNetwork, Result, leader, scratch};

/// A running etcd of one node or more; dropping it ends them and removes their data.
///
/// The program is `$ETCD_BIN`, else `etcd` on the `PATH`; its client `$ETCDCTL_BIN`, else `etcdctl`. Their other
/// settings are not taken from the environment.
pub struct Etcd {
    members: Vec<Member>,
    network: Option<PeerNetwork>,
    client: Client,
    // After the members: they end before their data goes.
    folder: TempDir,
}

/// A copy of an etcd's data.
pub struct Backup(TempDir);

impl Backup {
    fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().map_err(Error::during("running cp"))?;
        if copied.success() { Ok(()) } else { Err(Error::new(format!("cp can't copy {}", from.display()))) }
    }
}

impl Etcd {
    /// Starts one node in plain text and without users.
    ///
    /// # Errors
    /// If etcd is not installed, ends by itself or is not ready in time, with the end of its log.
    pub fn start() -> Result<Self> {
        Self::builder().start()
    }

    /// An etcd with TLS, users or several nodes.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The one node, as [`Etcd::start`] gives it, that all tests of this process share; it ends with the process.
    ///
    /// Tests that break it or count what is on it need their own.
    ///
    /// # Errors
    /// As [`Etcd::start`], at every call once it failed.
    pub fn shared() -> Result<&'static Self> {
        static SHARED: LazyLock<Result<Etcd>> = LazyLock::new(Etcd::start);
        SHARED.as_ref().map_err(|error| Error::new(error.to_string()))
    }

    /// The first member's URL, `http://127.0.0.1:PORT`, or `https` with TLS.
    pub fn endpoint(&self) -> String {
        self.members[0].endpoint()
    }

    /// Every member's URL.
    pub fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(Member::endpoint).collect()
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
        self.network.as_ref().ok_or_else(|| Error::new("ask for this etcd's network with `Builder::network`"))
    }

    /// The member that leads now: of several that say so, as one may that is cut off, the one last elected.
    ///
    /// # Errors
    /// If no member that answers leads.
    pub fn leader(&self) -> Result<&Member> {
        let term = |member: &Member| self.client.glance(&member.endpoint()).ok().as_ref().and_then(Status::led_term);
        leader::latest(&self.members, term).ok_or_else(|| Error::new("no member of this etcd leads"))
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
        self.client.certificates()
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
    /// As [`Etcd::start`].
    pub fn restart(&self) -> Result<()> {
        // All are down before one comes up: a quorum of the old ones must not go on in between.
        self.kill();
        self.start_members()
    }

    /// Kills every member, copies the data and starts them again.
    ///
    /// # Errors
    /// As [`restart`](Self::restart), and if the data can't be copied.
    pub fn backup(&self) -> Result<Backup> {
        self.kill();
        let backup = Backup(scratch::folder("backup")?);
        self.members.iter().try_for_each(|member| backup.copy(&self.data(member), backup.0.path()))?;
        self.start_members()?;
        Ok(backup)
    }

    /// Kills every member and starts them again with the data of a backup, leases and all.
    ///
    /// # Errors
    /// As [`wipe`](Self::wipe), and if the data can't be copied.
    pub fn restore(&self, backup: &Backup) -> Result<()> {
        self.remove_data()?;
        let data = |member: &Member| backup.0.path().join(node::name_of(member.number()));
        self.members.iter().try_for_each(|member| backup.copy(&data(member), self.folder.path()))?;
        self.start_members()
    }

    /// Kills every member and starts them again without any data. To its clients it is the same cluster, as its id
    /// comes from the addresses.
    ///
    /// # Errors
    /// As [`restart`](Self::restart), and if the data can't be removed.
    pub fn wipe(&self) -> Result<()> {
        self.remove_data()?;
        self.start_members()
    }

    fn remove_data(&self) -> Result<()> {
        self.kill();
        let removed = self.members.iter().try_for_each(|member| fs::remove_dir_all(self.data(member)));
        removed.map_err(Error::during("removing an etcd's data"))
    }

    fn data(&self, member: &Member) -> PathBuf {
        self.folder.path().join(node::name_of(member.number()))
    }

    /// Runs `etcdctl` against this etcd, as its administrator if it has users, and gives what it printed.
    ///
    /// # Errors
    /// If it does not succeed, with what it printed to standard error.
    pub fn etcdctl<S: AsRef<str>>(&self, arguments: impl IntoIterator<Item = S>) -> Result<String> {
        self.client.run(arguments)
    }

    /// An `etcdctl` that is set up for this etcd and still lacks its arguments, for one that runs on, as `lock` does.
    ///
    /// # Errors
    /// If it is not installed.
    pub fn etcdctl_command(&self) -> Result<Command> {
        self.client.command(&self.endpoints())
    }

    /// The newest revision.
    ///
    /// # Errors
    /// If the first member does not answer.
    pub fn revision(&self) -> Result<i64> {
        Ok(self.client.status(&self.endpoint())?.revision)
    }

    /// The server's version, such as `3.4.23`.
    ///
    /// # Errors
    /// If the first member does not answer.
    pub fn version(&self) -> Result<String> {
        Ok(self.client.status(&self.endpoint())?.version)
    }

    /// Compacts all history before the newest revision, which it gives, and waits until that is done.
    ///
    /// # Errors
    /// If the first member does not answer.
    pub fn compact(&self) -> Result<i64> {
        let revision = self.revision()?;
        self.etcdctl(["compaction", "--physical", &revision.to_string()])?;
        Ok(revision)
    }

    /// Whether etcd takes no writes since its [quota](Builder::quota) is used up.
    ///
    /// # Errors
    /// If no member answers.
    pub fn is_full(&self) -> Result<bool> {
        Ok(self.etcdctl(["alarm", "list"])?.contains("NOSPACE"))
    }

    /// Has etcd take writes again once its [quota](Builder::quota) was used up: history is compacted, every member
    /// defragmented, and the alarm cleared. What is to make the room must have been deleted before.
    ///
    /// # Errors
    /// If a member does not answer.
    pub fn make_room(&self) -> Result<()> {
        self.compact()?;
        self.etcdctl(["defrag"])?;
        self.etcdctl(["alarm", "disarm"])?;
        Ok(())
    }

    fn start_members(&self) -> Result<()> {
        self.members.iter().try_for_each(Member::spawn)?;
        self.members.iter().try_for_each(Member::wait_until_ready)
    }
}
