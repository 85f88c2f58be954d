//! Whether a server can take work.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};

/// Whether a server can take work, as its heartbeat says: 0, 1 or 2. One that drains says 2, and says beside it that it
/// drains, which only servers of this kind read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Status {
    /// It can.
    #[default]
    Normal,
    /// Its machine has too much to do, or too little memory left.
    Abnormal,
    /// More of its tasks wait than it can execute at once.
    Busy,
    /// It finishes what it has and leaves.
    Draining,
}

/// What a machine may be burdened with.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Limits {
    /// The highest load average.
    pub max_cpu_load_avg: f64,
    /// The least memory that must be available, in GB.
    pub reserved_memory: f64,
}

impl Limits {
    /// Whether the machine is within them, at this load average and with this much memory available, in GB.
    pub fn hold(&self, load_average: f64, available_memory: f64) -> bool {
        load_average <= self.max_cpu_load_avg && available_memory >= self.reserved_memory
    }

    /// What is beyond them, such as `load 9.1 > 4, memory 0.2 GB < 0.3`; `None` if nothing is.
    pub fn exceeded(&self, load_average: f64, available_memory: f64) -> Option<String> {
        // A limit of 0 and less is none, as a heartbeat has it that doesn't say which applies.
        let load = (self.max_cpu_load_avg > 0.0 && load_average > self.max_cpu_load_avg)
            .then(|| format!("load {load_average} > {}", self.max_cpu_load_avg));
        // A figure below 0 is not known.
        let memory = (0.0..self.reserved_memory)
            .contains(&available_memory)
            .then(|| format!("memory {available_memory} GB < {}", self.reserved_memory));
        let exceeded: Vec<_> = load.into_iter().chain(memory).collect();
        (!exceeded.is_empty()).then(|| exceeded.join(", "))
    }
}

impl Status {
    const ALL: [Status; 3] = [Status::Normal, Status::Abnormal, Status::Busy];

    /// The status of a server whose machine is within its limits or isn't, by its tasks.
    pub fn of(within_limits: bool, waiting_tasks: i32, executing_threads: i32) -> Self {
        if !within_limits {
            Status::Abnormal
        } else if waiting_tasks > executing_threads {
            Status::Busy
        } else {
            Status::Normal
        }
    }

    /// The number that stands for it in a heartbeat.
    pub fn code(self) -> u8 {
        match self {
            Status::Normal => 0,
            Status::Abnormal => 1,
            Status::Busy | Status::Draining => 2,
        }
    }

    /// The status of that [code](Status::code).
    pub fn from_code(code: u64) -> Option<Self> {
        Status::ALL.into_iter().find(|status| u64::from(status.code()) == code)
    }

    /// Its name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Status::Normal => "normal",
            Status::Abnormal => "abnormal",
            Status::Busy => "busy",
            Status::Draining => "draining",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.code())
    }
}

/// Later versions of DolphinScheduler write the name.
impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CodeOrName;

        impl Visitor<'_> for CodeOrName {
            type Value = Status;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("0, 1, 2, NORMAL, ABNORMAL or BUSY")
            }

            fn visit_u64<E: Error>(self, code: u64) -> Result<Status, E> {
                Status::from_code(code).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(code), &self))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Status, E> {
                let found = Status::ALL.into_iter().find(|status| status.name().eq_ignore_ascii_case(name));
                found.ok_or_else(|| E::invalid_value(Unexpected::Str("another name"), &self))
            }
        }

        deserializer.deserialize_any(CodeOrName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_makes_abnormal_and_tasks_make_busy() {
        let limits = Limits { max_cpu_load_avg: 4.0, reserved_memory: 0.3 };
        for (load, memory, waiting, threads, status) in [
            (0.0, 8.0, 0, 0, Status::Normal),
            (4.0, 0.3, 7, 7, Status::Normal),
            (4.1, 8.0, 0, 7, Status::Abnormal),
            (0.0, 0.2, 0, 7, Status::Abnormal),
            (0.0, 8.0, 8, 7, Status::Busy),
            (9.0, 8.0, 8, 7, Status::Abnormal),
        ] {
            let found = Status::of(limits.hold(load, memory), waiting, threads);
            assert_eq!(found, status, "load {load}, memory {memory}, {waiting} of {threads}");
        }
    }

    #[test]
    fn what_is_beyond_the_limits_is_told_with_both_figures() {
        let limits = Limits { max_cpu_load_avg: 4.0, reserved_memory: 0.3 };
        for (load, memory, told) in [
            (4.0, 0.3, None),
            (9.1, 8.0, Some("load 9.1 > 4")),
            (0.0, 0.2, Some("memory 0.2 GB < 0.3")),
            (9.1, 0.2, Some("load 9.1 > 4, memory 0.2 GB < 0.3")),
        ] {
            assert_eq!(limits.exceeded(load, memory).as_deref(), told);
        }
    }

    #[test]
    fn what_can_not_be_measured_is_not_normal() {
        let limits = Limits { max_cpu_load_avg: 4.0, reserved_memory: 0.3 };
        assert!(!limits.hold(f64::NAN, 8.0));
        assert!(!limits.hold(0.0, f64::NAN));
    }
}
