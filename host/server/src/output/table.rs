//! Tables without lines.

use comfy_table::{ContentArrangement, Table, TableStyle};

use super::Output;

/// The lines of a table.
pub(crate) fn plain(heading: &[&str], rows: Vec<Vec<String>>) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(heading.iter().copied());
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// The lines of a table, the heading bold where somebody sees it.
pub(crate) fn lines(heading: &[&str], rows: Vec<Vec<String>>, output: &Output) -> Vec<String> {
    let mut lines = plain(heading, rows);
    if let Some(heading) = lines.first_mut() {
        *heading = output.bold(std::mem::take(heading));
    }
    lines
}
