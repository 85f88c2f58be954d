use super::ZooKeeper;
use super::install::Install;
use super::security::{Login, Security};
use super::server::{self, Ensemble, Ports};
use crate::peers::Wiring;
use crate::{Member, Result, Tls, port, scratch};

/// A ZooKeeper still to be started.
#[must_use = "nothing runs before `start`"]
pub struct Builder {
    members: usize,
    tls: Option<Tls>,
    login: Option<Login>,
    settings: Vec<String>,
    properties: Vec<String>,
    network: bool,
    disk: Option<u64>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            members: 1,
            tls: None,
            login: None,
            settings: Vec::new(),
            properties: Vec::new(),
            network: false,
            disk: None,
        }
    }
}

impl Builder {
    /// An ensemble of so many servers.
    pub fn members(mut self, count: usize) -> Self {
        self.members = count.max(1);
        self
    }

    /// Clients use TLS, with [certificates](ZooKeeper::certificates) made for this ZooKeeper. Members talk in plain
    /// text.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Only this user gets in, with this password, by SASL's DIGEST-MD5. The name is a word of letters and digits.
    pub fn auth(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.login = Some(Login { user: user.into(), password: password.into() });
        self
    }

    /// Members reach each other over a [network](ZooKeeper::network) that can be broken. For that they listen to each
    /// other on all addresses of the machine.
    pub fn network(mut self) -> Self {
        self.network = true;
        self
    }

    /// Each member has a disk of its own with room for so many bytes, which can be [filled](Member::fill_disk). The
    /// process must be in a [mount namespace](crate::mount_namespace).
    pub fn disk(mut self, bytes: u64) -> Self {
        self.disk = Some(bytes);
        self
    }

    /// One more line for `zoo.cfg`, such as `maxSessionTimeout=60000`; it wins over what stands there already.
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
        let security = Security::new(self.tls, self.login.clone(), folder.path())?;
        let ports: Vec<Ports> = (0..self.members).map(|_| Ports::take(&security)).collect::<Result<_>>()?;
        let words = ports.iter().map(Ports::words).collect();
        let mut wiring = self.network.then(|| Wiring::new(self.members));
        let views = match &mut wiring {
            Some(wiring) if self.members > 1 => server::wired_views(&ports, wiring)?,
            _ => server::views(&ports),
        };
        let ensemble = Ensemble {
            install,
            folder: folder.path(),
            views: &views,
            security: &security,
            settings: &self.settings,
            properties: &self.properties,
            disk: self.disk,
        };
        let members = ports.into_iter().enumerate().map(|(index, ports)| server::member(index, ports, &ensemble));
        let members: Vec<Member> = members.collect::<Result<_>>()?;
        let processes = || members.iter().map(Member::process).collect();
        let network = wiring.map(|wiring| wiring.start(processes())).transpose()?;
        let zookeeper = ZooKeeper { members, network, words, security, folder };
        zookeeper.start_members()?;
        Ok(zookeeper)
    }
}
