//! The columns of `top`: what each shows, how wide, and how rows are sorted by it.

use std::cmp::Ordering;

use super::sample::Row;
use crate::human;
use crate::table::Align;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Plugin,
    State,
    In,
    Out,
    Queued,
    Bytes,
    Flight,
    Lag,
    Oldest,
    Restarts,
    Cpu,
    Memory,
    Detail,
}

/// All, from left to right.
const ALL: [Column; 13] = [
    Column::Plugin,
    Column::State,
    Column::In,
    Column::Out,
    Column::Queued,
    Column::Bytes,
    Column::Flight,
    Column::Lag,
    Column::Oldest,
    Column::Restarts,
    Column::Cpu,
    Column::Memory,
    Column::Detail,
];

/// In a narrow terminal these go, the first one first.
const DISPENSABLE: [Column; 10] = [
    Column::Detail,
    Column::Bytes,
    Column::Flight,
    Column::Memory,
    Column::Cpu,
    Column::Restarts,
    Column::Lag,
    Column::Oldest,
    Column::Out,
    Column::State,
];

/// The narrowest column of plugins' names, and the widest.
const NAME_WIDTHS: (u16, u16) = (12, 32);
/// The narrowest column of details that is of use.
const DETAIL_WIDTH: u16 = 20;

impl Column {
    /// Its heading.
    pub(super) fn title(self) -> &'static str {
        match self {
            Column::Plugin => "PLUGIN",
            Column::State => "STATE",
            Column::In => "IN/s",
            Column::Out => "OUT/s",
            Column::Queued => "QUEUED",
            Column::Bytes => "BYTES",
            Column::Flight => "FLIGHT",
            Column::Lag => "LAG",
            Column::Oldest => "OLDEST",
            Column::Restarts => "RST",
            Column::Cpu => "CPU%",
            Column::Memory => "MEM",
            Column::Detail => "DETAIL",
        }
    }

    /// On which side of it the cells stand.
    pub(super) fn align(self) -> Align {
        match self {
            Column::Plugin | Column::State | Column::Detail => Align::Left,
            _ => Align::Right,
        }
    }

    /// Its width, where that does not depend on what is shown. Room for the mark of the sorted column is in it.
    fn width(self) -> u16 {
        match self {
            Column::Plugin => NAME_WIDTHS.0,
            Column::State => 10,
            Column::In | Column::Out | Column::Bytes | Column::Lag => 6,
            Column::Queued | Column::Flight | Column::Oldest => 7,
            Column::Restarts => 4,
            Column::Cpu => 5,
            Column::Memory => 6,
            Column::Detail => DETAIL_WIDTH,
        }
    }

    /// What it says of a plugin.
    pub(super) fn cell(self, row: &Row) -> String {
        match self {
            Column::Plugin => row.name.clone(),
            Column::State => row.state.clone(),
            Column::In => or_blank(row.in_per_s.map(human::rate)),
            Column::Out => or_blank(row.out_per_s.map(human::rate)),
            Column::Queued => match row.queued_change {
                0 => format!("{} ", human::count(row.queued)),
                1.. => format!("{}↑", human::count(row.queued)),
                _ => format!("{}↓", human::count(row.queued)),
            },
            Column::Bytes => human::bytes(row.queued_bytes),
            Column::Flight => human::count(row.in_flight),
            Column::Lag => human::count(row.lag),
            Column::Oldest => or_blank(row.oldest_ms.map(human::time)),
            Column::Restarts => human::count(row.restarts),
            Column::Cpu => or_blank(row.cpu_percent.map(|percent| format!("{percent:.0}"))),
            Column::Memory => or_blank(row.rss_bytes.map(human::bytes)),
            Column::Detail => row.detail.clone(),
        }
    }

    /// The order of two plugins by it: texts from A on, of numbers the largest first.
    pub(super) fn compare(self, one: &Row, other: &Row) -> Ordering {
        let rate =
            |one: Option<f64>, other: Option<f64>| other.unwrap_or(-1.0).total_cmp(&one.unwrap_or(-1.0));
        match self {
            Column::Plugin => one.name.cmp(&other.name),
            Column::State => one.state.cmp(&other.state),
            Column::In => rate(one.in_per_s, other.in_per_s),
            Column::Out => rate(one.out_per_s, other.out_per_s),
            Column::Queued => other.queued.cmp(&one.queued),
            Column::Bytes => other.queued_bytes.cmp(&one.queued_bytes),
            Column::Flight => other.in_flight.cmp(&one.in_flight),
            Column::Lag => other.lag.cmp(&one.lag),
            Column::Oldest => other.oldest_ms.cmp(&one.oldest_ms),
            Column::Restarts => other.restarts.cmp(&one.restarts),
            Column::Cpu => rate(one.cpu_percent, other.cpu_percent),
            Column::Memory => other.rss_bytes.cmp(&one.rss_bytes),
            Column::Detail => one.detail.cmp(&other.detail),
        }
    }
}

/// The columns that fit into `width` with a blank between them, each with its own width. `longest` is that of the plugins' names.
pub(super) fn fitting(width: u16, longest: u16) -> Vec<(Column, u16)> {
    let mut columns: Vec<(Column, u16)> = ALL.map(|column| (column, column.width())).to_vec();
    let needed =
        |columns: &[(Column, u16)]| columns.iter().map(|(_, width)| width + 1).sum::<u16>().saturating_sub(1);
    for dispensable in DISPENSABLE {
        if needed(&columns) <= width {
            break;
        }
        columns.retain(|(column, _)| *column != dispensable);
    }
    // What is left goes to the names, as far as they need it, and then to the details.
    let mut left = width.saturating_sub(needed(&columns));
    if let Some((_, name)) = columns.first_mut() {
        let more = longest.clamp(NAME_WIDTHS.0, NAME_WIDTHS.1).saturating_sub(*name).min(left);
        *name += more;
        left -= more;
    }
    if let Some((_, detail)) = columns.last_mut().filter(|(column, _)| *column == Column::Detail) {
        *detail += left;
    }
    columns
}

fn or_blank(cell: Option<String>) -> String {
    cell.unwrap_or_else(|| "-".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fit_into_any_width() {
        for width in 0..200_u16 {
            let columns = fitting(width, 40);
            let needed: u16 = columns.iter().map(|(_, width)| width + 1).sum::<u16>() - 1;
            // The names, what comes in and what waits are always there.
            assert!(needed <= width || columns.len() == 3, "{width}: {columns:?}");
        }
        let titles =
            |width| fitting(width, 6).iter().map(|(column, _)| column.title()).collect::<Vec<_>>().join(" ");
        assert_eq!(titles(80), "PLUGIN STATE IN/s OUT/s QUEUED LAG OLDEST RST CPU% MEM");
        assert_eq!(titles(160), "PLUGIN STATE IN/s OUT/s QUEUED BYTES FLIGHT LAG OLDEST RST CPU% MEM DETAIL");
        assert_eq!(titles(40), "PLUGIN STATE IN/s QUEUED");
    }
}
