//! Opening a channel.

use std::{future::IntoFuture, pin::Pin, sync::Arc, time::Duration};

use registry_host::Result;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::{Channel, address::own_address, pool::Pool};
use crate::{
    Discovery, Registration, Role, Service, ServiceSet, ServiceUrl, Subscription, application::Instances,
    choice::Policy, rules::RuleBook,
};

/// How long the registry has to tell who is there, before calls are made with what is known.
const KNOWING: Duration = Duration::from_secs(5);

/// Where providers are looked for, and registered: by interface, as all versions of Dubbo have it, or by application,
/// as it is since version 3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Level {
    /// By interface.
    Interface,
    /// By application.
    Application,
    /// By both; who is found by both is one.
    #[default]
    Both,
}

impl Level {
    pub(super) fn by_interface(self) -> bool {
        self != Level::Application
    }

    pub(super) fn by_application(self) -> bool {
        self != Level::Interface
    }
}

/// A channel that is being opened: see [`channel`].
#[must_use = "it is opened when it is awaited"]
#[derive(Clone, Debug)]
pub struct Opening {
    discovery: Discovery,
    service: Service,
    application: Option<String>,
    policy: Policy,
    level: Level,
    zone: Option<String>,
    is_sticky: bool,
}

/// Opens a channel to the providers of a service, which are followed from then on, as are the
/// [rules](crate::rules) for it.
///
/// ```no_run
/// # async fn example(discovery: registry_discovery::Discovery) -> registry_host::Result<()> {
/// use registry_discovery::{Service, choice::Policy, tonic};
///
/// let service = Service::new("demo.EchoService");
/// let channel = tonic::channel(&discovery, service).policy(Policy::LeastActive).application("shop").await?;
/// # Ok(())
/// # }
/// ```
///
/// # Behavior
///
/// It is open once the registry has told who is there, which may be nobody, or after 5 s without an answer. It
/// registers a consumer, which goes with the channel. Providers that are called are those of the protocols `tri` and
/// `grpc`.
///
/// # Errors
///
/// `InvalidKey` if the interface can't be one. That the consumer can't be registered is none: that is logged.
pub fn channel(discovery: &Discovery, service: Service) -> Opening {
    Opening {
        discovery: discovery.clone(),
        service,
        application: None,
        policy: Policy::default(),
        level: Level::default(),
        zone: None,
        is_sticky: false,
    }
}

impl Opening {
    /// The name of this consumer's application, which rules go by.
    pub fn application(mut self, name: impl Into<String>) -> Self {
        self.application = Some(name.into());
        self
    }

    /// How a provider is chosen; by chance if nothing is said.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Where providers are looked for.
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Prefers providers whose parameter `zone` is this one, as long as one of them is registered.
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = Some(zone.into());
        self
    }

    /// Stays with the provider that was called last, as long as it can be called.
    pub fn sticky(mut self) -> Self {
        self.is_sticky = true;
        self
    }

    async fn open(self) -> Result<Channel> {
        let consumer = self.consumer();
        let followed = Followed {
            by_interface: match self.level.by_interface() {
                true => Some(self.discovery.subscribe(&self.service).await?),
                false => None,
            },
            by_application: self.level.by_application().then(|| Instances::follow(&self.discovery, &self.service)),
            old_rules: self.discovery.subscribe_to(Role::Configurator, &any(&self.service)).await?,
            rules: RuleBook::follow(&self.discovery, &self.service, self.application.as_deref()),
        };
        let registration = match self.discovery.register(consumer.clone()).await {
            Ok(registration) => Some(registration),
            Err(error) => {
                tracing::warn!(service = %self.service, %error, "this consumer is not registered; it calls all the same");
                None
            }
        };
        let pool = Pool::of(self.service, consumer, self.policy, self.zone, self.is_sticky);
        let pool = Arc::new(pool);
        let (opened, open) = tokio::sync::oneshot::channel();
        let following = tokio::spawn(followed.run(Arc::clone(&pool), registration, opened));
        // Whatever becomes of it: calls are answered with what is known.
        let _ = open.await;
        Ok(Channel::of(pool, AbortOnDropHandle::new(following)))
    }

    fn consumer(&self) -> ServiceUrl {
        let Service { interface, group, version } = &self.service;
        let mut url = ServiceUrl::new("consumer", own_address().to_string(), None, interface)
            .with("category", "consumers")
            .with("interface", interface)
            .with("side", "consumer")
            .with("pid", std::process::id().to_string())
            .with("timestamp", super::serve::now().to_string());
        for (name, value) in [("application", &self.application), ("group", group), ("version", version)] {
            url.parameters.extend(value.clone().map(|value| (name.to_owned(), value)));
        }
        url
    }
}

impl IntoFuture for Opening {
    type Output = Result<Channel>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Channel>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.open())
    }
}

/// Rules as older versions have them name neither group nor version.
fn any(service: &Service) -> Service {
    Service::new(&service.interface).in_group("*").of_version("*")
}

/// What a channel follows.
struct Followed {
    by_interface: Option<Subscription>,
    by_application: Option<Instances>,
    old_rules: Subscription,
    rules: RuleBook,
}

impl Followed {
    /// Keeps the pool as the registry says, until the discovery is closed or the channel is dropped.
    async fn run(
        mut self,
        pool: Arc<Pool>,
        _registration: Option<Registration>,
        opened: tokio::sync::oneshot::Sender<()>,
    ) {
        let mut opened = Some(opened);
        let until = Instant::now() + KNOWING;
        let mut instances = self.by_application.as_ref().map(Instances::providers);
        let mut rules = self.rules.news();
        let (mut by_interface, mut old) = (None, None);
        loop {
            let found = instances.as_mut().map(|instances| instances.borrow_and_update().clone());
            rules.mark_unchanged();
            let is_known = (self.by_interface.is_none() || by_interface.is_some())
                && !matches!(found, Some(None))
                && old.is_some()
                && self.rules.is_known();
            if is_known || opened.is_none() || Instant::now() >= until {
                let providers = union(by_interface.as_deref(), found.flatten().as_deref());
                self.rules.include(&providers);
                let old = old.as_deref().map(ServiceSet::urls).unwrap_or_default();
                pool.set(&providers, self.rules.rules(old));
                // Tags that are read for the first time come before the first call.
                if (self.rules.is_known() || Instant::now() >= until)
                    && let Some(opened) = opened.take()
                {
                    let _ = opened.send(());
                }
            }
            let changed = async {
                tokio::select! {
                    set = next(&mut self.by_interface) => match set {
                        Some(set) => by_interface = Some(set),
                        None => return false,
                    },
                    set = self.old_rules.next_set() => match set {
                        Some(set) => old = Some(set),
                        None => return false,
                    },
                    Ok(()) = changed(&mut instances) => {}
                    Ok(()) = rules.changed() => {}
                }
                true
            };
            let goes_on = match opened {
                None => changed.await,
                Some(_) => timeout_at(until, changed).await.unwrap_or(true),
            };
            if !goes_on {
                // The discovery is closed: what was known last stays.
                return std::future::pending().await;
            }
        }
    }
}

async fn next(subscription: &mut Option<Subscription>) -> Option<Arc<ServiceSet>> {
    match subscription {
        Some(subscription) => subscription.next_set().await,
        None => std::future::pending().await,
    }
}

async fn changed<T>(receiver: &mut Option<tokio::sync::watch::Receiver<T>>) -> Result<(), ()> {
    match receiver {
        Some(receiver) => receiver.changed().await.map_err(drop),
        None => std::future::pending().await,
    }
}

/// All of both; what is known by interface says more.
fn union(by_interface: Option<&ServiceSet>, by_application: Option<&[Arc<ServiceUrl>]>) -> Vec<Arc<ServiceUrl>> {
    let mut all = by_interface.map(|set| set.urls().to_vec()).unwrap_or_default();
    let known: std::collections::HashSet<_> = all.iter().map(|url| url.identity()).collect();
    let others = by_application.unwrap_or_default().iter().filter(|url| !known.contains(&url.identity()));
    all.extend(others.cloned());
    all
}
