//! Who can be chosen, and what their heartbeats weigh.

use std::{sync::Arc, time::Duration};

use crate::{Heartbeat, Member};

/// How long a server is young: what it can do is not known yet, and it gets less.
pub const WARM_UP: Duration = Duration::from_secs(600);

/// The host weight of a worker that tells none.
const USUAL_WEIGHT: i32 = 100;

/// The least burden: a worker that has nothing to do at all still has its turns counted.
const LEAST_BURDEN: f64 = 0.01;

/// A normal worker, and its load.
///
/// A figure that the worker doesn't tell is no reason to prefer it: beside others it counts like the worst that one of
/// them tells.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    address: &'a str,
    waiting: Option<i32>,
    scores: Scores,
}

/// What is measured, `None` where it is not known.
#[derive(Clone, Copy, Debug)]
struct Scores {
    host_weight: Option<f64>,
    /// How many times as long as it has been up it is young; 1 from then on.
    coldness: Option<f64>,
    /// What burdens it, however young it is.
    burden: Option<f64>,
    room: Option<f64>,
}

impl<'a> Candidate<'a> {
    /// The member, if it can be given work.
    pub fn of(member: &'a Member) -> Option<Self> {
        let heartbeat = member.heartbeat.as_ref().ok().filter(|_| member.is_normal())?;
        let waiting = heartbeat.worker_waiting_task_count;
        Some(Candidate { address: &member.address, waiting, scores: Scores::of(heartbeat) })
    }

    /// Those of a group's members that can be given work, each with its member.
    pub(super) fn all(members: &'a [Arc<Member>]) -> (Vec<&'a Arc<Member>>, Vec<Self>) {
        let found = members.iter().filter_map(|member| Some((member, Candidate::of(member)?)));
        let (members, mut candidates): (Vec<_>, Vec<_>) = found.unzip();
        let worst = Scores::worst(candidates.iter().map(|candidate| &candidate.scores));
        candidates.iter_mut().for_each(|candidate| candidate.scores = candidate.scores.or(worst));
        (members, candidates)
    }

    /// Where it is.
    pub fn address(&self) -> &'a str {
        self.address
    }

    /// How many of its tasks wait; `None` if it doesn't tell.
    pub fn waiting_tasks(&self) -> Option<i32> {
        self.waiting
    }

    /// Its host weight; at least 1, so that nobody is never chosen.
    pub fn host_weight(&self) -> f64 {
        self.scores.host_weight.unwrap_or(f64::from(USUAL_WEIGHT))
    }

    /// The part of its host weight that counts while it is young.
    pub fn warm_weight(&self) -> f64 {
        registry_balance::warm(self.host_weight(), self.coldness())
    }

    /// What burdens it: cpu · 10 + memory · 20 + load · 70, and the more the younger it is.
    pub fn burden(&self) -> f64 {
        self.scores.burden.unwrap_or(LEAST_BURDEN) * self.coldness()
    }

    /// What room its use of cpu, memory and threads leaves, of 100.
    ///
    /// These weigh 30, 30 and 40, and a third of them counts. Its waiting tasks stand for the use of its threads.
    pub fn room(&self) -> f64 {
        self.scores.room.unwrap_or(100.0)
    }

    fn coldness(&self) -> f64 {
        self.scores.coldness.unwrap_or(1.0)
    }
}

impl Scores {
    fn of(heartbeat: &Heartbeat) -> Self {
        let host_weight = heartbeat.worker_host_weight.map(|weight| f64::from(weight.max(1)));
        let measured = heartbeat.is_measured();
        let Heartbeat { cpu_usage, memory_usage, load_average, .. } = *heartbeat;
        let burden = (cpu_usage * 10.0 + memory_usage * 20.0 + load_average * 70.0).max(LEAST_BURDEN);
        Scores {
            host_weight,
            coldness: coldness(heartbeat),
            burden: measured.then_some(burden),
            room: measured.then(|| room(heartbeat)),
        }
    }

    /// The worst of what is known.
    fn worst<'a>(all: impl Iterator<Item = &'a Scores> + Clone) -> Self {
        let least = |score: fn(&Scores) -> Option<f64>| all.clone().filter_map(score).min_by(f64::total_cmp);
        let most = |score: fn(&Scores) -> Option<f64>| all.clone().filter_map(score).max_by(f64::total_cmp);
        Scores {
            host_weight: least(|scores| scores.host_weight).map(|weight| weight.min(f64::from(USUAL_WEIGHT))),
            coldness: most(|scores| scores.coldness),
            burden: most(|scores| scores.burden),
            room: least(|scores| scores.room),
        }
    }

    /// What is known, or else what another says.
    fn or(self, other: Scores) -> Self {
        Scores {
            host_weight: self.host_weight.or(other.host_weight),
            coldness: self.coldness.or(other.coldness),
            burden: self.burden.or(other.burden),
            room: self.room.or(other.room),
        }
    }
}

fn room(heartbeat: &Heartbeat) -> f64 {
    let share = |figure: f64| figure.clamp(0.0, 1.0);
    let waiting = heartbeat.worker_waiting_task_count.unwrap_or_default();
    let threads = heartbeat.worker_exec_thread_count.unwrap_or_default().max(1);
    let threads = share(f64::from(waiting) / f64::from(threads));
    let (cpu, memory) = (share(heartbeat.cpu_usage), share(heartbeat.memory_usage));
    100.0 - (cpu * 30.0 + memory * 30.0 + threads * 40.0) / 3.0
}

/// How many times as long as it has been up a server is young; 1 from then on, by its own clock. `None` if it doesn't
/// tell.
fn coldness(heartbeat: &Heartbeat) -> Option<f64> {
    if heartbeat.report_time <= 0 {
        return None;
    }
    let uptime = heartbeat.report_time.saturating_sub(heartbeat.startup_time) as f64;
    Some(registry_balance::coldness(uptime, WARM_UP.as_millis() as f64))
}
