//! A real plugin, damaged: whatever the damage, the host lives and the file gets one line.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::Path,
    thread,
    time::Duration,
};

use registry_host::plugin;

use crate::support::{CHILD, Folder, memory, refusal, refused, verify};

const MUTATIONS: usize = 1_000;
const THREADS: usize = 2;
/// What hangs is refused as well, and need not be waited for long.
const PATIENCE: Duration = Duration::from_secs(5);

#[test]
fn a_truncated_library_is_refused_without_being_loaded() {
    let folder = Folder::new();
    let bytes = fs::read(memory()).unwrap();
    let tenths = (1..10).map(|tenth| bytes.len() / 10 * tenth);
    for length in [4, 19, 63, 64, 100, 4096, bytes.len() - 1].into_iter().chain(tenths) {
        let text = refusal(&folder.file("libregistry_memory.so", &bytes[..length]));
        assert_eq!(text, "it is cut short: copy or build it again", "{length}");
    }
}

/// A small generator of its own, so that a failure can be reproduced.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[derive(Debug)]
enum Damage {
    Bit { at: usize, bit: usize },
    Block { at: usize, bytes: Vec<u8> },
    Cut { length: usize },
}

impl Damage {
    fn new(random: &mut Random, length: usize) -> Self {
        match random.below(10) {
            // The headers, symbols and relocations come first in the file.
            0..4 => Damage::Bit { at: random.below(4096), bit: random.below(8) },
            4..6 => Damage::Bit { at: random.below(length.min(1 << 20)), bit: random.below(8) },
            6..8 => Damage::Bit { at: random.below(length), bit: random.below(8) },
            8 => {
                let at = random.below(length - 64);
                Damage::Block { at, bytes: (0..64).map(|_| random.below(256) as u8).collect() }
            }
            _ => Damage::Cut { length: random.below(length) },
        }
    }

    fn inflict(&self, file: &File, original: &[u8]) {
        match self {
            Damage::Bit { at, bit } => file.write_all_at(&[original[*at] ^ 1 << bit], *at as u64).unwrap(),
            Damage::Block { at, bytes } => file.write_all_at(bytes, *at as u64).unwrap(),
            Damage::Cut { length } => file.set_len(*length as u64).unwrap(),
        }
    }

    fn mend(&self, file: &File, original: &[u8]) {
        match self {
            Damage::Bit { at, .. } => file.write_all_at(&original[*at..=*at], *at as u64).unwrap(),
            Damage::Block { at, bytes } => file.write_all_at(&original[*at..*at + bytes.len()], *at as u64).unwrap(),
            Damage::Cut { length } => file.write_all_at(&original[*length..], *length as u64).unwrap(),
        }
    }
}

/// How many were refused without a child, how many by one, how many ended theirs, how many were taken.
#[derive(Debug, Default)]
struct Tally {
    refused: usize,
    died: usize,
    taken: usize,
}

fn mutate(original: &[u8], seed: u64, times: usize) -> Tally {
    let folder = Folder::new();
    let path = folder.file("libregistry_memory.so", original);
    let file = File::options().write(true).open(&path).unwrap();
    let mut random = Random(seed);
    let mut tally = Tally::default();
    for _ in 0..times {
        let damage = Damage::new(&mut random, original.len());
        damage.inflict(&file, original);
        judge(&path, &damage, &mut tally);
        damage.mend(&file, original);
    }
    verify(&path).expect("the plugin is whole again");
    tally
}

fn judge(path: &Path, damage: &Damage, tally: &mut Tally) {
    let result = plugin::verify_in_child(CHILD, &[], path, None, PATIENCE);
    if result.is_ok() {
        tally.taken += 1;
        return;
    }
    println!("{damage:?}");
    let text = refused(path, result);
    println!("{text}");
    if text.contains("ends the process") {
        tally.died += 1;
    } else {
        tally.refused += 1;
    }
}

#[test]
fn a_thousand_mutated_plugins_harm_no_host() {
    let original = fs::read(memory()).unwrap();
    let tallies: Vec<_> = thread::scope(|scope| {
        let start = |seed| {
            scope.spawn({
                let original = &original;
                move || mutate(original, seed, MUTATIONS / THREADS)
            })
        };
        let threads: Vec<_> = (1..=THREADS as u64).map(|n| start(n + 0x9e37_79b9_7f4a_7c15)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    println!("{tallies:?}");
    let sum = |count: fn(&Tally) -> usize| tallies.iter().map(count).sum::<usize>();
    // Were all of one sort, the damage would not have been what it should be.
    assert!(
        sum(|tally| tally.refused) > 0 && sum(|tally| tally.died) > 0 && sum(|tally| tally.taken) > 0,
        "{tallies:?}"
    );
}
