//! The faults.

use std::{thread::sleep, time::Duration};

use clap::ValueEnum;
use registry_test_servers::{Member, Result};

use crate::servers::Servers;

/// What is done to the servers, or to a client.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    /// SIGKILL to the server that leads.
    LeaderKilled,
    /// SIGSTOP to the server that leads: it keeps its connections and answers nothing.
    LeaderStopped,
    /// SIGKILL to each server in turn, which is started again before the next.
    EachKilled,
    /// SIGSTOP to each server in turn, which goes on before the next is stopped.
    EachStopped,
    /// SIGKILL to all servers, which are started again at once.
    AllKilled,
    /// SIGKILL to the holder of a lock: how long until the next has it.
    HolderKilled,
}

impl Fault {
    pub(crate) const ALL: &'static [Fault] = &[
        Fault::LeaderKilled,
        Fault::LeaderStopped,
        Fault::EachKilled,
        Fault::EachStopped,
        Fault::AllKilled,
        Fault::HolderKilled,
    ];

    pub(crate) fn told(self) -> &'static str {
        match self {
            Fault::LeaderKilled => "leader killed",
            Fault::LeaderStopped => "leader stopped",
            Fault::EachKilled => "each server killed in turn",
            Fault::EachStopped => "each server stopped in turn",
            Fault::AllKilled => "all servers killed and started",
            Fault::HolderKilled => "holder of a lock killed",
        }
    }

    /// For how many times as long as one server is away it has to be looked at.
    pub(crate) fn turns(self, servers: &dyn Servers) -> u32 {
        match self {
            Fault::EachKilled | Fault::EachStopped => servers.members().len() as u32,
            // All are down at once, and up again only when enough of them have found one another.
            Fault::AllKilled => 3,
            _ => 1,
        }
    }

    /// Makes the fault and undoes it, each time after it has lasted so long; all servers are ready when this returns.
    /// It blocks.
    pub(crate) fn make(self, servers: &dyn Servers, lasts: Duration) -> Result<()> {
        match self {
            Fault::LeaderKilled => killed(servers.leader()?, lasts),
            Fault::LeaderStopped => stopped(servers.leader()?, lasts),
            Fault::EachKilled => {
                for member in servers.members() {
                    killed(member, lasts)?;
                }
                Ok(())
            }
            Fault::EachStopped => {
                for member in servers.members() {
                    stopped(member, lasts)?;
                    // A quorum has to be there when the next one goes.
                    sleep(lasts / 2);
                }
                Ok(())
            }
            Fault::AllKilled => {
                servers.members().iter().for_each(Member::kill);
                // None is ready before a quorum is.
                std::thread::scope(|scope| {
                    let starting: Vec<_> =
                        servers.members().iter().map(|member| scope.spawn(|| member.restart())).collect();
                    starting.into_iter().try_for_each(|start| start.join().unwrap_or(Ok(())))
                })
            }
            Fault::HolderKilled => Ok(()),
        }
    }
}

fn killed(member: &Member, lasts: Duration) -> Result<()> {
    member.kill();
    sleep(lasts);
    member.restart()
}

fn stopped(member: &Member, lasts: Duration) -> Result<()> {
    member.stop()?;
    sleep(lasts);
    member.cont()
}
