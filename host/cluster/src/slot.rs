//! Which part of the work is whose.

use std::{fmt, sync::Arc};

use crate::{Incarnation, Member};

/// A master's part: of `count` masters it is number `index`, from 0.
///
/// # Behavior
///
/// All masters that see the same members agree on it. The normal ones have a slot; while none is normal, all have one,
/// so that work goes on, slowly. They are in the order of their start, so that one that joins leaves the others'
/// numbers as they are.
///
/// Beside masters of DolphinScheduler, or any whose heartbeat can't be read, nobody has a slot. Each version counts in
/// a way of its own (1.3 has no slots, 2.0 goes by the hash of the key, 3.2 leaves out those that are busy), and work
/// would be done twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    /// Its number.
    pub index: usize,
    /// How many there are.
    pub count: usize,
}

/// Why a master has no slot.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoSlot {
    /// It serves no more, or waits for another session.
    NotServing,
    /// It is not known whether its session lives, or its own view doesn't show it.
    NotSeen,
    /// It is not normal, and others are.
    NotNormal {
        /// What is wrong, if its heartbeat tells.
        cause: Option<String>,
    },
    /// A master at this address counts slots in another way: it is DolphinScheduler's, or its heartbeat can't be read.
    Foreign {
        /// The other master's address.
        address: String,
    },
}

impl fmt::Display for NoSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoSlot::NotServing => f.write_str("the master does not serve"),
            NoSlot::NotSeen => f.write_str("it is not known whether the master is registered"),
            NoSlot::NotNormal { cause: None } => f.write_str("the master is not normal, and others are"),
            NoSlot::NotNormal { cause: Some(cause) } => {
                write!(f, "the master is not normal ({cause}), and others are")
            }
            NoSlot::Foreign { address } => write!(
                f,
                "the master {address} is DolphinScheduler's or can't be read, and counts slots in another way: no master of \
                 this kind has one until it is gone"
            ),
        }
    }
}

impl Slot {
    /// The slot of the master at an address, or of one incarnation of it.
    ///
    /// # Errors
    ///
    /// Why it has none.
    pub(crate) fn of(address: &str, incarnation: Option<Incarnation>, masters: &[Arc<Member>]) -> Result<Self, NoSlot> {
        let own = masters.iter().find(|member| member.address == address).ok_or(NoSlot::NotSeen)?;
        if incarnation.is_some_and(|own_incarnation| own.incarnation() != Some(own_incarnation)) {
            return Err(NoSlot::NotSeen);
        }
        if let Some(foreign) = masters.iter().find(|member| member.is_foreign()) {
            return Err(NoSlot::Foreign { address: foreign.address.clone() });
        }
        let is_any_normal = masters.iter().any(|member| member.is_normal());
        let counted = masters.iter().filter(|member| !is_any_normal || member.is_normal());
        let mut counted: Vec<_> = counted.map(|member| (member.incarnation(), &member.address)).collect();
        counted.sort_unstable();
        let index = counted.iter().position(|(_, other)| *other == address);
        let cause = || own.heartbeat.as_ref().ok().and_then(|heartbeat| heartbeat.cause());
        let index = index.ok_or_else(|| NoSlot::NotNormal { cause: cause() })?;
        Ok(Slot { index, count: counted.len() })
    }

    /// Whether what has this number, such as the id of a piece of work, belongs to this part.
    pub fn covers(&self, number: u64) -> bool {
        number % (self.count as u64).max(1) == self.index as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use registry_host::{Entry, SessionId};

    use super::*;
    use crate::Heartbeat;

    fn master(address: &str, startup_time: i64, load: f64) -> Arc<Member> {
        let (max_cpuload_avg, keeps_record) = (2.0, true);
        let beat =
            Heartbeat { startup_time, load_average: load, max_cpuload_avg, keeps_record, ..Heartbeat::default() };
        of_value(address, &beat.write())
    }

    fn of_value(address: &str, value: &[u8]) -> Arc<Member> {
        let key = format!("/nodes/master/{address}");
        Arc::new(Member::of(&Entry::new(key, value.to_vec(), 1.into(), 1.into(), Some(SessionId(1)))).unwrap())
    }

    #[test]
    fn slots_follow_start_order_of_normal_masters() {
        let mut masters = vec![master("c:1", 1, 0.0), master("a:1", 3, 0.0), master("b:1", 2, 9.0)];
        assert_eq!(Slot::of("c:1", None, &masters), Ok(Slot { index: 0, count: 2 }));
        assert_eq!(Slot::of("a:1", None, &masters), Ok(Slot { index: 1, count: 2 }));
        let none = Slot::of("b:1", None, &masters).unwrap_err();
        assert_eq!(none.to_string(), "the master is not normal (load 9 > 2), and others are");
        assert_eq!(Slot::of("d:1", None, &masters), Err(NoSlot::NotSeen));
        masters.push(master("d:1", 4, 0.0));
        assert_eq!(Slot::of("c:1", None, &masters), Ok(Slot { index: 0, count: 3 }));
    }

    #[test]
    fn where_no_master_is_normal_all_have_a_slot() {
        let mut masters = vec![master("b:1", 2, 9.0)];
        assert_eq!(Slot::of("b:1", None, &masters), Ok(Slot { index: 0, count: 1 }));
        masters.push(master("a:1", 1, 3.0));
        assert_eq!(Slot::of("b:1", None, &masters), Ok(Slot { index: 1, count: 2 }));
    }

    #[test]
    fn beside_masters_that_count_otherwise_nobody_has_a_slot() {
        let theirs = [
            "0.25,0.5,1.0,7.5,8.0,0.3,1,1700000010000,0,4711",
            r#"{"startupTime":1,"processId":7,"serverStatus":"NORMAL"}"#,
            // Until its first beat.
            "",
        ];
        for value in theirs {
            let masters = [master("a:1", 1, 0.0), of_value("java:1", value.as_bytes())];
            let none = Slot::of("a:1", None, &masters).unwrap_err();
            assert_eq!(none, NoSlot::Foreign { address: "java:1".to_owned() });
        }
    }

    proptest! {
        #[test]
        fn each_piece_of_work_is_in_one_masters_slot(starts in prop::collection::vec((0i64..5, 0.0..3.0f64), 0..9), work: u64) {
            let masters: Vec<_> =
                starts.iter().enumerate().map(|(at, (start, load))| master(&format!("m{at}:1"), *start, *load)).collect();
            let slots: Vec<_> = masters.iter().filter_map(|master| Slot::of(&master.address, None, &masters).ok()).collect();
            let normal = masters.iter().filter(|master| master.is_normal()).count();
            let counted = if normal == 0 { masters.len() } else { normal };
            prop_assert_eq!(slots.len(), counted);
            prop_assert!(slots.iter().all(|slot| slot.count == counted));
            prop_assert_eq!(slots.iter().filter(|slot| slot.covers(work)).count(), counted.min(1));
        }
    }
}
