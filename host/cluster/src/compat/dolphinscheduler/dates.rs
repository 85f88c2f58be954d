//! Dates without a zone, as the oldest format has them: what the clock on the writer's wall showed.
//!
//! They are kept as if they were UTC. A server is told apart from others by when it started, so every reader must have
//! the same number, wherever it runs; only what is shown to somebody takes the reader's zone for the writer's, as
//! DolphinScheduler does.

use jiff::{Timestamp, Zoned, tz::TimeZone};

const SECOND: i64 = 1_000;

/// What the clock on this machine's wall shows, in ms since 1970 on that clock, in whole seconds.
pub(crate) fn now() -> i64 {
    let now = Zoned::now();
    let shown = now.timestamp().as_millisecond() + i64::from(now.offset().seconds()) * SECOND;
    shown.div_euclid(SECOND) * SECOND
}

/// When the clock on this machine's wall shows that, in ms since 1970; of the two moments in a night when clocks are
/// set back, the first.
pub(crate) fn moment(shown: i64) -> i64 {
    let moment = || {
        let shown = Timestamp::from_millisecond(shown).ok()?.to_zoned(TimeZone::UTC).datetime();
        Some(TimeZone::system().to_ambiguous_zoned(shown).compatible().ok()?.timestamp().as_millisecond())
    };
    // What lies beyond the calendar is no moment anywhere.
    moment().unwrap_or(shown)
}

/// As the format has it.
pub(crate) fn written(shown: i64) -> String {
    Timestamp::from_millisecond(shown).unwrap_or_default().strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_wall_shows_is_now() {
        let ago = Timestamp::now().as_millisecond() - moment(now());
        assert!((0..60 * SECOND).contains(&ago), "{ago} ms ago");
        assert_eq!(written(1_796_075_500_000), "2026-11-30 21:51:40");
        assert_eq!(moment(i64::MAX), i64::MAX);
    }
}
