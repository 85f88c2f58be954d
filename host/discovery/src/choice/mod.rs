//! Choosing one of a service's providers.
//!
//! Every way is a plain function of the candidates, of what it remembers and of a number that stands for chance; none
//! asks for the time. What it shares with the balancing of a cluster's servers is in `registry-balance`.

mod candidate;
mod consistent;
mod policy;
#[cfg(test)]
mod tests;
mod weight;

pub use self::{
    candidate::{Candidate, in_zone, least_active, random, shortest_response, sticky},
    consistent::consistent,
    policy::{Chooser, Policy},
    weight::{USUAL_WEIGHT, WARM_UP, weight},
};
