//! Names and values, one pair a line.

use super::{Output, live, table};

/// A line for each pair, the values below each other; on a terminal a value that doesn't fit takes several lines.
pub(crate) fn lines(fields: &[(&str, String)], output: &Output) -> Vec<String> {
    let begin = fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default() + 3;
    let room = output.is_terminal().then(|| live::size().0.saturating_sub(begin));
    let lines = fields.iter().flat_map(|(name, value)| {
        let values = match room {
            Some(room) if value.chars().count() > room => table::wrapped(value, room),
            _ => vec![value.clone()],
        };
        let line = move |(at, value): (usize, String)| format!("{:begin$}{value}", if at == 0 { name } else { "" });
        values.into_iter().enumerate().map(line)
    });
    lines.collect()
}
