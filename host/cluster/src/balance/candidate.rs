//! Who can be chosen, and what their heartbeats weigh.

use std::time::Duration;

use crate::{Heartbeat, Member};

/// How long a server is young: what it can do is not known yet, and it gets less.
pub const WARM_UP: Duration = Duration::from_secs(600);

/// The host weight of a worker that tells none.
const USUAL_WEIGHT: i32 = 100;

/// A normal worker.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    address: &'a str,
    heartbeat: &'a Heartbeat,
}

impl<'a> Candidate<'a> {
    /// The member, if it can be given work.
    pub fn of(member: &'a Member) -> Option<Self> {
        let heartbeat = member.heartbeat.as_ref().ok().filter(|_| member.is_normal())?;
        Some(Candidate { address: &member.address, heartbeat })
    }

    /// Where it is.
    pub fn address(&self) -> &'a str {
        self.address
    }

    /// Its host weight; at least 1, so that nobody is never chosen.
    pub fn host_weight(&self) -> f64 {
        f64::from(self.heartbeat.worker_host_weight.unwrap_or(USUAL_WEIGHT).max(1))
    }

    /// The part of its host weight that counts while it is young.
    pub fn warm_weight(&self) -> f64 {
        (self.host_weight() / self.coldness()).max(1.0)
    }

    /// What burdens it: cpu · 10 + memory · 20 + load · 70, and the more the younger it is.
    pub fn burden(&self) -> f64 {
        // One that has nothing to do at all still has its turns counted.
        const LEAST: f64 = 0.01;
        let Heartbeat { cpu_usage, memory_usage, load_average, .. } = *self.heartbeat;
        let burden = cpu_usage * 10.0 + memory_usage * 20.0 + load_average * 70.0;
        burden.max(LEAST) * self.coldness()
    }

    /// What room its use of cpu, memory and threads leaves, of 100.
    ///
    /// These weigh 30, 30 and 40, and a third of them counts. Its waiting tasks stand for the use of its threads.
    pub fn room(&self) -> f64 {
        let share = |figure: f64| figure.clamp(0.0, 1.0);
        let waiting = self.heartbeat.worker_waiting_task_count.unwrap_or_default();
        let threads = self.heartbeat.worker_exec_thread_count.unwrap_or_default().max(1);
        let threads = share(f64::from(waiting) / f64::from(threads));
        let (cpu, memory) = (share(self.heartbeat.cpu_usage), share(self.heartbeat.memory_usage));
        100.0 - (cpu * 30.0 + memory * 30.0 + threads * 40.0) / 3.0
    }

    /// How many times as long as it has been up a server is young; 1 from then on, by its own clock.
    fn coldness(&self) -> f64 {
        let uptime = self.heartbeat.report_time.saturating_sub(self.heartbeat.startup_time) as f64;
        let warm_up = WARM_UP.as_millis() as f64;
        if uptime > 0.0 && uptime < warm_up { warm_up / uptime } else { 1.0 }
    }
}
