//! The screen of `top`: what it shows, and what keys do.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Cell, Paragraph, Row as TableRow, Table, TableState};
use ratatui::Frame;

use super::columns::{self, Column};
use super::sample::{Row, Sample};
use crate::human;
use crate::table::Align;

/// A smaller terminal shows nothing of use.
const SMALLEST: (u16, u16) = (40, 7);

/// What is on the screen.
#[derive(Debug, Default)]
pub(super) struct Screen {
    /// What happened last; nothing before the first look.
    sample: Option<Sample>,
    /// So long the application has not answered, in seconds.
    silent_s: u64,
    /// By what rows are sorted; unless chosen, the order of registration.
    sort: Option<Column>,
    reversed: bool,
    /// The plugin that is marked, by its name: it stays marked wherever it goes.
    marked: Option<String>,
    table: TableState,
    /// The columns and the height of the table as they were drawn last.
    columns: Vec<Column>,
    page: usize,
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// The end.
    Quit,
    /// The screen anew.
    Draw,
    /// Nothing.
    Ignore,
}

impl Screen {
    /// Takes what happened last.
    pub(super) fn show(&mut self, sample: Sample) {
        self.sample = Some(sample);
        self.silent_s = 0;
    }

    /// Says that the application has not answered for so many seconds.
    pub(super) fn silent(&mut self, seconds: u64) {
        self.silent_s = seconds;
    }

    /// Does what a key asks for.
    pub(super) fn key(&mut self, key: KeyEvent) -> Action {
        if key.kind == KeyEventKind::Release {
            return Action::Ignore;
        }
        let page = isize::try_from(self.page.max(1)).unwrap_or(isize::MAX);
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Action::Quit,
            KeyCode::Char('c' | 'd') if key.modifiers.contains(KeyModifiers::CONTROL) => return Action::Quit,
            KeyCode::Up | KeyCode::Char('k') => self.move_mark(-1),
            KeyCode::Down | KeyCode::Char('j') => self.move_mark(1),
            KeyCode::PageUp => self.move_mark(-page),
            KeyCode::PageDown | KeyCode::Char(' ') => self.move_mark(page),
            KeyCode::Home => self.move_mark(isize::MIN),
            KeyCode::End => self.move_mark(isize::MAX),
            KeyCode::Right | KeyCode::Char('>') => self.move_sort(true),
            KeyCode::Left | KeyCode::Char('<') => self.move_sort(false),
            KeyCode::Char('r') => self.reversed = !self.reversed,
            KeyCode::Char('0') => (self.sort, self.reversed) = (None, false),
            KeyCode::Char('n') => self.sort_by(Column::Plugin),
            KeyCode::Char('i') => self.sort_by(Column::In),
            KeyCode::Char('o') => self.sort_by(Column::Out),
            KeyCode::Char('w') => self.sort_by(Column::Queued),
            KeyCode::Char('l') => self.sort_by(Column::Lag),
            KeyCode::Char('a') => self.sort_by(Column::Oldest),
            KeyCode::Char('p') => self.sort_by(Column::Cpu),
            KeyCode::Char('m') => self.sort_by(Column::Memory),
            _ => return Action::Ignore,
        }
        Action::Draw
    }

    fn sort_by(&mut self, column: Column) {
        // The same key again turns the order round.
        self.reversed = self.sort == Some(column) && !self.reversed;
        self.sort = Some(column);
    }

    /// To the next column that is shown, or back; left of the first one is the order of registration.
    fn move_sort(&mut self, right: bool) {
        let at = self.sort.and_then(|sort| self.columns.iter().position(|column| *column == sort));
        let to = match (at, right) {
            (None, true) => Some(0),
            (None, false) => self.columns.len().checked_sub(1),
            (Some(at), true) => Some(at + 1),
            (Some(at), false) => at.checked_sub(1),
        };
        self.sort = to.and_then(|to| self.columns.get(to)).copied();
        self.reversed = false;
    }

    fn move_mark(&mut self, by: isize) {
        let rows = self.rows();
        let at = self.marked.as_ref().and_then(|name| rows.iter().position(|row| row.name == *name));
        let to = match at {
            // The first key marks what is on top.
            None if by.unsigned_abs() == 1 => 0,
            at => at.unwrap_or(0).saturating_add_signed(by).min(rows.len().saturating_sub(1)),
        };
        self.marked = rows.get(to).map(|row| row.name.clone());
    }

    /// The plugins as they are sorted.
    fn rows(&self) -> Vec<Row> {
        let mut rows = self.sample.as_ref().map(|sample| sample.plugins.clone()).unwrap_or_default();
        if let Some(column) = self.sort {
            rows.sort_by(|one, other| column.compare(one, other));
        }
        if self.reversed {
            rows.reverse();
        }
        rows
    }

    /// Draws it.
    pub(super) fn draw(&mut self, frame: &mut Frame<'_>) {
        let area = frame.area();
        if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
            frame.render_widget(Paragraph::new("too small for top; q quits"), area);
            return;
        }
        let Some(sample) = self.sample.clone() else {
            frame.render_widget(Paragraph::new("waiting for the application's first answer; q quits"), area);
            return;
        };
        let [title, totals, _, table, marked, keys] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Min(3),
            Constraint::Length(1),
            Constraint::Length(1),
        ])
        .areas(area);
        self.draw_title(frame, title, &sample);
        draw_totals(frame, totals, &sample);
        let rows = self.rows();
        self.draw_table(frame, table, &rows);
        self.draw_marked(frame, marked, &rows);
        draw_keys(frame, keys);
    }

    fn draw_title(&self, frame: &mut Frame<'_>, area: Rect, sample: &Sample) {
        let phase = match sample.phase.as_str() {
            "running" => Style::new().fg(Color::Green),
            _ => Style::new().fg(Color::Yellow),
        };
        let mut left = vec![
            Span::styled(sample.application.clone(), Modifier::BOLD),
            "  ".into(),
            Span::styled(sample.phase.clone(), phase),
            format!("  up {}", human::time(sample.uptime_ms)).into(),
        ];
        if self.silent_s > 0 {
            left.push(Span::styled(
                format!("  no answer for {}s", self.silent_s),
                Style::new().fg(Color::Red),
            ));
        }
        let left = Line::from(left);
        let right = Line::from(format!("event-engine {}  pid {}", sample.engine, sample.pid));
        let [left_width, right_width] =
            [left.width(), right.width()].map(|width| u16::try_from(width).unwrap_or(u16::MAX));
        let [left_area, right_area] =
            Layout::horizontal([Constraint::Min(0), Constraint::Length(right_width)]).areas(area);
        let both = left_width.saturating_add(right_width) < area.width;
        frame.render_widget(left, if both { left_area } else { area });
        if both {
            frame.render_widget(right.style(Modifier::DIM), right_area);
        }
    }

    fn draw_table(&mut self, frame: &mut Frame<'_>, area: Rect, rows: &[Row]) {
        let longest = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
        let columns = columns::fitting(area.width, u16::try_from(longest).unwrap_or(u16::MAX));
        self.columns = columns.iter().map(|(column, _)| *column).collect();
        self.page = usize::from(area.height.saturating_sub(1));
        let marked = self.marked.as_ref().and_then(|name| rows.iter().position(|row| row.name == *name));
        self.table.select(marked);

        let heading = columns.iter().map(|(column, _)| {
            let mark = match (self.sort == Some(*column), self.reversed) {
                (true, false) => "▼",
                (true, true) => "▲",
                (false, _) => "",
            };
            aligned(*column, format!("{}{mark}", column.title()))
        });
        let heading = TableRow::new(heading).style(Modifier::BOLD | Modifier::UNDERLINED);
        let lines = rows.iter().map(|row| {
            TableRow::new(columns.iter().map(|(column, width)| {
                let text = cut(&column.cell(row), *width);
                aligned(*column, text).style(cell_style(*column, row))
            }))
            .style(row_style(row))
        });
        let widths = columns.iter().map(|(_, width)| Constraint::Length(*width));
        let table = Table::new(lines, widths)
            .header(heading)
            .column_spacing(1)
            .row_highlight_style(Modifier::REVERSED);
        frame.render_stateful_widget(table, area, &mut self.table);
    }

    /// All about the marked plugin, or how many there are.
    fn draw_marked(&self, frame: &mut Frame<'_>, area: Rect, rows: &[Row]) {
        let marked = rows.iter().find(|row| Some(&row.name) == self.marked.as_ref());
        let text = match marked {
            None => {
                let first = self.table.offset() + 1;
                let last = (self.table.offset() + self.page).min(rows.len());
                match rows.len() <= self.page {
                    true => format!("{} plugins", rows.len()),
                    false => format!("plugins {first} to {last} of {}", rows.len()),
                }
            }
            Some(row) => {
                let mut text = format!("{}: {}, {}", row.name, row.kind, row.state);
                if !row.detail.is_empty() {
                    text.push_str(&format!(", {}", row.detail));
                }
                if let Some(port) = row.port {
                    text.push_str(&format!(", port {port}"));
                }
                if !row.pids.is_empty() {
                    let pids: Vec<String> = row.pids.iter().map(u32::to_string).collect();
                    text.push_str(&format!(", pid {}", pids.join(" ")));
                }
                text
            }
        };
        frame.render_widget(Line::from(cut(&text, area.width)).style(Modifier::DIM), area);
    }
}

fn draw_totals(frame: &mut Frame<'_>, area: Rect, sample: &Sample) {
    let rate = sample.accepted_per_s.map_or("-".to_owned(), human::rate);
    let parked = match sample.parked {
        0 => Style::new(),
        _ => Style::new().fg(Color::Yellow),
    };
    let ledger = match sample.balances {
        true => Span::raw("ledger balances"),
        false => {
            Span::styled("LEDGER DOES NOT BALANCE", Style::new().fg(Color::Red).add_modifier(Modifier::BOLD))
        }
    };
    frame.render_widget(
        Line::from(vec![
            Span::raw(format!("{rate}/s accepted, {} in all", human::grouped(sample.accepted))),
            Span::raw(format!("  {} for nobody", human::count(sample.unmatched))),
            Span::styled(format!("  {} parked  ", human::count(sample.parked)), parked),
            ledger,
        ]),
        area,
    );
}

fn draw_keys(frame: &mut Frame<'_>, area: Rect) {
    let keys = match area.width {
        0..70 => "q quit  ↑↓ mark  ←→ sort  r reverse",
        70..131 => "q quit  ↑↓ mark  ←→ sort  r reverse  0 as registered  n i o w l a p m sort by",
        _ => {
            "q quit  ↑↓ mark  ←→ sort  r reverse  0 as registered  sort by: n name  i in  o out  w waiting  l lag  a age  p processor  m memory"
        }
    };
    frame.render_widget(Line::from(keys).style(Modifier::DIM), area);
}

fn aligned(column: Column, text: String) -> Cell<'static> {
    let alignment = match column.align() {
        Align::Left => Alignment::Left,
        Align::Right => Alignment::Right,
    };
    Cell::from(Text::from(text).alignment(alignment))
}

/// A text in so many columns; what is left out is marked.
fn cut(text: &str, width: u16) -> String {
    let width = usize::from(width);
    // A control character in a detail would move the terminal's cursor.
    let text: String =
        text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    if text.chars().count() <= width {
        return text;
    }
    let mut text: String = text.chars().take(width.saturating_sub(1)).collect();
    text.push('…');
    text
}

fn row_style(row: &Row) -> Style {
    match row.state.as_str() {
        "failed" | "panicked" | "given-up" | "hung" | "unfinished" => Style::new().fg(Color::Red),
        "starting" | "restarting" => Style::new().fg(Color::Yellow),
        "completed" | "stopped" => Style::new().add_modifier(Modifier::DIM),
        _ => Style::new(),
    }
}

/// What waits long is marked: a second, ten seconds.
fn cell_style(column: Column, row: &Row) -> Style {
    match (column, row.oldest_ms) {
        (Column::Oldest, Some(10_000..)) => Style::new().fg(Color::Red),
        (Column::Oldest, Some(1_000..)) => Style::new().fg(Color::Yellow),
        _ => Style::new(),
    }
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
