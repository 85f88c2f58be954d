use super::ZooKeeper;
use super::install::Install;
use super::server::{self, Ensemble, Ports};
use crate::{Result, port, scratch};

/// A ZooKeeper still to be started.
#[must_use = "nothing runs before `start`"]
pub struct Builder {
    members: usize,
    settings: Vec<String>,
    properties: Vec<String>,
}

impl Default for Builder {
    fn default() -> Self {
        Self { members: 1, settings: Vec::new(), properties: Vec::new() }
    }
}

impl Builder {
    /// An ensemble of so many servers.
    pub fn members(mut self, count: usize) -> Self {
        self.members = count.max(1);
        self
    }

    /// One more line for `zoo.cfg`, such as `maxSessionTimeout=60000`; it goes before what stands there already.
    pub fn setting(mut self, line: impl Into<String>) -> Self {
        self.settings.push(line.into());
        self
    }

    /// One more system property for Java, such as `jute.maxbuffer=65536`.
    pub fn property(mut self, property: impl Into<String>) -> Self {
        self.properties.push(property.into());
        self
    }

    /// Starts all of it and waits until it is ready.
    ///
    /// # Errors
    /// As [`ZooKeeper::start`].
    pub fn start(self) -> Result<ZooKeeper> {
        let install = Install::find()?;
        port::retried(|| self.start_servers(&install))
    }

    fn start_servers(&self, install: &Install) -> Result<ZooKeeper> {
        let folder = scratch::folder("zookeeper")?;
        let ports: Vec<Ports> = (0..self.members).map(|_| Ports::take()).collect::<Result<_>>()?;
        let words = ports.iter().map(Ports::words).collect();
        let mut servers: Vec<String> = ports.iter().enumerate().map(|(index, ports)| ports.server(index)).collect();
        if servers.len() == 1 {
            servers.clear();
        }
        let ensemble = Ensemble {
            install,
            folder: folder.path(),
            servers: &servers,
            settings: &self.settings,
            properties: &self.properties,
        };
        let members = ports.into_iter().enumerate().map(|(index, ports)| server::member(index, ports, &ensemble));
        let members = members.collect::<Result<_>>()?;
        let zookeeper = ZooKeeper { members, words, _folder: folder };
        zookeeper.start_members()?;
        Ok(zookeeper)
    }
}
