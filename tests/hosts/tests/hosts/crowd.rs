//! Fifty servers of five hosts come, go, move and are killed at random; in the end all hosts see the same.

use std::{collections::BTreeMap, env, time::Instant};

use fastrand::Rng;
use futures_util::future::join_all;
use registry_cluster::Role;
use registry_hosts::{Event, Request, ServerId};
use registry_suite::{SOON, wait_until};

use crate::support::{Host, Registered, Site, on_both};

const HOSTS: usize = 5;
const SERVERS: usize = 50;
const ROUNDS: usize = 12;
/// How many are asked for something in a round.
const AT_ONCE: usize = 12;

/// A seed to play again.
const SEED: &str = "HOSTS_SEED";

#[tokio::test]
async fn fifty_servers_that_change_at_random_are_seen_alike() {
    let seed = env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("{SEED}={seed} plays it again");
    on_both(12, async |site| {
        let mut crowd = Crowd::start(&site, Rng::with_seed(seed)).await;
        for round in 0..ROUNDS {
            if round == 2 {
                crowd.kill_one().await;
            }
            crowd.play().await;
        }
        crowd.settle().await;
    })
    .await;
}

/// Hosts, and which servers they have.
struct Crowd<'a> {
    site: &'a Site,
    rng: Rng,
    hosts: Vec<Host>,
    started: usize,
    /// The servers that are there, by their numbers: the host's number, the server, its groups.
    there: BTreeMap<usize, (usize, Registered, Vec<String>)>,
    /// Who has left in order, and nobody is to take over for.
    left: Vec<ServerId>,
    /// Those that are gone in another way.
    gone: Vec<ServerId>,
}

impl<'a> Crowd<'a> {
    async fn start(site: &'a Site, rng: Rng) -> Self {
        let mut crowd = Crowd {
            site,
            rng,
            hosts: Vec::new(),
            started: 0,
            there: BTreeMap::new(),
            left: Vec::new(),
            gone: Vec::new(),
        };
        for _ in 0..HOSTS {
            let host = crowd.another().await;
            crowd.hosts.push(host);
        }
        crowd
    }

    async fn another(&mut self) -> Host {
        self.started += 1;
        let beats = ["--set", "registry.cluster.max-heartbeat-interval=1s"];
        self.site.host_with(&format!("host {}", self.started), &beats).await
    }

    /// One round: some servers, each another, come, go or move, all at once.
    async fn play(&mut self) {
        let mut numbers: Vec<_> = (0..SERVERS).collect();
        self.rng.shuffle(&mut numbers);
        let mut coming = Vec::new();
        let mut leaving = Vec::new();
        for number in numbers.into_iter().take(AT_ONCE) {
            match self.there.remove(&number) {
                None => coming.push(number),
                Some((host, server, _)) => match self.rng.u8(0..3) {
                    0 => {
                        self.hosts[host].ask(&Request::Leave { address: address(number) }).await;
                        self.left.push(server.own.clone());
                        leaving.push((host, server.own));
                    }
                    1 => {
                        self.hosts[host].ask(&Request::Drop { address: address(number) }).await;
                        self.gone.push(server.own);
                    }
                    // It is started elsewhere, and the former one is told to stop.
                    _ => {
                        self.gone.push(server.own);
                        coming.push(number);
                    }
                },
            }
        }
        let mut asked = Vec::new();
        for number in coming {
            let (host, groups) = (self.rng.usize(0..HOSTS), self.groups(number));
            let request = Request::Join { role: role(number), address: address(number), groups: groups.clone() };
            asked.push((number, host, self.hosts[host].ask(&request).await, groups));
        }
        let hosts = &self.hosts;
        let joined = asked.into_iter().map(async |(number, host, mark, groups)| {
            let registered = hosts[host].registers(mark, &address(number)).await;
            (number, (host, registered, groups))
        });
        let joined = join_all(joined).await;
        for (host, own) in leaving {
            let left = Event::HasLeft { own };
            self.hosts[host].tells("it has left", |event| (*event == left).then_some(())).await;
        }
        self.there.extend(joined);
    }

    fn groups(&mut self, number: usize) -> Vec<String> {
        match role(number) {
            Role::Master => Vec::new(),
            Role::Worker => {
                let mut groups = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
                self.rng.shuffle(&mut groups);
                groups.truncate(self.rng.usize(1..=3));
                groups
            }
        }
    }

    /// A host is killed with all its servers, and another is started.
    async fn kill_one(&mut self) {
        let host = self.rng.usize(0..HOSTS);
        let another = self.another().await;
        std::mem::replace(&mut self.hosts[host], another).kill().await;
        let of_host = self.there.extract_if(.., |_, (of, ..)| *of == host);
        self.gone.extend(of_host.map(|(_, (_, server, _))| server.own));
    }

    /// All see who is there, and nobody else is left to be taken over for.
    async fn settle(mut self) {
        // Somebody must be there to take over.
        let last = self.hosts[0].master("m:99").await;
        let mut wanted: Vec<_> = vec![("master//m:99".to_owned(), last.own.clone())];
        for (_, server, groups) in self.there.values() {
            let ServerId { role, address, .. } = &server.own;
            match role {
                Role::Master => wanted.push((format!("{role}//{address}"), server.own.clone())),
                Role::Worker => {
                    wanted.extend(groups.iter().map(|group| (format!("{role}/{group}/{address}"), server.own.clone())))
                }
            }
        }
        wanted.sort();
        for host in &mut self.hosts {
            let mut view = Vec::new();
            let deadline = Instant::now() + SOON * 4;
            while view != wanted {
                assert!(
                    Instant::now() < deadline,
                    "{} on {} sees {}",
                    host.name,
                    self.site.server().name(),
                    difference(&view, &wanted)
                );
                view = host.view().await;
                view.sort();
            }
        }
        let log = &self.site.log;
        for gone in &self.gone {
            wait_until(format!("{gone:?} is taken over for"), SOON * 4, || log.done(gone) > 0).await;
        }
        for spared in self.left.iter().chain(self.there.values().map(|(_, server, _)| &server.own)) {
            assert_eq!(log.done(spared), 0, "nobody was to take over for {spared:?}");
        }
        log.judge();
    }
}

fn difference(one: &[(String, ServerId)], other: &[(String, ServerId)]) -> String {
    let beyond: Vec<_> = one.iter().filter(|seen| !other.contains(seen)).collect();
    let missing: Vec<_> = other.iter().filter(|wanted| !one.contains(wanted)).collect();
    format!("{beyond:?}, who are not there, and misses {missing:?}")
}

fn role(number: usize) -> Role {
    if number.is_multiple_of(10) { Role::Master } else { Role::Worker }
}

fn address(number: usize) -> String {
    format!("{}:{}", &role(number).name()[..1], number + 1)
}
