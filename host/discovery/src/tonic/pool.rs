//! The providers of a service, each with its connection, and the rules by which they are called.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::sync::watch;

use super::link::Link;
use crate::{
    Service, ServiceUrl,
    choice::{Candidate, Chooser, Policy, in_zone, sticky, weight},
    rules::{Call, Provider, Rules},
};

/// The calls for which is remembered who may be called. When there are more, all are forgotten.
const REMEMBERED: usize = 256;

/// Who can be called, and by which rules.
pub(super) struct Pool {
    service: Service,
    consumer: ServiceUrl,
    zone: Option<String>,
    is_sticky: bool,
    current: RwLock<Arc<Current>>,
    memory: Mutex<Memory>,
    news: watch::Sender<()>,
}

/// The providers at one time.
#[derive(Default)]
struct Current {
    members: Vec<Member>,
    rules: Rules,
    /// Who may be called, by the call.
    routes: Mutex<HashMap<Call, Arc<[usize]>>>,
}

#[derive(Clone)]
struct Member {
    provider: Provider,
    link: Arc<Link>,
}

struct Memory {
    chooser: Chooser,
    /// Who was chosen last.
    last: String,
}

/// Why nobody can be called now.
pub(super) enum Nobody {
    /// None is there, or none may be called; waiting is no use.
    Never(String),
    /// The first connections are just being made.
    Yet(String),
}

impl Pool {
    pub(super) fn of(
        service: Service,
        consumer: ServiceUrl,
        policy: Policy,
        zone: Option<String>,
        is_sticky: bool,
    ) -> Self {
        let memory = Memory { chooser: Chooser::new(policy), last: String::new() };
        Pool {
            service,
            consumer,
            zone,
            is_sticky,
            current: RwLock::default(),
            memory: Mutex::new(memory),
            news: watch::Sender::new(()),
        }
    }

    /// Is told whenever somebody else can be called.
    pub(super) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// Takes these providers and rules from now on. Connections to those that stay are kept.
    pub(super) fn set(&self, providers: &[Arc<ServiceUrl>], rules: Rules) {
        let before = self.current();
        let links: HashMap<&str, &Arc<Link>> =
            before.members.iter().map(|member| (member.link.address(), &member.link)).collect();
        let mut made: HashMap<String, Arc<Link>> = HashMap::new();
        let mut members = Vec::with_capacity(providers.len());
        for url in providers {
            let provider = rules.configure(url, &self.consumer);
            if !provider.url.is_enabled() || !is_spoken(&provider.url) {
                continue;
            }
            let address = provider.url.address();
            let link = match links.get(address.as_str()) {
                Some(link) => Arc::clone(link),
                None => {
                    let link = || Arc::new(Link::to(&address, self.news.clone()));
                    Arc::clone(made.entry(address.clone()).or_insert_with(link))
                }
            };
            members.push(Member { provider, link });
        }
        let current = Current { members, rules, routes: Mutex::default() };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(current);
        self.news.send_replace(());
    }

    /// Chooses who gets a call; `key` is what consistent hashing goes by.
    pub(super) fn choose(&self, call: &Call, key: &str) -> Result<(Arc<Link>, Arc<ServiceUrl>), Nobody> {
        let current = self.current();
        let routes = current.routes(call, &self.consumer, self.zone.as_deref());
        let members = routes.iter().filter_map(|at| current.members.get(*at));
        let connected: Vec<_> = members.clone().filter(|member| member.link.is_connected()).collect();
        if connected.is_empty() {
            return Err(self.nobody(&current, members));
        }
        let now = now();
        let candidates: Vec<_> = connected.iter().map(|member| member.candidate(now)).collect();
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let stays = self.is_sticky.then(|| sticky(&candidates, &memory.last)).flatten();
        let chosen = stays.or_else(|| memory.chooser.choose(&candidates, key, fastrand::f64())).unwrap_or_default();
        let chosen = connected[chosen];
        if self.is_sticky && memory.last != chosen.link.address() {
            chosen.link.address().clone_into(&mut memory.last);
        }
        Ok((Arc::clone(&chosen.link), Arc::clone(&chosen.provider.url)))
    }

    /// Every connection: its address, and why there is none.
    pub(super) fn links(&self) -> Vec<(String, bool)> {
        let links = |member: &Member| (member.link.address().to_owned(), member.link.is_connected());
        self.current().members.iter().map(links).collect()
    }

    fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn nobody<'a>(&self, current: &Current, routed: impl Iterator<Item = &'a Member> + Clone) -> Nobody {
        let service = &self.service;
        let Some(first) = routed.clone().next() else {
            let count = current.members.len();
            return Nobody::Never(match count {
                0 => format!("no provider of {service} is registered"),
                _ => format!("the rules leave none of the {count} providers of {service} for this call"),
            });
        };
        let count = routed.clone().count();
        if let Some(new) = routed.clone().find(|member| member.link.failure().is_none()) {
            return Nobody::Yet(format!("the provider {} of {service} is being connected to", new.link.address()));
        }
        let (address, failure) = (first.link.address(), first.link.failure().unwrap_or_default());
        Nobody::Never(format!("none of the {count} providers of {service} can be reached; {address}: {failure}"))
    }
}

impl Member {
    fn candidate(&self, now: u64) -> Candidate<'_> {
        Candidate {
            key: self.link.address(),
            weight: weight(&self.provider.url, self.provider.weight, now),
            active: self.link.active(),
            response: self.link.response(),
        }
    }
}

impl Current {
    /// Who may get a call, of all that are there.
    fn routes(&self, call: &Call, consumer: &ServiceUrl, zone: Option<&str>) -> Arc<[usize]> {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = routes.get(call) {
            return Arc::clone(known);
        }
        let providers: Vec<_> = self.members.iter().map(|member| &*member.provider.url).collect();
        let routed = self.rules.route(&providers, consumer, call);
        let near = match zone {
            Some(zone) => in_zone(&routed, |at| providers[at].parameter("zone") == Some(zone)),
            None => routed,
        };
        let near: Arc<[usize]> = near.into();
        if routes.len() >= REMEMBERED {
            routes.clear();
        }
        routes.insert(call.clone(), Arc::clone(&near));
        near
    }
}

/// Whether it is called by gRPC over HTTP/2: Triple is that.
fn is_spoken(url: &ServiceUrl) -> bool {
    matches!(url.protocol.as_str(), "tri" | "grpc") && url.port.is_some()
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
