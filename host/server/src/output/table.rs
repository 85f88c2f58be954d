//! Tables without lines.

use comfy_table::{ContentArrangement, Table, TableStyle};

use super::Output;

/// The lines of a table, the heading bold on a terminal.
pub(crate) fn lines(heading: &[&str], rows: Vec<Vec<String>>, output: &Output) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(heading.iter().copied());
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines = table.lines().map(|line| line.trim_end().to_owned());
    lines.enumerate().map(|(at, line)| if at == 0 { output.bold(line) } else { line }).collect()
}
