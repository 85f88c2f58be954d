use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use crate::disk::Disk;
use crate::port::Port;
use crate::process::Process;
use crate::{Error, Result, health, signals};

/// One server of an [`Etcd`](crate::Etcd) or a [`ZooKeeper`](crate::ZooKeeper).
pub struct Member {
    number: usize,
    process: Arc<Process>,
    address: SocketAddr,
    endpoint: String,
    is_ready: Probe,
    disk: Option<Disk>,
    _ports: Vec<Port>,
}

/// Whether a server can be used; it must have its own deadline.
pub(crate) type Probe = Box<dyn Fn() -> bool + Send + Sync>;

impl Member {
    /// The member of this number that listens for clients at `address`, by which they know it as `endpoint`, and keeps
    /// `ports` to itself.
    pub(crate) fn new(
        number: usize,
        process: Process,
        address: SocketAddr,
        endpoint: String,
        is_ready: Probe,
        disk: Option<Disk>,
        ports: Vec<Port>,
    ) -> Self {
        Self { number, process: Arc::new(process), address, endpoint, is_ready, disk, _ports: ports }
    }

    /// Its place among the members, from 0; it keeps it.
    pub fn number(&self) -> usize {
        self.number
    }

    /// What a client is told to find the member: etcd's is `http://127.0.0.1:PORT`, or `https` with TLS, ZooKeeper's
    /// `127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    /// Where the member listens for clients.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process's id; none once it was killed or terminated.
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// The file that the server logs to.
    pub fn log(&self) -> &Path {
        self.process.log()
    }

    /// Kills the member with SIGKILL. Ports and data stay for [`restart`](Self::restart).
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Ends the member with SIGTERM, in good order, and waits until it has ended. Ports and data stay for
    /// [`restart`](Self::restart).
    ///
    /// # Errors
    /// If it does not run, or has not ended after a minute, as one that is [stopped](Self::stop) won't.
    pub fn terminate(&self) -> Result<()> {
        self.process.terminate()
    }

    /// Stops the member with SIGSTOP, and waits until it stands still: it keeps its connections and answers nothing.
    ///
    /// # Errors
    /// If it was killed.
    pub fn stop(&self) -> Result<()> {
        self.process.signal(signals::stop)
    }

    /// Lets the member go on with SIGCONT.
    ///
    /// # Errors
    /// If it was killed.
    pub fn cont(&self) -> Result<()> {
        self.process.signal(signals::cont)
    }

    /// Starts the member again on the same ports and data, and waits until it is ready; one that runs is killed first.
    ///
    /// # Errors
    /// If it ends by itself, or is not ready in time: in a cluster it takes a quorum.
    pub fn restart(&self) -> Result<()> {
        self.spawn()?;
        self.wait_until_ready()
    }

    /// Leaves no room on the member's disk. The server runs on until it needs some.
    ///
    /// # Errors
    /// If it has no [disk](crate::etcd::Builder::disk) of its own.
    pub fn fill_disk(&self) -> Result<()> {
        self.disk()?.fill()
    }

    /// Makes the room again that there was before the member's disk was [filled](Self::fill_disk).
    ///
    /// # Errors
    /// If it was not filled.
    pub fn make_room(&self) -> Result<()> {
        self.disk()?.make_room()
    }

    fn disk(&self) -> Result<&Disk> {
        self.disk.as_ref().ok_or_else(|| Error::new("ask for the members' disks with `Builder::disk`"))
    }

    pub(crate) fn process(&self) -> Arc<Process> {
        Arc::clone(&self.process)
    }

    pub(crate) fn spawn(&self) -> Result<()> {
        self.process.start()
    }

    pub(crate) fn wait_until_ready(&self) -> Result<()> {
        let ready = || {
            self.process.check_running()?;
            Ok((self.is_ready)())
        };
        health::wait_until(ready, || self.process.log_end())
    }
}
