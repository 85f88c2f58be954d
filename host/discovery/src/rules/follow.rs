//! The rules of a service as they stand in the config centre, followed.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use registry_host::{Entry, Error, Mirror, Scope};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::{Conditions, Override, RuleError, Rules, Tags};
use crate::{DEFAULT_GROUP, Discovery, RuleKind, Service, ServiceUrl};

/// The rules of one service, each read whenever it changes.
pub(crate) struct RuleBook {
    discovery: Discovery,
    news: watch::Sender<()>,
    /// In the order in which they are applied.
    rules: Vec<Arc<Rule>>,
    /// By the application of the providers.
    tags: BTreeMap<String, Arc<Rule>>,
    watching: Vec<AbortOnDropHandle<()>>,
}

/// One key.
struct Rule {
    key: String,
    kind: Kind,
    news: watch::Sender<()>,
    read: Mutex<Read>,
}

#[derive(Default)]
struct Read {
    /// Whether it is known what stands there.
    is_known: bool,
    rules: Rules,
}

enum Kind {
    Conditions,
    Overrides,
    /// Of this application's providers.
    Tags(String),
}

impl RuleBook {
    /// Follows the rules for a service and for the application that calls it.
    pub(crate) fn follow(discovery: &Discovery, service: &Service, application: Option<&str>) -> Self {
        let mut book = RuleBook {
            discovery: discovery.clone(),
            news: watch::Sender::new(()),
            rules: Vec::new(),
            tags: BTreeMap::new(),
            watching: Vec::new(),
        };
        let (overrides, conditions) = (RuleKind::Configurators, RuleKind::ConditionRouter);
        // What is said of the service takes precedence over what is said of the application.
        if let Some(application) = application {
            book.add(overrides.of_application(application), Kind::Overrides);
            book.add(conditions.of_application(application), Kind::Conditions);
        }
        book.add(overrides.of_service(service), Kind::Overrides);
        book.add(conditions.of_service(service), Kind::Conditions);
        book
    }

    /// Told whenever rules change.
    pub(crate) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// Follows the tags of these providers' applications, too.
    pub(crate) fn include(&mut self, providers: &[Arc<ServiceUrl>]) {
        let mut named: Vec<_> = providers.iter().filter_map(|url| url.application()).collect();
        named.sort_unstable();
        named.dedup();
        for application in named {
            if self.tags.contains_key(application) {
                continue;
            }
            let name = RuleKind::TagRouter.of_application(application);
            if let Some(rule) = self.watch(&name, Kind::Tags(application.to_owned())) {
                self.tags.insert(application.to_owned(), rule);
            }
        }
    }

    /// Whether it is known of all what they say.
    pub(crate) fn is_known(&self) -> bool {
        self.all().all(|rule| rule.lock().is_known)
    }

    /// All of them, after what older versions of Dubbo override.
    pub(crate) fn rules(&self, old: &[Arc<ServiceUrl>]) -> Rules {
        let mut rules = Rules::default();
        for url in old {
            match Override::of_url(url) {
                Ok(found) => rules.overrides.extend(found),
                Err(error) => tracing::warn!(url = %url, %error, "this override can't be used, and is passed over"),
            }
        }
        for rule in self.all() {
            let read = rule.lock();
            rules.overrides.extend(read.rules.overrides.iter().cloned());
            rules.conditions.extend(read.rules.conditions.iter().cloned());
            rules.tags.extend(read.rules.tags.iter().cloned());
        }
        rules
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.rules.iter().chain(self.tags.values())
    }

    fn add(&mut self, name: String, kind: Kind) {
        let rule = self.watch(&name, kind);
        self.rules.extend(rule);
    }

    fn watch(&mut self, name: &str, kind: Kind) -> Option<Arc<Rule>> {
        // An application's name may hold what a key may not: nobody can have written a rule for it.
        let key = self.discovery.config_centre().key(DEFAULT_GROUP, name).ok()?;
        let rule = Arc::new(Rule { key: key.clone(), kind, news: self.news.clone(), read: Mutex::default() });
        let registry = self.discovery.registry();
        self.watching.push(registry.mirror("following a rule", key, Scope::Node, Arc::clone(&rule)));
        Some(rule)
    }
}

impl Rule {
    fn lock(&self) -> std::sync::MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn parse(&self, text: &str) -> Result<Rules, RuleError> {
        let mut rules = Rules::default();
        if text.trim().is_empty() {
            return Ok(rules);
        }
        match &self.kind {
            Kind::Conditions => rules.conditions.push(Conditions::parse(text)?),
            Kind::Overrides => rules.overrides = Override::parse(text)?,
            Kind::Tags(application) => rules.tags.push(Tags::parse(application, text)?),
        }
        Ok(rules)
    }
}

impl Mirror for Rule {
    fn put(&self, entry: &Entry) {
        let text = String::from_utf8_lossy(&entry.value);
        match self.parse(&text) {
            Ok(rules) => {
                tracing::info!(key = self.key, "this rule is used from now on");
                self.lock().rules = rules;
            }
            Err(error) => {
                tracing::warn!(key = self.key, %error, "this rule can't be used; what it said before stays in force");
            }
        }
    }

    fn remove(&self, _key: &str) {
        self.lock().rules = Rules::default();
    }

    fn keys(&self) -> Vec<String> {
        let is_empty = self.lock().rules == Rules::default();
        if is_empty { Vec::new() } else { vec![self.key.clone()] }
    }

    fn synced(&self) {
        self.lock().is_known = true;
        self.news.send_replace(());
    }

    fn settled(&self) {
        self.news.send_replace(());
    }

    fn broken(&self, _error: Error, _pause: std::time::Duration) {
        // Calls don't wait for a rule that can't be read.
        self.lock().is_known = true;
        self.news.send_replace(());
    }

    fn end(&self) {
        self.lock().is_known = true;
        self.news.send_replace(());
    }
}
