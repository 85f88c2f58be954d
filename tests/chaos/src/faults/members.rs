//! Faults of the servers' members.

use std::time::Duration;

use registry_test_servers::{Member, PeerNetwork, Result};
use tokio::time::sleep;

use super::{Kind, Planned, Stage, stage::member_name};

/// Makes these faults one after the other.
pub(crate) async fn play(stage: &Stage, plan: Vec<Planned>) {
    for fault in plan {
        if !stage.due(&fault).await {
            break;
        }
        match fault.kind {
            Kind::KillMember => down(stage, &fault, stage.follower(fault.pick).await, kill, Member::restart).await,
            Kind::KillLeader => down(stage, &fault, stage.leader().await, kill, Member::restart).await,
            Kind::PauseMember => paused(stage, &fault, vec![stage.follower(fault.pick).await]).await,
            Kind::PauseLeader => paused(stage, &fault, vec![stage.leader().await]).await,
            Kind::LoseQuorum => paused(stage, &fault, majority(stage, fault.pick)).await,
            Kind::RestartMember => {
                let member = fault.pick % stage.cluster.members().len();
                down(stage, &fault, member, Member::terminate, Member::restart).await;
            }
            Kind::RollingRestart => rolling(stage, &fault).await,
            Kind::IsolateLeader => {
                let leader = stage.leader().await;
                apart(stage, &fault, vec![leader], |network, members| network.isolate(&members[leader])).await;
            }
            Kind::IsolateMember => {
                let member = stage.follower(fault.pick).await;
                apart(stage, &fault, vec![member], |network, members| network.isolate(&members[member])).await;
            }
            Kind::CutOneWay => {
                let count = stage.cluster.members().len();
                let from = fault.pick % count;
                let to = (from + 1 + fault.pick / count % (count - 1)) % count;
                let cut = |network: &PeerNetwork, members: &[Member]| network.cut(&members[from], &members[to]);
                apart(stage, &fault, vec![from, to], cut).await;
            }
            Kind::NoSpace => {
                let (make, undo) = (stage.cluster.alarm(true), stage.cluster.alarm(false));
                stage.play(&fault, (0..stage.cluster.members().len()).map(member_name).collect(), make, undo).await;
            }
            Kind::DiskFull => {
                let member = fault.pick % stage.cluster.members().len();
                down(stage, &fault, member, Member::fill_disk, started_with_room).await;
            }
            other => unreachable!("{other} is not a fault of members"),
        }
    }
}

async fn down(stage: &Stage, fault: &Planned, member: usize, make: Act, undo: Act) {
    let (make, undo) = (stage.on_member(member, make), stage.on_member(member, undo));
    stage.play(fault, vec![member_name(member)], make, undo).await;
}

async fn paused(stage: &Stage, fault: &Planned, members: Vec<usize>) {
    let names = members.iter().copied().map(member_name).collect();
    let each = async |act: Act| {
        for member in &members {
            stage.on_member(*member, act).await?;
        }
        Ok(())
    };
    stage.play(fault, names, each(Member::stop), each(Member::cont)).await;
}

/// Each member is down for as long as the fault lasts, and there again before the next goes.
async fn rolling(stage: &Stage, fault: &Planned) {
    let members = 0..stage.cluster.members().len();
    let make = async {
        for member in members.clone() {
            stage.on_member(member, Member::terminate).await?;
            sleep(fault.lasts.min(Duration::from_secs(1))).await;
            stage.on_member(member, Member::restart).await?;
        }
        Ok(())
    };
    stage.play(fault, members.clone().map(member_name).collect(), make, async { Ok(()) }).await;
}

/// Parts members from each other.
async fn apart(stage: &Stage, fault: &Planned, members: Vec<usize>, part: impl Fn(&PeerNetwork, &[Member])) {
    let make = async {
        part(stage.cluster.network()?, stage.cluster.members());
        Ok(())
    };
    let undo = async {
        stage.cluster.network()?.heal();
        Ok(())
    };
    stage.play(fault, members.into_iter().map(member_name).collect(), make, undo).await;
}

/// What is done to a member.
type Act = fn(&Member) -> Result<()>;

/// It may have ended, or run on and serve nobody: making room starts it again.
fn started_with_room(member: &Member) -> Result<()> {
    member.make_room()?;
    member.restart()
}

fn kill(member: &Member) -> Result<()> {
    member.kill();
    Ok(())
}

fn majority(stage: &Stage, pick: usize) -> Vec<usize> {
    let count = stage.cluster.members().len();
    (0..count / 2 + 1).map(|member| (pick % count + member) % count).collect()
}
