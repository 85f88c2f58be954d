//! Faults of one client: its network and its process.

use std::{sync::Arc, time::Duration};

use registry_chaos::history::Change;
use registry_test_servers::Proxy;

use super::{
    Kind, Planned, Stage,
    stage::{client_name, member_name},
};
use crate::run::{Failure, Player};

/// Makes these faults one after the other, and gives the client back, which runs then.
pub(crate) async fn play(stage: Arc<Stage>, mut player: Player, plan: Vec<Planned>) -> Player {
    for fault in plan {
        if !stage.due(&fault).await {
            break;
        }
        let all = 0..stage.cluster.members().len();
        let one = fault.pick % all.len();
        match fault.kind {
            Kind::Cut => network(&stage, &fault, &player, all, Proxy::cut).await,
            Kind::CutOne => network(&stage, &fault, &player, one..one + 1, Proxy::cut).await,
            Kind::CutLeader => {
                let leader = stage.leader().await;
                network(&stage, &fault, &player, leader..leader + 1, Proxy::cut).await;
            }
            Kind::Silent => network(&stage, &fault, &player, all, Proxy::silent).await,
            Kind::SilentOne => network(&stage, &fault, &player, one..one + 1, Proxy::silent).await,
            Kind::Reset => network(&stage, &fault, &player, all, Proxy::reset).await,
            Kind::Delay => {
                let delay = Duration::from_millis(20 + fault.pick as u64 % 380);
                network(&stage, &fault, &player, all, |way| way.delay(delay)).await;
            }
            Kind::CutAndCompact => compacted(&stage, &fault, &player).await,
            Kind::KillClient => player = killed(&stage, &fault, player).await,
            Kind::PauseClient => paused(&stage, &fault, &player).await,
            Kind::ClockJump => jumped(&stage, &fault, &player).await,
            other => unreachable!("{other} is not a fault of a client"),
        }
    }
    player
}

async fn network(
    stage: &Stage,
    fault: &Planned,
    player: &Player,
    members: std::ops::Range<usize>,
    harm: impl Fn(&Proxy),
) {
    let ways = &stage.ways[player.number() as usize][members.clone()];
    let names = [client_name(player.number())].into_iter().chain(members.map(member_name)).collect();
    let make = async {
        ways.iter().for_each(harm);
        Ok(())
    };
    stage.play(fault, names, make, heal(ways)).await;
}

async fn compacted(stage: &Stage, fault: &Planned, player: &Player) {
    let ways = &stage.ways[player.number() as usize];
    let make = async {
        ways.iter().for_each(Proxy::cut);
        Ok(())
    };
    let undo = async {
        // What was missed is gone before it can be asked for.
        let compacted = stage.cluster.compact().await;
        heal(ways).await?;
        compacted
    };
    stage.play(fault, vec![client_name(player.number())], make, undo).await;
}

async fn heal(ways: &[Proxy]) -> Result<(), Failure> {
    for way in ways {
        way.delay(Duration::ZERO);
        way.heal();
    }
    Ok(())
}

async fn killed(stage: &Stage, fault: &Planned, player: Player) -> Player {
    let name = client_name(player.number());
    let killing = tokio::sync::Mutex::new(player);
    let make = async {
        killing.lock().await.kill().await;
        Ok(())
    };
    let undo = async { killing.lock().await.live_again() };
    stage.play(fault, vec![name], make, undo).await;
    killing.into_inner()
}

async fn jumped(stage: &Stage, fault: &Planned, player: &Player) {
    // Some hours to either side.
    let seconds = (fault.pick % 40_000) as i64 - 20_000;
    let (make, undo) = (async { player.set_clock(seconds) }, async { player.set_clock(0) });
    stage.play(fault, vec![client_name(player.number())], make, undo).await;
}

async fn paused(stage: &Stage, fault: &Planned, player: &Player) {
    let make = async { player.signal(Change::Stop) };
    let undo = async { player.signal(Change::Continue) };
    stage.play(fault, vec![client_name(player.number())], make, undo).await;
}
