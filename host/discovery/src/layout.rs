//! Where what stands in the registry.

use registry_host::{Error, ErrorKind, Key, Result};

use crate::{
    ServiceUrl, UrlError,
    settings::Options,
    url::{escape, unescape},
};

/// What a URL is registered as. It is the name of the folder as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// It takes calls.
    Provider,
    /// It makes calls.
    Consumer,
    /// It is a rule about parameters, as old releases write it.
    Configurator,
    /// It is a rule about who calls whom, as old releases write it.
    Router,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 4] = [Role::Provider, Role::Consumer, Role::Configurator, Role::Router];

    /// The folder's name.
    pub fn folder(self) -> &'static str {
        match self {
            Role::Provider => "providers",
            Role::Consumer => "consumers",
            Role::Configurator => "configurators",
            Role::Router => "routers",
        }
    }

    /// The role of what has a folder of this name.
    pub fn of_folder(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.folder() == name)
    }

    /// The role that a URL says: by its parameter `category`, else by `side`, else by its protocol.
    ///
    /// # Errors
    ///
    /// Names the parameter that says none.
    pub fn of(url: &ServiceUrl) -> std::result::Result<Self, UrlError> {
        if let Some(category) = url.parameter("category") {
            return Self::of_folder(category).ok_or_else(|| {
                let accepted = "accepted: providers, consumers, configurators, routers";
                UrlError::new("category", format!("{category:?} is no role; {accepted}"))
            });
        }
        match (url.parameter("side"), &*url.protocol) {
            (Some("provider"), _) => Ok(Role::Provider),
            (Some("consumer"), _) => Ok(Role::Consumer),
            (Some(side), _) => Err(UrlError::new("side", format!("{side:?} is no role; accepted: provider, consumer"))),
            (None, "consumer") => Ok(Role::Consumer),
            (None, "override" | "absent") => Ok(Role::Configurator),
            (None, "route" | "condition" | "script" | "tag") => Ok(Role::Router),
            (None, _) => Ok(Role::Provider),
        }
    }
}

/// `provider`, `consumer` and so on.
impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.folder().trim_end_matches('s'))
    }
}

/// The keys of one discovery.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: String,
    instances: String,
    config: String,
}

impl Layout {
    pub(crate) fn new(options: &Options) -> Self {
        let [root, instances, config] =
            [&options.root, &options.instances_root, &options.config_root].map(|root| format!("/{root}"));
        Layout { root, instances, config }
    }

    /// What all interfaces stand below, and what all applications do.
    pub(crate) fn roots(&self) -> impl Iterator<Item = &str> {
        let instances = Some(&*self.instances).filter(|instances| !is_within(instances, &self.root));
        [&*self.root].into_iter().chain(instances)
    }

    /// What the config centre stands below.
    pub(crate) fn config(&self) -> &str {
        &self.config
    }

    /// The folder of an interface in a role.
    ///
    /// # Errors
    ///
    /// `InvalidKey` if no key can be made of the interface.
    pub(crate) fn folder(&self, interface: &str, role: Role) -> Result<String> {
        if interface.is_empty() {
            return Err(UrlError::new("path", "is empty; accepted: the name of an interface").into());
        }
        let folder = format!("{}/{}/{}", self.root, escape(interface), role.folder());
        check(&folder, interface)?;
        Ok(folder)
    }

    /// The key that a URL is registered at.
    ///
    /// # Errors
    ///
    /// `InvalidKey` if it can't be one, as it is too long.
    pub(crate) fn key(&self, url: &ServiceUrl, role: Role) -> Result<String> {
        let key = format!("{}/{}", self.folder(url.interface(), role)?, url.leaf()?);
        check(&key, url.interface())?;
        Ok(key)
    }

    /// What the key of an application's instance says: the application and the address.
    pub(crate) fn instance<'k>(&self, key: &'k str) -> Option<(&'k str, &'k str)> {
        let below = key.strip_prefix(&*self.instances)?.strip_prefix('/')?;
        below.split_once('/').filter(|(_, address)| !address.contains('/'))
    }

    /// What the key of a provider, a consumer or a rule says: the interface, the role, and the URL.
    pub(crate) fn place<'k>(&self, key: &'k str) -> Option<(String, Role, &'k str)> {
        if is_within(key, &self.config) {
            return None;
        }
        let below = key.strip_prefix(&*self.root)?.strip_prefix('/')?;
        let mut segments = below.splitn(3, '/');
        let (interface, role, leaf) = (segments.next()?, segments.next()?, segments.next()?);
        if leaf.contains('/') {
            return None;
        }
        Some((unescape(interface)?, Role::of_folder(role)?, leaf))
    }
}

fn is_within(key: &str, root: &str) -> bool {
    key.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn check(key: &str, interface: &str) -> Result<()> {
    match Key::new(key) {
        Ok(_) => Ok(()),
        Err(invalid) => {
            let message = format!(
                "{interface:?} can't be registered: its key of {} bytes, escaped, {}; shorten its parameters, such as \
                 methods",
                key.len(),
                invalid.reason()
            );
            Err(Error::new(ErrorKind::InvalidKey, message))
        }
    }
}
