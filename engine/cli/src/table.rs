//! Plain tables.

/// On which side of its column a cell stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Texts.
    Left,
    /// Numbers.
    Right,
}

/// Lines with the columns under each other, two blanks between them, each line ended.
pub(crate) fn table(columns: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
    let lines = || std::iter::once(&head).chain(rows);
    let width =
        |index: usize| lines().filter_map(|line| line.get(index)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns.len()).map(|index| width(index).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in lines() {
        let mut cells = String::new();
        for ((cell, width), (_, align)) in line.iter().zip(&widths).zip(columns) {
            match align {
                Align::Left => cells.push_str(&format!("{cell:<width$}  ")),
                Align::Right => cells.push_str(&format!("{cell:>width$}  ")),
            }
        }
        text.push_str(cells.trim_end());
        text.push('\n');
    }
    text
}
