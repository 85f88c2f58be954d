//! Faults: which there are, how they are drawn, and how they are made and undone.

mod client;
mod kind;
mod members;
mod plan;
mod stage;

pub(crate) use self::{
    client::play as play_on_client,
    kind::{Kind, Target},
    members::play as play_on_members,
    plan::{Planned, draw},
    stage::{Stage, member_name},
};
