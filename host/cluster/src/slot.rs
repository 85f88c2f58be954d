//! Which part of the work is whose.

use std::sync::Arc;

use crate::Member;

/// A master's part: of `count` normal masters it is number `index`, from 0.
///
/// # Behavior
///
/// All masters that see the same members agree on it. Masters are in the order of their start, so that one that joins leaves
/// the others' numbers as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    /// Its number.
    pub index: usize,
    /// How many there are.
    pub count: usize,
}

impl Slot {
    /// The slot of the master at an address; nothing if it is not there or not normal.
    pub fn of(address: &str, masters: &[Arc<Member>]) -> Option<Self> {
        let order = |member: &Member| member.life().map(|life| (life.startup_time, member.address.clone()));
        let mut normal: Vec<_> = masters.iter().filter(|member| member.is_normal()).filter_map(|m| order(m)).collect();
        normal.sort_unstable();
        let index = normal.iter().position(|(_, other)| other == address)?;
        Some(Slot { index, count: normal.len() })
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
        let beat = Heartbeat { startup_time, load_average: load, max_cpuload_avg: 2.0, ..Heartbeat::default() };
        let key = format!("/nodes/master/{address}");
        Arc::new(Member::of(&Entry::new(key, beat.write(), 1, 1, Some(SessionId(1)))).unwrap())
    }

    #[test]
    fn slots_are_in_the_order_of_starting_and_only_of_normal_masters() {
        let mut masters = vec![master("c:1", 1, 0.0), master("a:1", 3, 0.0), master("b:1", 2, 9.0)];
        assert_eq!(Slot::of("c:1", &masters), Some(Slot { index: 0, count: 2 }));
        assert_eq!(Slot::of("a:1", &masters), Some(Slot { index: 1, count: 2 }));
        assert_eq!(Slot::of("b:1", &masters), None);
        assert_eq!(Slot::of("d:1", &masters), None);
        masters.push(master("d:1", 4, 0.0));
        assert_eq!(Slot::of("c:1", &masters), Some(Slot { index: 0, count: 3 }));
    }

    proptest! {
        #[test]
        fn each_piece_of_work_is_in_one_masters_slot(starts in prop::collection::vec((0i64..5, 0.0..3.0f64), 0..9), work: u64) {
            let masters: Vec<_> =
                starts.iter().enumerate().map(|(at, (start, load))| master(&format!("m{at}:1"), *start, *load)).collect();
            let slots: Vec<_> = masters.iter().filter_map(|master| Slot::of(&master.address, &masters)).collect();
            let normal = masters.iter().filter(|master| master.is_normal()).count();
            prop_assert_eq!(slots.len(), normal);
            prop_assert!(slots.iter().all(|slot| slot.count == normal));
            prop_assert_eq!(slots.iter().filter(|slot| slot.covers(work)).count(), normal.min(1));
        }
    }
}
