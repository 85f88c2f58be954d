//! Which faults come when.

use std::{ops::Range, sync::Arc, time::Duration};

use fastrand::Rng;
use registry_chaos::{
    history::now,
    tasks::{Fault, Kind, Observation},
};
use registry_test_servers::Member;
use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep},
};

use super::notes::Notes;
use crate::run::{Cluster, Failure};

/// A fault to come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Planned {
    /// When it begins, counted from the beginning of all.
    pub(super) at: Duration,
    pub(super) kind: Kind,
    /// How long it lasts.
    pub(super) lasts: Duration,
}

/// How long each server has faults of its own until there is one of several at once.
const SCENE: Duration = Duration::from_secs(24);

/// How long all masters are away in the end of a scene.
const MASTERS_AWAY: Duration = Duration::from_secs(7);

/// Draws the faults of all servers, masters first, that end within the whole time.
///
/// Each has faults of its own, about half of them longer than its session. Every now and then all masters are killed,
/// and a worker a little later: what has ended meanwhile is known only to its disk.
pub(super) fn draw_all(
    rng: &mut Rng,
    kinds: &[Kind],
    (masters, workers): (u32, u32),
    whole: Duration,
    session: Duration,
) -> Vec<Vec<Planned>> {
    let mut plans = vec![Vec::new(); (masters + workers) as usize];
    let mut begins = Duration::ZERO;
    while begins < whole {
        let ends = (begins + SCENE).min(whole);
        for plan in &mut plans {
            plan.extend(draw(rng, kinds, begins..ends, session));
        }
        begins = ends + MASTERS_AWAY * 2;
        if begins > whole || workers == 0 {
            break;
        }
        let kind = Kind::Kill;
        let (masters, workers) = plans.split_at_mut(masters as usize);
        masters.iter_mut().for_each(|plan| plan.push(Planned { at: ends, kind, lasts: MASTERS_AWAY }));
        let at = ends + Duration::from_millis(rng.u64(3_500..5_000));
        // It is back at once with the results, or when others have begun what they are of.
        let lasts = if rng.bool() { Duration::from_millis(200) } else { session.mul_f64(1.3 + rng.f64() / 2.0) };
        workers[rng.usize(..workers.len())].push(Planned { at, kind, lasts });
    }
    plans
}

/// Draws faults of one server within that time.
fn draw(rng: &mut Rng, kinds: &[Kind], within: Range<Duration>, session: Duration) -> Vec<Planned> {
    let mut plan = Vec::new();
    let mut at = within.start;
    while !kinds.is_empty() {
        at += Duration::from_millis(rng.u64(3_000..14_000));
        let lasts = session.mul_f64(0.05 + 1.9 * rng.f64());
        if at + lasts > within.end {
            break;
        }
        plan.push(Planned { at, kind: kinds[rng.usize(..kinds.len())], lasts });
        at += lasts;
    }
    plan
}

/// Kills, restarts, and pauses the registry's own servers, one at a time, until that moment.
pub(super) async fn disturb_registry(
    cluster: Arc<Cluster>,
    mut rng: Rng,
    until: Instant,
    notes: Arc<Notes>,
) -> Result<(), Failure> {
    loop {
        let (after, lasts) =
            (Duration::from_millis(rng.u64(3_000..12_000)), Duration::from_millis(rng.u64(300..5_000)));
        if Instant::now() + after + lasts >= until {
            return Ok(());
        }
        sleep(after).await;
        let number = rng.usize(..cluster.members().len());
        let act = async |act: fn(&Member) -> registry_test_servers::Result<()>| -> Result<(), Failure> {
            let cluster = Arc::clone(&cluster);
            Ok(spawn_blocking(move || act(&cluster.members()[number])).await??)
        };
        let from = now();
        let kind = if rng.bool() { Kind::Kill } else { Kind::Pause };
        let is_kill = kind == Kind::Kill;
        act(if is_kill { kill } else { Member::stop }).await?;
        sleep(lasts).await;
        act(if is_kill { Member::restart } else { Member::cont }).await?;
        notes.add(Observation::Fault(Fault { server: format!("registry-{number}"), kind, from, until: now() }));
    }
}

fn kill(member: &Member) -> registry_test_servers::Result<()> {
    member.kill();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_faults_come_one_after_the_other() {
        let (whole, session) = (Duration::from_secs(300), Duration::from_secs(5));
        for seed in 0..50 {
            let plans = draw_all(&mut Rng::with_seed(seed), &Kind::MADE, (3, 5), whole, session);
            assert_eq!(plans.len(), 8);
            for plan in &plans {
                assert!(plan.len() > 5, "{}", plan.len());
                assert!(plan.is_sorted_by(|one, next| one.at + one.lasts <= next.at), "{plan:?}");
                assert!(plan.iter().all(|planned| planned.at + planned.lasts <= whole), "{plan:?}");
            }
        }
    }
}
