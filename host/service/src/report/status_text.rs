//! The status report as tables: at a terminal and in Markdown. Start at [`StatusReport::text`].

use lagdoctor_model::{GroupStatus, Millis};

use super::fold;
use super::json::GapJson;
use super::page::{Page, Paint, Style, clean};
use super::status::{GroupReport, PartitionReport, StatusReport};
use super::text::list;
use lagdoctor_diagnosis::number::{number, whole};

/// Which rows a status table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// One for each group.
    Groups,
    /// One for each partition, below its group.
    Partitions,
}

/// Which side a column keeps to.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Left,
    Right,
}

const GROUP_COLUMNS: [(&str, Side); 8] = [
    ("GROUP", Side::Left),
    ("STATE", Side::Left),
    ("STATUS", Side::Left),
    ("BACKLOG", Side::Right),
    ("TREND", Side::Right),
    ("TIME LAG", Side::Right),
    ("MEMBERS", Side::Right),
    ("PARTITIONS", Side::Right),
];
const PARTITION_COLUMNS: [(&str, Side); 6] = [
    ("PARTITION", Side::Left),
    ("STATUS", Side::Left),
    ("COMMITTED", Side::Right),
    ("LOG END", Side::Right),
    ("LAG", Side::Right),
    ("TIME LAG", Side::Right),
];

/// A column this wide or wider is cut in the middle, so that one long name does not push all numbers off the screen.
const WIDEST: usize = 48;

impl StatusReport {
    /// As people read it at a terminal.
    pub fn text(&self, style: Style, rows: Rows) -> String {
        let mut page = Page::new(style);
        if self.groups.is_empty() {
            page.hanging("", Paint::Normal, self.nothing(), Paint::Warn);
        } else if rows == Rows::Groups {
            table(&mut page, &GROUP_COLUMNS, self.groups.iter().map(|group| (group.status, group_row(group))));
        } else {
            for group in &self.groups {
                page.blank();
                table(&mut page, &GROUP_COLUMNS, std::iter::once((group.status, group_row(group))));
                page.blank();
                let partitions = group.partitions.iter();
                table(&mut page, &PARTITION_COLUMNS, partitions.map(|known| (known.status, partition_row(known))));
            }
        }
        if self.groups.iter().any(|group| !group.judged) {
            page.blank();
            let why = "UNKNOWN: too little of the past is known to judge; ask again in a few minutes, or name a Prometheus that knows.";
            page.hanging("", Paint::Normal, why, Paint::Faint);
        }
        let gaps = fold::gaps(self.gaps.iter().map(GapJson::parts));
        list(&mut page, "COULD NOT BE SEEN", "  ! ", Paint::Warn, &gaps);
        page.finish()
    }

    /// Why there is no row.
    fn nothing(&self) -> &'static str {
        let is_blind = self.gaps.iter().any(GapJson::is_blinding);
        if is_blind { "No consumer group could be seen; why is told below." } else { "No consumer group was found." }
    }

    /// As tickets and chats show it.
    pub fn markdown(&self, rows: Rows) -> String {
        let mut out = String::new();
        pipes(&mut out, &GROUP_COLUMNS, self.groups.iter().map(group_row));
        if rows == Rows::Partitions {
            for group in &self.groups {
                out.push('\n');
                pipes(&mut out, &PARTITION_COLUMNS, group.partitions.iter().map(partition_row));
            }
        }
        for gap in fold::gaps(self.gaps.iter().map(GapJson::parts)) {
            out.push_str(&format!("\n- could not be seen: {}", cell(&gap)));
        }
        out.trim_end().to_owned() + "\n"
    }
}

fn group_row(group: &GroupReport) -> Vec<String> {
    let name =
        if group.cluster.is_empty() { group.group.clone() } else { format!("{}/{}", group.cluster, group.group) };
    let all = group.partitions.len();
    let behind = group.partitions.iter().filter(|known| known.status > GroupStatus::Unknown).count();
    vec![
        name,
        group.state.clone(),
        group.status.to_string(),
        group.backlog.map_or_else(dash, whole),
        group.growth_per_s.map_or_else(dash, trend),
        group.time_lag_ms.map_or_else(dash, time),
        group.members.map_or_else(dash, whole),
        if group.judged || behind > 0 { format!("{behind}/{all} behind") } else { format!("{all}") },
    ]
}

fn partition_row(partition: &PartitionReport) -> Vec<String> {
    vec![
        format!("{}/{}", partition.topic, partition.partition),
        partition.status.to_string(),
        partition.committed.map_or_else(|| "none".into(), whole),
        partition.log_end.map_or_else(dash, whole),
        partition.lag.map_or_else(dash, whole),
        partition.time_lag_ms.map_or_else(dash, time),
    ]
}

fn dash() -> String {
    "-".into()
}

fn trend(growth: f64) -> String {
    match growth {
        growth if growth >= 0.5 => format!("↑ {}/s", number(growth)),
        growth if growth <= -0.5 => format!("↓ {}/s", number(-growth)),
        _ => "→".into(),
    }
}

fn time(ms: i64) -> String {
    Millis::new(ms).map_or_else(|_| dash(), |time| time.to_string())
}

/// In full up to [`WIDEST`], else both ends with `…` between.
fn short(text: &str) -> String {
    let letters: Vec<char> = clean(text).chars().collect();
    if letters.len() <= WIDEST {
        return letters.into_iter().collect();
    }
    let half = (WIDEST - 1) / 2;
    letters[..half].iter().chain(['…'].iter()).chain(&letters[letters.len() - half..]).collect()
}

fn paint(status: GroupStatus) -> Paint {
    match status {
        GroupStatus::Ok => Paint::Good,
        GroupStatus::Unknown => Paint::Faint,
        GroupStatus::Warn => Paint::Warn,
        GroupStatus::Err | GroupStatus::Stop | GroupStatus::Stall | GroupStatus::Rewind => Paint::Bad,
    }
}

fn table(page: &mut Page, columns: &[(&str, Side)], rows: impl Iterator<Item = (GroupStatus, Vec<String>)>) {
    let rows: Vec<(GroupStatus, Vec<String>)> =
        rows.map(|(status, row)| (status, row.iter().map(|text| short(text)).collect())).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|(_, row)| row.get(column)).map(|text| text.chars().count());
        cells.chain([columns[column].0.chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let padded = |column: usize, text: &str| {
        let fill = " ".repeat(widths[column].saturating_sub(text.chars().count()));
        match columns[column].1 {
            Side::Left => format!("{text}{fill}  "),
            Side::Right => format!("{fill}{text}  "),
        }
    };
    let head: String = columns.iter().enumerate().map(|(column, (name, _))| padded(column, name)).collect();
    page.pieces(0, &[(&head, Paint::Faint)]);
    for (status, row) in &rows {
        let cells: Vec<_> = row.iter().enumerate().map(|(column, text)| padded(column, text)).collect();
        let pieces: Vec<_> = cells
            .iter()
            .zip(columns)
            .map(|(text, (name, _))| (text.as_str(), if *name == "STATUS" { paint(*status) } else { Paint::Normal }))
            .collect();
        page.pieces(0, &pieces);
    }
}

fn pipes(out: &mut String, columns: &[(&str, Side)], rows: impl Iterator<Item = Vec<String>>) {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    out.push_str(&line(columns.iter().map(|(name, _)| name.to_lowercase()).collect()));
    let rule = |(_, side): &(&str, Side)| if *side == Side::Right { "---:" } else { "---" }.to_owned();
    out.push_str(&line(columns.iter().map(rule).collect()));
    for row in rows {
        out.push_str(&line(row.iter().map(|text| cell(text)).collect()));
    }
}

fn cell(text: &str) -> String {
    super::markdown::escaped(text)
}
