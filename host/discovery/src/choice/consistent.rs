//! The same one for the same key.

use super::Candidate;

/// Chooses by a key: the same for the same key, whoever asks.
///
/// # Behavior
///
/// When one comes or goes, only the keys that it gets or had change their place. Each has as many as its weight says.
/// That is weighted rendezvous hashing: each candidate draws a number for the key, and the best one wins. All versions
/// of this crate on all machines draw the same.
pub fn consistent(candidates: &[Candidate<'_>], key: &str) -> Option<usize> {
    let nobody_weighs = candidates.iter().all(|candidate| candidate.weight <= 0.0);
    let key = hash(key.as_bytes());
    let draw = |candidate: &Candidate<'_>| {
        let drawn = mix(hash(candidate.key.as_bytes()) ^ key);
        // Above 0 and below 1, of the 53 bits that a float holds.
        let share = ((drawn >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        let weight = if nobody_weighs { 1.0 } else { candidate.weight.max(0.0) };
        weight / -share.ln()
    };
    let drawn = candidates.iter().map(draw).enumerate();
    drawn.max_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(at, _)| at)
}

/// FNV-1a, which never changes, unlike the hashes of libraries.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// Spreads what differs in a few bits over all of them, as SplitMix64 does.
fn mix(hash: u64) -> u64 {
    let hash = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
