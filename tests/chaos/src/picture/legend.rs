//! The colours, and what they say.

use super::canvas::Canvas;

pub(super) const UP: &str = "#cfe8cf";
pub(super) const LEADS: &str = "#2f6fb0";
pub(super) const KILLED: &str = "#8c2d2d";
pub(super) const STOPPED: &str = "#e0a030";
pub(super) const CUT: &str = "#9467bd";
pub(super) const OTHER: &str = "#8fa3ad";
pub(super) const CONNECTED: &str = "#8fd08f";
pub(super) const SUSPENDED: &str = "#f5e663";
pub(super) const LOST: &str = "#ef7d6b";
pub(super) const CLOSED: &str = "#d9d9d9";

/// The colours of holders, by the client's number.
const HOLDERS: [&str; 8] = ["#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#edc948", "#76b7b2", "#9c755f", "#ff9da7"];

pub(super) fn of_holder(client: u32) -> &'static str {
    HOLDERS[client as usize % HOLDERS.len()]
}

/// What a kind of fault is coloured.
pub(super) fn of_fault(kind: &str) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|word| kind.contains(word));
    if says(&["kill", "restart"]) {
        KILLED
    } else if says(&["pause", "quorum"]) {
        STOPPED
    } else if says(&["cut", "silent", "isolate", "partition", "reset"]) {
        CUT
    } else {
        OTHER
    }
}

pub(super) fn draw(canvas: &mut Canvas, clients: u32) {
    canvas.skip(6.0);
    let of_servers = [
        (UP, "member up"),
        (LEADS, "leads"),
        (KILLED, "killed"),
        (STOPPED, "stopped"),
        (CUT, "network cut, silent, reset"),
        (OTHER, "another fault"),
    ];
    let of_sessions = [(CONNECTED, "session connected"), (SUSPENDED, "suspended"), (LOST, "lost"), (CLOSED, "closed")];
    for samples in [&of_servers[..], &of_sessions[..]] {
        samples.iter().fold(10.0, |x, (colour, words)| canvas.sample(x, colour, words));
        canvas.skip(18.0);
    }
    (0..clients.min(HOLDERS.len() as u32))
        .fold(10.0, |x, client| canvas.sample(x, of_holder(client), &format!("client {client}")));
    canvas.skip(18.0);
    canvas.words("A lock's bar is as long as its holder could believe to hold it, a take-over's as it lasted; the number is the fencing token. Red lines are findings.", "#555555");
}
