//! Loading plugins: what is taken, what is refused and in which words, and that no file harms the host.

mod beside;
mod child;
mod damaged;
mod refused;
mod search;
mod support;
mod trust;
