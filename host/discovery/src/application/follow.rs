//! The instances that provide a service, followed.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use registry_host::{Entry, Mirror, Registry, Scope};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tokio_util::task::AbortOnDropHandle;

use super::{Instance, Metadata, Storage, asking, mapping};
use crate::{Discovery, Service, ServiceUrl};

/// How many instances are asked at once.
const AT_ONCE: usize = 16;

/// The pauses between two attempts to ask an instance: the first and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// The providers of a service by the instances of applications; `None` before they are known.
pub(crate) struct Instances {
    providers: watch::Receiver<Option<Arc<[Arc<ServiceUrl>]>>>,
    _following: AbortOnDropHandle<()>,
}

impl Instances {
    /// Follows them.
    pub(crate) fn follow(discovery: &Discovery, service: &Service) -> Self {
        let (tell, providers) = watch::channel(None);
        let following = Following {
            registry: discovery.registry().clone(),
            root: discovery.options().root.clone(),
            folder: format!("/{}", discovery.options().instances_root),
            service: service.clone(),
            news: watch::Sender::new(()),
            applications: BTreeMap::new(),
            known: HashMap::new(),
            tell,
        };
        // It ends with the receiver that stays here.
        Instances { providers, _following: AbortOnDropHandle::new(tokio::spawn(following.run())) }
    }

    /// Told whenever they change.
    pub(crate) fn providers(&self) -> watch::Receiver<Option<Arc<[Arc<ServiceUrl>]>>> {
        self.providers.clone()
    }
}

struct Following {
    registry: Registry,
    root: String,
    folder: String,
    service: Service,
    news: watch::Sender<()>,
    applications: BTreeMap<String, Followed>,
    /// By application and revision.
    known: HashMap<(String, String), Answer>,
    tell: watch::Sender<Option<Arc<[Arc<ServiceUrl>]>>>,
}

/// An application whose instances are followed, until this is dropped.
struct Followed {
    folder: Arc<Folder>,
    _watching: AbortOnDropHandle<()>,
}

/// What is known of a revision.
enum Answer {
    Known(Arc<Metadata>),
    Asking,
    /// It is asked again then, after this pause.
    Failed(Instant, Duration),
}

type Asked = ((String, String), Duration, Result<Metadata, String>);

impl Following {
    async fn run(mut self) {
        let named = Arc::new(Folder::new(mapping::key(&self.root, &self.service.interface), self.news.clone()));
        let key = named.key.clone();
        let _watching = self.registry.mirror("following a mapping", key, Scope::Node, Arc::clone(&named));
        let mut news = self.news.subscribe();
        let mut asking: JoinSet<Asked> = JoinSet::new();
        loop {
            news.mark_unchanged();
            self.follow_applications(&named);
            let instances = self.instances();
            let again = self.ask(&instances, &mut asking);
            self.tell(&named, &instances);
            tokio::select! {
                changed = news.changed() => if changed.is_err() { return },
                Some(asked) = asking.join_next() => if let Ok(asked) = asked { self.hear(asked) },
                () = sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => {}
            }
        }
    }

    /// Watches the applications that provide the service, and those alone.
    fn follow_applications(&mut self, named: &Folder) {
        let wanted: BTreeSet<String> =
            named.lock().values.values().flat_map(|value| mapping::applications(value)).collect();
        self.applications.retain(|application, _| wanted.contains(application));
        for application in wanted {
            if self.applications.contains_key(&application) || application.contains('/') {
                continue;
            }
            let folder = Arc::new(Folder::new(format!("{}/{application}", self.folder), self.news.clone()));
            let key = folder.key.clone();
            let watching = self.registry.mirror("following an application", key, Scope::Children, Arc::clone(&folder));
            self.applications.insert(application, Followed { folder, _watching: watching });
        }
    }

    /// All instances that can be read.
    fn instances(&self) -> Vec<Instance> {
        let mut all = Vec::new();
        for followed in self.applications.values() {
            for (key, value) in &followed.folder.lock().values {
                match Instance::parse(value) {
                    Ok(instance) => all.push(instance),
                    Err(error) => tracing::debug!(key, %error, "no instance of an application, passed over"),
                }
            }
        }
        all
    }

    /// Asks for what is not known yet; gives when something is to be asked again.
    fn ask(&mut self, instances: &[Instance], asking: &mut JoinSet<Asked>) -> Option<Instant> {
        let revisions: BTreeSet<_> = instances.iter().filter_map(revision_of).collect();
        self.known.retain(|revision, _| revisions.contains(revision));
        let now = Instant::now();
        let mut again: Option<Instant> = None;
        for instance in instances {
            let Some(revision) = revision_of(instance) else { continue };
            let pause = match self.known.get(&revision) {
                Some(Answer::Known(_) | Answer::Asking) => continue,
                Some(Answer::Failed(when, _)) if *when > now => {
                    again = Some(again.map_or(*when, |again| again.min(*when)));
                    continue;
                }
                Some(Answer::Failed(_, pause)) => (*pause * 2).min(PAUSES.1),
                None => PAUSES.0,
            };
            if asking.len() >= AT_ONCE {
                // One that answers makes room.
                continue;
            }
            self.known.insert(revision.clone(), Answer::Asking);
            let (registry, root, instance) = (self.registry.clone(), self.root.clone(), instance.clone());
            asking.spawn(async move { (revision, pause, asking::ask(&registry, &root, &instance).await) });
        }
        again
    }

    fn hear(&mut self, (revision, pause, answer): Asked) {
        let (application, id) = &revision;
        let answer = match answer {
            Ok(metadata) => Answer::Known(Arc::new(metadata)),
            Err(error) => {
                tracing::warn!(
                    application,
                    revision = id,
                    error,
                    ?pause,
                    "it is not known what this application \
                    provides; asks again"
                );
                Answer::Failed(Instant::now() + pause, pause)
            }
        };
        self.known.insert(revision, answer);
    }

    fn tell(&self, named: &Folder, instances: &[Instance]) {
        let mut providers = BTreeMap::new();
        let mut complete = named.lock().is_known;
        complete &= self.applications.values().all(|followed| followed.folder.lock().is_known);
        for instance in instances {
            let Some(revision) = revision_of(instance) else { continue };
            match self.known.get(&revision) {
                Some(Answer::Known(metadata)) => {
                    for url in self.provided(instance, metadata) {
                        providers.insert(url.identity(), Arc::new(url));
                    }
                }
                Some(Answer::Failed(..)) => {}
                // The first set waits for all answers.
                Some(Answer::Asking) | None => complete &= self.tell.borrow().is_some(),
            }
        }
        let providers: Arc<[Arc<ServiceUrl>]> = providers.into_values().collect();
        if complete {
            self.tell.send_if_modified(|told| {
                let differs = told.as_ref() != Some(&providers);
                *told = Some(providers);
                differs
            });
        }
    }

    fn provided(&self, instance: &Instance, metadata: &Metadata) -> Vec<ServiceUrl> {
        if instance.storage() != Storage::Foreign {
            return metadata.providers(&instance.host, &self.service);
        }
        // Its application provides the interface, as the mapping says, and it speaks these protocols.
        let spoken = instance.endpoints().into_iter().filter(|(protocol, _)| protocol == "tri");
        let url = |(protocol, port): (String, u16)| {
            let mut url = ServiceUrl::new(protocol, &instance.host, port, &self.service.interface)
                .with("application", &instance.application);
            let named = [("group", &self.service.group), ("version", &self.service.version)];
            for (name, value) in named {
                url.parameters.extend(value.clone().map(|value| (name.to_owned(), value)));
            }
            url
        };
        spoken.map(url).collect()
    }
}

fn revision_of(instance: &Instance) -> Option<(String, String)> {
    Some((instance.application.clone(), instance.revision()?.to_owned()))
}

/// What stands at a key or directly below it.
struct Folder {
    key: String,
    news: watch::Sender<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_known: bool,
    values: BTreeMap<String, Vec<u8>>,
}

impl Folder {
    fn new(key: String, news: watch::Sender<()>) -> Self {
        Folder { key, news, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn know(&self) {
        self.lock().is_known = true;
        self.news.send_replace(());
    }
}

impl Mirror for Folder {
    fn put(&self, entry: &Entry) {
        self.lock().values.insert(entry.key.clone(), entry.value.to_vec());
    }

    fn remove(&self, key: &str) {
        self.lock().values.remove(key);
    }

    fn keys(&self) -> Vec<String> {
        self.lock().values.keys().cloned().collect()
    }

    fn synced(&self) {
        self.know();
    }

    fn settled(&self) {
        self.news.send_replace(());
    }

    fn broken(&self, _error: registry_host::Error, _pause: Duration) {
        self.know();
    }

    fn end(&self) {
        self.know();
    }
}
