//! A row for each lock: who held it, and with what token.

use std::collections::BTreeMap;

use super::{
    canvas::{Bar, Canvas, ROW},
    legend::of_holder,
};
use crate::{
    history::Who,
    judge::{
        facts::Facts,
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
            let Who::Client(client, life) = hold.who else { continue };
            let words = format!("#{}", hold.token);
            let tip = format!("client {client}, life {life}, token {}", hold.token);
            let (from, to) = (hold.from.at, hold.until.min(canvas.end()));
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
