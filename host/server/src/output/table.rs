//! Tables without lines.

use comfy_table::{ContentArrangement, Table, TableStyle};

use super::{Output, live};

/// The lines of a table, each row on one.
pub(crate) fn plain(heading: &[&str], rows: Vec<Vec<String>>) -> Vec<String> {
    arranged(heading, rows, None)
}

/// The lines of a table. In a terminal of so many columns a cell that doesn't fit takes several lines.
fn arranged(heading: &[&str], rows: Vec<Vec<String>>, columns: Option<usize>) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Disabled);
    if let Some(columns) = columns {
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(columns).unwrap_or(u16::MAX));
    }
    table.set_header(heading.iter().copied());
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// The lines of a table, the heading bold where somebody sees it.
pub(crate) fn lines(heading: &[&str], rows: Vec<Vec<String>>, output: &Output) -> Vec<String> {
    // Whoever reads it line by line, through a pipe, gets each row whole.
    let columns = output.is_terminal().then(|| live::size().0);
    let mut lines = arranged(heading, rows, columns);
    if let Some(heading) = lines.first_mut() {
        *heading = output.bold(std::mem::take(heading));
    }
    lines
}
