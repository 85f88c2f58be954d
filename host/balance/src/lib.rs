//! Ways to choose one of several by weight.
//!
//! What is chosen is known by a key, such as its address. Every way is a plain function of keys, weights and what it
//! remembers; none asks for the time or for chance.

#![forbid(unsafe_code)]

mod credits;
mod random;
mod smooth;
#[cfg(test)]
mod tests;
mod warm_up;

pub use self::{
    credits::Credits,
    random::random,
    smooth::Smooth,
    warm_up::{coldness, warm},
};
