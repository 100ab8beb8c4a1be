//! Columns that stand under each other, for people at a terminal.

use super::page::clean;

/// On which side of its column a cell stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// One line for the head and one for each row, each column as wide as its widest cell, two spaces between columns. Cells
/// lose their control characters; the last column is not filled up.
pub fn table(columns: &[(&str, Align)], rows: &[Vec<String>]) -> Vec<String> {
    let head = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
    let rows: Vec<Vec<String>> =
        std::iter::once(head).chain(rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect())).collect();
    let letters = |text: &str| text.chars().count();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| letters(cell)).max();
    let widths: Vec<usize> = (0..columns.len()).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).zip(columns).map(|((cell, width), (_, align))| {
            let fill = " ".repeat(width.saturating_sub(letters(cell)));
            if *align == Align::Left { format!("{cell}{fill}") } else { format!("{fill}{cell}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other_whatever_is_in_them() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [row(["scorer", "7", "it\u{1b}[2J traps"]), row(["größer-als-alle", "12345", ""])];
        let lines = table(&[("NAME", Align::Left), ("CALLS", Align::Right), ("WHY", Align::Left)], &rows);
        insta::assert_snapshot!(lines.join("\n"), @r"
        NAME             CALLS  WHY
        scorer               7  it�[2J traps
        größer-als-alle  12345
        ");
    }
}
