//! Tables without lines.

use comfy_table::{ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width};

use super::{Output, live};

/// What stands between two rows until they are told apart: no cell has it.
const BETWEEN: char = '\u{1}';

/// What is indented below a row, and how far.
const INDENT: &str = "    ";

/// With less room than this a last column is not readable, and stands below its row instead.
const NARROWEST: usize = 24;

/// The lines of a table, the heading bold where somebody sees it.
pub(crate) fn lines(heading: &[&str], rows: Vec<Vec<String>>, output: &Output) -> Vec<String> {
    // A program that reads it line by line, through a pipe, gets each row whole.
    let columns = output.is_terminal().then(|| live::size().0);
    let mut blocks = blocks(heading, rows, columns).into_iter();
    let heading = blocks.next().unwrap_or_default().into_iter().map(|line| output.bold(line));
    heading.chain(blocks.flatten()).collect()
}

/// The lines of the heading, then those of each row. In a terminal of so many columns none is longer: a cell that
/// doesn't fit takes several lines, and a last column without enough room stands below its row.
pub(crate) fn blocks(heading: &[&str], mut rows: Vec<Vec<String>>, columns: Option<usize>) -> Vec<Vec<String>> {
    let Some(columns) = columns else { return arranged(heading, rows, |_| {}) };
    let columns = columns.max(1);
    let widths = widths(heading, &rows, |cell| cell.chars().count());
    let Some((last, before)) = widths.split_last() else { return Vec::new() };
    let before: usize = before.iter().map(|width| width + 2).sum();
    if before + last <= columns {
        return arranged(heading, rows, |_| {});
    }
    match heading.split_last() {
        Some((title, heading)) if !heading.is_empty() && before + NARROWEST > columns => {
            let notes: Vec<_> = rows.iter_mut().map(|row| row.pop().unwrap_or_default()).collect();
            let mut blocks = folded(heading, rows, columns);
            for (block, note) in blocks.iter_mut().skip(1).zip(notes).filter(|(_, note)| !note.is_empty()) {
                let note = format!("{}: {note}", title.to_lowercase());
                let room = columns.saturating_sub(INDENT.len());
                block.extend(wrapped(&note, room).into_iter().map(|line| format!("{INDENT}{line}")));
            }
            blocks
        }
        _ => folded(heading, rows, columns),
    }
}

/// A text on as many lines as it takes in so many columns.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut table = plain();
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(u16::try_from(columns).unwrap_or(u16::MAX));
    table.add_row([text]);
    for column in table.column_iter_mut() {
        column.set_padding((0, 0));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// A table whose cells are folded between words, and within those that are longer than the terminal has room for.
fn folded(heading: &[&str], rows: Vec<Vec<String>>, columns: usize) -> Vec<Vec<String>> {
    let longest_word = |cell: &str| cell.split(' ').map(|word| word.chars().count()).max().unwrap_or_default();
    let words = widths(heading, &rows, longest_word);
    let needs = |padding: usize, most: usize| words.iter().map(|word| word.min(&most) + padding).sum::<usize>();
    let padding = if needs(2, usize::MAX) <= columns { 2 } else { 1 };
    let mut most = words.iter().copied().max().unwrap_or_default();
    while most > 1 && needs(padding, most) > columns {
        most -= 1;
    }
    // What is left after each column's longest word goes first to those that need the least of it.
    let mut left = columns.saturating_sub(needs(padding, most));
    let whole = widths(heading, &rows, |cell| cell.chars().count());
    let mut content: Vec<_> = words.iter().map(|word| (*word).clamp(1, most.max(1))).collect();
    let mut order: Vec<_> = (0..content.len()).collect();
    order.sort_by_key(|at| whole[*at] - content[*at].min(whole[*at]));
    for (done, at) in order.iter().copied().enumerate() {
        let more = whole[at].saturating_sub(content[at]).min(left / (order.len() - done));
        content[at] += more;
        left -= more;
    }
    arranged(heading, rows, |table| {
        for (column, content) in table.column_iter_mut().zip(content) {
            column.set_padding((0, u16::try_from(padding).unwrap_or_default()));
            let width = Width::Fixed(u16::try_from(content + padding).unwrap_or(u16::MAX));
            column.set_constraint(ColumnConstraint::Absolute(width));
        }
    })
}

/// For each column the most that a cell of it or its heading measures.
fn widths(heading: &[&str], rows: &[Vec<String>], measure: impl Fn(&str) -> usize) -> Vec<usize> {
    let column = |(at, title): (usize, &&str)| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| measure(cell));
        cells.max().unwrap_or_default().max(measure(title))
    };
    heading.iter().enumerate().map(column).collect()
}

fn plain() -> Table {
    let between = LineStyle::none().fill(BETWEEN);
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(between).row_separator(between));
    table.set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn arranged(heading: &[&str], rows: Vec<Vec<String>>, arrange: impl FnOnce(&mut Table)) -> Vec<Vec<String>> {
    let mut table = plain();
    table.set_header(heading.iter().copied());
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    arrange(&mut table);
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.split(|line| line.contains(BETWEEN)).map(<[String]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: [&str; 4] = ["ADDRESS", "STATUS", "BEAT", "REASON"];

    fn row(reason: &str) -> Vec<String> {
        ["10.0.0.7:1234", "abnormal", "0.1s ahead", reason].map(str::to_owned).into()
    }

    #[test]
    fn a_table_that_fits_has_a_line_for_each_row() {
        let blocks = blocks(&HEADING, vec![row("load 9.1 > 4"), row("")], Some(80));
        let expected = [
            vec!["ADDRESS        STATUS    BEAT        REASON"],
            vec!["10.0.0.7:1234  abnormal  0.1s ahead  load 9.1 > 4"],
            vec!["10.0.0.7:1234  abnormal  0.1s ahead"],
        ];
        assert_eq!(blocks, expected);
    }

    #[test]
    fn a_narrow_table_loses_and_breaks_no_word() {
        let reason = "load 9.1 > 4, memory 0.2 GB < 0.3, and a reason that nobody has ever given before";
        for columns in [30, 40, 50, 60, 80, 100] {
            let blocks = blocks(&HEADING, vec![row(reason), row("")], Some(columns));
            assert_eq!(blocks.len(), 3, "{blocks:?}");
            let wide = blocks.iter().flatten().map(|line| line.chars().count()).max();
            assert!(wide <= Some(columns), "{columns}: {blocks:?}");
            let words: Vec<_> = blocks[1].iter().flat_map(|line| line.split_whitespace()).collect();
            for word in reason.split(' ').chain(["10.0.0.7:1234", "abnormal", "0.1s", "ahead"]) {
                assert!(words.contains(&word), "{columns}: {word}: {blocks:?}");
            }
        }
    }

    #[test]
    fn a_word_that_is_longer_than_a_terminal_is_broken() {
        let row = vec!["x".repeat(100), "y".repeat(100)];
        let blocks = blocks(&["A", "B"], vec![row], Some(40));
        assert!(blocks.iter().flatten().all(|line| line.chars().count() <= 40), "{blocks:?}");
        let text = blocks.iter().flatten().cloned().collect::<String>();
        assert_eq!((text.matches('x').count(), text.matches('y').count()), (100, 100));
    }
}
