//! Tables for people.

use std::io::{self, Write};

use serde::Serialize;

use crate::printable::printable;

/// A column: its heading, and which side what is in it keeps to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Column {
    Left(&'static str),
    Right(&'static str),
}

impl Column {
    fn heading(self) -> &'static str {
        match self {
            Self::Left(heading) | Self::Right(heading) => heading,
        }
    }
}

/// Something that is one of many: a row for people, as JSON by its [`Serialize`].
pub(crate) trait Row: Serialize {
    const COLUMNS: &'static [Column];

    /// What is in each column.
    fn cells(&self) -> Vec<String>;
}

/// Writes the headings and all rows, columns aligned and two spaces apart; nothing of no rows.
pub(crate) fn write_table<R: Row>(out: &mut dyn Write, rows: &[R]) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let headings = R::COLUMNS.iter().map(|column| column.heading().to_owned()).collect();
    let lines: Vec<Vec<String>> =
        std::iter::once(headings).chain(rows.iter().map(|row| tame(row.cells()))).collect();
    let widths: Vec<usize> = (0..R::COLUMNS.len())
        .map(|at| lines.iter().filter_map(|line| line.get(at)).map(|cell| cell.chars().count()).max())
        .map(Option::unwrap_or_default)
        .collect();
    for line in &lines {
        let mut text = String::new();
        for ((cell, &width), column) in line.iter().zip(&widths).zip(R::COLUMNS) {
            match column {
                Column::Left(_) => text.push_str(&format!("{cell:<width$}  ")),
                Column::Right(_) => text.push_str(&format!("{cell:>width$}  ")),
            }
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}

/// What cannot break a line.
fn tame(cells: Vec<String>) -> Vec<String> {
    cells.into_iter().map(|cell| printable(&cell).replace(['\n', '\t'], " ")).collect()
}

/// A size for people, to one decimal.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.into_iter().find(|(unit, _)| bytes >= *unit) {
        None => format!("{bytes} B"),
        Some((unit, name)) => {
            let tenths = u128::from(bytes) * 10 / u128::from(unit);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Pair(&'static str, u32);

    impl Row for Pair {
        const COLUMNS: &'static [Column] = &[Column::Left("Name"), Column::Right("N")];

        fn cells(&self) -> Vec<String> {
            vec![self.0.into(), self.1.to_string()]
        }
    }

    fn table(rows: &[Pair]) -> String {
        let mut out = Vec::new();
        write_table(&mut out, rows).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_aligned_by_their_widest_cell_and_lines_have_no_spaces_at_their_end() {
        assert_eq!(
            table(&[Pair("äöü-long", 7), Pair("b", 123)]),
            "Name        N\näöü-long    7\nb         123\n"
        );
        assert_eq!(table(&[]), "");
    }

    #[test]
    fn no_cell_breaks_a_line_or_reaches_the_terminal_with_control_characters() {
        assert_eq!(table(&[Pair("a\n\u{1b}", 1)]).lines().count(), 2);
        assert!(table(&[Pair("a\n\u{1b}", 1)]).contains("a \\u{1b}"));
    }

    #[test]
    fn sizes_are_in_the_greatest_unit_that_they_fill() {
        assert_eq!(
            [0, 1023, 1024, 1536, 5 << 30].map(size),
            ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "5.0 GiB"]
        );
    }
}
