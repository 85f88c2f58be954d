//! The kinds of faults.

use std::{fmt, ops::Range};

use clap::ValueEnum;

use crate::run::Backend;

/// A kind of fault.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, ValueEnum)]
pub(crate) enum Kind {
    /// A member that does not lead is killed, and started again.
    KillMember,
    /// The leader is killed, and started again.
    KillLeader,
    /// A member that does not lead is stopped, and goes on.
    PauseMember,
    /// The leader is stopped, and goes on.
    PauseLeader,
    /// A member is ended in good order, and started again.
    RestartMember,
    /// The same, one member after another.
    RollingRestart,
    /// A majority is stopped for longer than a session lasts, and goes on.
    LoseQuorum,
    /// The others don't hear the leader, and it doesn't hear them.
    IsolateLeader,
    /// The same of a member that does not lead.
    IsolateMember,
    /// One member doesn't hear one other, which hears it.
    CutOneWay,
    /// A client's network carries nothing.
    Cut,
    /// A client's network carries nothing to and from the leader.
    CutLeader,
    /// A client's network carries nothing to and from one member.
    CutOne,
    /// A client's network carries requests and no answers.
    Silent,
    /// The same for one member.
    SilentOne,
    /// A client's connections are reset.
    Reset,
    /// A client's network is slow.
    Delay,
    /// A client's network carries nothing, and what it misses is compacted.
    CutAndCompact,
    /// A client is killed, and started again as its next life.
    KillClient,
    /// A client is stopped, and goes on.
    PauseClient,
    /// A client's wall clock jumps, and back; its other clocks go on as they were.
    ClockJump,
    /// The servers say that their storage is full, and take no writes.
    NoSpace,
    /// A member's disk is full; there is room again, and it is started again. It takes `--disks`.
    DiskFull,
}

/// What a fault is made on; of one thing there is one fault at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    Members,
    /// Each of them.
    Client,
}

impl Kind {
    /// What it is made on.
    pub(crate) const fn target(self) -> Target {
        match self {
            Kind::KillMember
            | Kind::KillLeader
            | Kind::PauseMember
            | Kind::PauseLeader
            | Kind::RestartMember
            | Kind::RollingRestart
            | Kind::LoseQuorum
            | Kind::IsolateLeader
            | Kind::IsolateMember
            | Kind::CutOneWay
            | Kind::NoSpace
            | Kind::DiskFull => Target::Members,
            _ => Target::Client,
        }
    }

    /// Whether there is such a fault for so many members of this backend, with disks of their own or without.
    pub(crate) fn applies(self, backend: Backend, members: usize, disks: bool) -> bool {
        match self {
            Kind::DiskFull => disks,
            Kind::CutAndCompact | Kind::NoSpace => backend == Backend::Etcd,
            // Of a single member they are the faults of the leader.
            Kind::KillMember
            | Kind::PauseMember
            | Kind::RollingRestart
            | Kind::LoseQuorum
            | Kind::IsolateLeader
            | Kind::IsolateMember
            | Kind::CutOneWay
            | Kind::CutLeader
            | Kind::CutOne
            | Kind::SilentOne => members > 1,
            _ => true,
        }
    }

    /// How much more often it is drawn than the rarest.
    pub(crate) const fn weight(self) -> usize {
        match self {
            Kind::LoseQuorum | Kind::RollingRestart | Kind::NoSpace | Kind::DiskFull => 1,
            _ => 3,
        }
    }

    /// How long it lasts, in tenths of the session timeout.
    pub(crate) const fn tenths(self) -> Range<u64> {
        match self {
            Kind::Reset => 0..1,
            Kind::NoSpace => 2..8,
            Kind::RollingRestart => 1..4,
            Kind::LoseQuorum => 12..20,
            Kind::Delay => 4..15,
            // It is not noticed before room is needed.
            Kind::DiskFull => 10..25,
            _ => 1..22,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_possible_value() {
            Some(value) => f.write_str(value.get_name()),
            None => write!(f, "{self:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_several_members_needs_others() {
        assert!(Kind::IsolateLeader.applies(Backend::Zookeeper, 3, false));
        assert!(!Kind::IsolateLeader.applies(Backend::Zookeeper, 1, false));
        assert!(Kind::KillLeader.applies(Backend::Zookeeper, 1, false));
        assert!(!Kind::NoSpace.applies(Backend::Zookeeper, 3, false));
        assert!(!Kind::DiskFull.applies(Backend::Etcd, 3, false));
    }
}
