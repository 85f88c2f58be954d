//! A row for each lock: who held it, and with what token; and for each role: which master took over for which server.

use std::collections::BTreeMap;

use super::{
    canvas::{Bar, Canvas, ROW},
    legend::of_holder,
};
use crate::{
    history::Who,
    judge::{
        facts::Facts,
        failovers::{TakeOver, take_overs},
        holders::{Hold, holds},
    },
};

pub(super) fn draw(facts: &Facts<'_>, canvas: &mut Canvas) {
    let mut locks: BTreeMap<&str, Vec<Hold<'_>>> = BTreeMap::new();
    for hold in holds(facts) {
        locks.entry(hold.lock).or_default().push(hold);
    }
    for (lock, holds) in locks {
        let top = canvas.row(lock);
        for hold in holds {
            let Who::Client(client, life) = hold.span.who() else { continue };
            let words = format!("#{}", hold.token);
            let tip = format!("client {client}, life {life}, token {}", hold.token);
            let (from, to) = (hold.span.from.at, hold.span.until.min(canvas.end()));
            canvas.bar(&Bar {
                top,
                down: 3.0,
                high: ROW - 6.0,
                from,
                to,
                colour: of_holder(client),
                words: &words,
                tip: &tip,
            });
        }
    }
}

pub(super) fn draw_take_overs(facts: &Facts<'_>, canvas: &mut Canvas) {
    let mut roles: BTreeMap<&str, Vec<TakeOver<'_>>> = BTreeMap::new();
    for take_over in take_overs(facts) {
        roles.entry(take_over.role()).or_default().push(take_over);
    }
    for (role, take_overs) in roles {
        let top = canvas.row(&format!("for {role}s"));
        for TakeOver { server, token, span, done } in take_overs {
            let Who::Client(client, life) = span.who() else { continue };
            let how = if done { "took over" } else { "did not get to take over" };
            canvas.bar(&Bar {
                top,
                down: 3.0,
                high: ROW - 6.0,
                from: span.from.at,
                to: span.until.min(canvas.end()),
                colour: of_holder(client),
                words: &format!("#{token}"),
                tip: &format!("client {client}, life {life}, {how} for {server} with token {token}"),
            });
        }
    }
}
