//! A row for each client: the state of its session, whether its process ran, and what its network was like.

use std::collections::BTreeMap;

use super::{
    canvas::{Bar, Canvas, ROW},
    legend::{CLOSED, CONNECTED, KILLED, LOST, STOPPED, SUSPENDED, of_fault},
    members::faults,
};
use crate::{
    history::{State, Who},
    judge::facts::{Facts, Life},
};

pub(super) fn draw(facts: &Facts<'_>, canvas: &mut Canvas) {
    let mut clients: BTreeMap<u32, Vec<(Who, &Life<'_>)>> = BTreeMap::new();
    for (who, life) in &facts.lives {
        if let Who::Client(number, _) = who {
            clients.entry(*number).or_default().push((*who, life));
        }
    }
    let end = canvas.end();
    let faults = faults(facts, end);
    for (number, lives) in clients {
        let name = format!("client {number}");
        let top = canvas.row(&name);
        for (who, life) in &lives {
            sessions(life, top, canvas);
            for pause in facts.pauses(*who) {
                let (from, to) = (pause.from, pause.until.min(life.dead.unwrap_or(end)));
                canvas.bar(&Bar {
                    top,
                    down: 2.0,
                    high: 13.0,
                    from,
                    to,
                    colour: STOPPED,
                    words: "stopped",
                    tip: "the process is stopped",
                });
            }
            if let Some(killed) = life.killed {
                canvas.upright(killed.at, top, top + ROW - 2.0, KILLED, 4.0, "the process is killed");
            }
        }
        for fault in faults.iter().filter(|fault| fault.whom.contains(&name)) {
            let of_process = fault.kind.contains("kill") || fault.kind.contains("pause");
            if !of_process {
                let (from, to, colour) = (fault.from, fault.to, of_fault(fault.kind));
                let tip = format!("{}: {}", fault.kind, fault.whom.join(", "));
                canvas.bar(&Bar { top, down: 16.0, high: 6.0, from, to, colour, words: "", tip: &tip });
            }
        }
    }
    canvas.skip(8.0);
}

fn sessions(life: &Life<'_>, top: f64, canvas: &mut Canvas) {
    let over = life.killed.map_or(life.last, |killed| killed.at);
    let opened = life.sessions.first().map(|session| (session.opened.at, State::Connected, session.id));
    let told = life.states.iter().map(|(record, state, id)| (record.at, *state, *id));
    let states: Vec<_> = opened.into_iter().chain(told).collect();
    for (number, (from, state, id)) in states.iter().enumerate() {
        let to = states.get(number + 1).map_or(over, |(next, ..)| *next);
        let (colour, state) = match state {
            State::Connected => (CONNECTED, "connected"),
            State::Suspended => (SUSPENDED, "suspended"),
            State::Lost => (LOST, "lost"),
            State::Closed => (CLOSED, "closed"),
        };
        let tip = format!("session {id:x} {state}");
        canvas.bar(&Bar { top, down: 2.0, high: 13.0, from: *from, to, colour, words: "", tip: &tip });
    }
}
