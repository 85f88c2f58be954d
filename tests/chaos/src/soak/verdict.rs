//! Whether anything grew.

use super::{Sample, sample::Of};

/// How much memory may grow over the second half of the day, by the line that fits it best: caches fill and the
/// allocator's pieces settle, but a leak of 50 bytes with each heartbeat of a day's second half would be more.
const MEMORY_KB: f64 = 4.0 * 1024.0;

/// What came of it.
pub(super) struct Verdict {
    /// The figures.
    pub(super) told: String,
    /// What grew that should not have.
    pub(super) grown: Vec<String>,
}

/// Looks at the samples of a day. The first quarter is the warm-up: pools and caches fill, and their size is what the
/// rest is held to.
pub(super) fn verdict(samples: &[Sample]) -> Verdict {
    let warm = samples.len() / 4;
    let (warming, rest) = samples.split_at(samples.len().min(warm + 1));
    let most = |of: Of, samples: &[Sample]| samples.iter().map(of).max().unwrap_or(0);
    let mut grown = Vec::new();
    let counted: [(&str, Of); 3] = [
        ("descriptors", |sample| sample.descriptors),
        ("threads", |sample| sample.threads),
        ("sessions at the server", |sample| sample.sessions.unwrap_or(0)),
    ];
    for (what, of) in counted {
        let (allowed, now) = (most(of, warming), rest.last().map_or(0, of));
        if now > allowed {
            grown.push(format!("{what} grew from {allowed} to {now}"));
        }
    }
    let half = &samples[samples.len() / 2..];
    let growth = growth(half);
    if growth > MEMORY_KB {
        grown.push(format!("memory grew by {growth:.0} KiB over the second half, at most {MEMORY_KB} are allowed"));
    }
    let (first, last) = (samples.first().copied().unwrap_or_default(), samples.last().copied().unwrap_or_default());
    let told = format!(
        "memory from {} to {} KiB, by {growth:+.0} over the second half; descriptors {} to {}, threads {} to {}",
        first.resident_kb, last.resident_kb, first.descriptors, last.descriptors, first.threads, last.threads
    );
    Verdict { told, grown }
}

/// By how much the line that fits them best rises from the first sample to the last: least squares.
fn growth(samples: &[Sample]) -> f64 {
    let count = samples.len() as f64;
    let points = || samples.iter().map(|sample| (sample.minute as f64, sample.resident_kb as f64));
    let (middle, mean) = (points().map(|(x, _)| x).sum::<f64>() / count, points().map(|(_, y)| y).sum::<f64>() / count);
    let spread: f64 = points().map(|(x, _)| (x - middle).powi(2)).sum();
    if spread == 0.0 {
        return 0.0;
    }
    let slope = points().map(|(x, y)| (x - middle) * (y - mean)).sum::<f64>() / spread;
    let whole = points().next_back().map_or(0.0, |(x, _)| x) - points().next().map_or(0.0, |(x, _)| x);
    slope * whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(of: impl Fn(u64) -> Sample) -> Vec<Sample> {
        (0..=48).map(|number| Sample { minute: number * 30, ..of(number) }).collect()
    }

    fn level() -> Sample {
        Sample { resident_kb: 50_000, descriptors: 30, threads: 12, sessions: Some(4), ..Sample::default() }
    }

    fn grown(samples: &[Sample]) -> Vec<String> {
        verdict(samples).grown
    }

    #[test]
    fn a_day_that_ends_as_it_began_is_good() {
        assert!(grown(&day(|_| level())).is_empty());
        assert!(grown(&[]).is_empty());
    }

    #[test]
    fn growth_while_warming_up_and_fluctuation_are_allowed() {
        let warms = |number: u64| Sample {
            resident_kb: 20_000 + 1_000 * number.min(20),
            threads: 10 + number.min(4),
            ..level()
        };
        assert!(grown(&day(warms)).is_empty());
        let swings = |number: u64| Sample { resident_kb: 50_000 + number % 2 * 6_000, ..level() };
        assert!(grown(&day(swings)).is_empty());
    }

    #[test]
    fn memory_that_keeps_growing_is_found() {
        let leaks = |number: u64| Sample { resident_kb: 50_000 + 200 * number, ..level() };
        assert!(grown(&day(leaks))[0].starts_with("memory grew by 4800 KiB"), "{:?}", grown(&day(leaks)));
        // Also where it swings.
        let swings = |number: u64| Sample { resident_kb: 50_000 + 200 * number + number % 2 * 3_000, ..level() };
        assert_eq!(grown(&day(swings)).len(), 1);
    }

    #[test]
    fn one_descriptor_thread_or_session_more_is_found() {
        let more = |from| move |number: u64| u64::from(number >= from);
        let later = more(40);
        let descriptors = day(|number| Sample { descriptors: 30 + later(number), ..level() });
        assert_eq!(grown(&descriptors), ["descriptors grew from 30 to 31"]);
        let threads = day(|number| Sample { threads: 12 + later(number), ..level() });
        assert_eq!(grown(&threads), ["threads grew from 12 to 13"]);
        let sessions = day(|number| Sample { sessions: Some(4 + later(number)), ..level() });
        assert_eq!(grown(&sessions), ["sessions at the server grew from 4 to 5"]);
        // Before the warm-up has ended it is what the rest is held to.
        let early = more(12);
        assert!(grown(&day(|number| Sample { threads: 12 + early(number), ..level() })).is_empty());
    }
}
