//! Programs of clients that run at once: there is an order of all calls in which every answer is the model's, and in
//! which each call stands between its beginning and its end.

mod call;
mod client;
mod numbers;
mod own_reads;
mod play;
mod program;
mod record;
mod specification;
mod strays;
mod tests;

use std::fs;

use proptest::test_runner::TestCaseError;

pub(crate) use self::{play::play, program::program};
use crate::{
    backend::{BACKENDS, Backend},
    span,
};

/// How many programs are played unless something else is asked for.
const USUAL: u32 = 40;

/// How often each program is played, as what comes of it is not always the same.
const TIMES: usize = 2;

/// The same for one that has failed, and for what it is made into to find a shorter one that fails.
const TIMES_ONCE_FAILED: usize = 20;

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/histories/regressions/concurrent");

#[test]
fn concurrent_clients_find_one_order_on_every_backend() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    // Those that have failed before come first.
    let mut kept =
        fs::read_to_string(KEPT).map_or(0, |kept| kept.lines().filter(|line| line.starts_with("cc ")).count());
    // All, until one has failed.
    let mut backends: Vec<_> = BACKENDS.iter().map(Backend::reach).collect();
    let mut times = TIMES;
    span::play(USUAL, KEPT, program(), |program| {
        let times_now = if kept > 0 { TIMES_ONCE_FAILED } else { times };
        kept = kept.saturating_sub(1);
        let fails = |backend: &Backend| (0..times_now).find_map(|_| runtime.block_on(play(backend, &program)).err());
        match backends.iter().find_map(|backend| Some((backend.clone(), fails(backend)?))) {
            None => Ok(()),
            Some((backend, why)) => {
                (backends, times) = (vec![backend], TIMES_ONCE_FAILED);
                Err(TestCaseError::fail(why))
            }
        }
    });
}
