//! How the plugins of a running service stand: for programs ([`PluginsReport::json`]; `schema/plugins.schema.json`
//! describes it, fields are only added), and for people ([`PluginsReport::text`]). The program that asks a service reads
//! the same type back.

use lagdoctor_model::Timestamp;
use lagdoctor_runtime::{Failure, PluginState, Standing};
use serde::{Deserialize, Serialize};

use super::json::PluginUse;
use super::markdown::escaped;
use super::page::{Page, Paint, Style};
use super::table::{Align, table};

/// Version of the promise; grows when a field is added.
const SCHEMA: u32 = 1;
/// By which a reader knows whom it has asked.
const PROGRAM: &str = "lagdoctor";

/// All plugins of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginsReport {
    schema: u32,
    program: String,
    version: String,
    at_ms: i64,
    /// By world and name.
    pub plugins: Vec<PluginReport>,
}

/// One plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginReport {
    /// What gaps and findings call it. No two plugins of a service are called the same.
    pub name: String,
    /// Its job, such as `scorer`.
    pub world: String,
    /// Its own version.
    pub version: String,
    /// SHA-256 of its component, in hex.
    pub sha256: String,
    /// `ready`, `quarantined` or `probing`.
    pub state: String,
    /// Why it is not called.
    pub reason: Option<String>,
    /// The same in one word, such as `trap`.
    pub reason_kind: Option<String>,
    /// Since when it is not called, Unix milliseconds.
    pub since_ms: Option<i64>,
    /// When it will be called again, Unix milliseconds.
    pub next_try_ms: Option<i64>,
    /// Calls that began.
    pub calls: u64,
    /// Calls that were not made, because it was quarantined.
    pub refused: u64,
    /// Calls that failed, by kind.
    pub failures: Vec<FailureCount>,
    /// How often it was quarantined.
    pub quarantines: u64,
    /// Units of fuel that its calls used up.
    pub fuel: u64,
    /// Wall-clock time of its calls in milliseconds.
    pub busy_ms: u64,
    /// The last call that failed.
    pub last_failure: Option<LastFailure>,
}

/// How often it failed in one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureCount {
    /// How, such as `trap`.
    pub kind: String,
    /// How often.
    pub count: u64,
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastFailure {
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// How, such as `trap`.
    pub kind: String,
    /// What was said about it.
    pub statement: String,
}

impl PluginReport {
    /// How this plugin stands.
    pub fn of(used: PluginUse, standing: &Standing) -> Self {
        let Standing { state, quarantine, tally } = standing;
        let count = |(kind, count): (&lagdoctor_runtime::FailureKind, &u64)| FailureCount {
            kind: kind.as_str().to_owned(),
            count: *count,
        };
        let last = |Failure { at, kind, statement }: &Failure| LastFailure {
            at_ms: at.as_millis(),
            kind: kind.as_str().to_owned(),
            statement: statement.clone(),
        };
        Self {
            name: used.name,
            world: used.world,
            version: used.version,
            sha256: used.sha256,
            state: state.as_str().to_owned(),
            reason: quarantine.as_ref().map(|told| told.reason.clone()),
            reason_kind: quarantine.as_ref().map(|told| told.kind.as_str().to_owned()),
            since_ms: quarantine.as_ref().map(|told| told.since.as_millis()),
            next_try_ms: quarantine.as_ref().map(|told| told.next_try.as_millis()),
            calls: tally.calls,
            refused: tally.refused,
            failures: tally.failures.iter().map(count).collect(),
            quarantines: tally.quarantines,
            fuel: tally.fuel,
            busy_ms: u64::try_from(tally.busy.as_millis()).unwrap_or(u64::MAX),
            last_failure: tally.last_failure.as_ref().map(last),
        }
    }

    fn failed(&self) -> u64 {
        self.failures.iter().map(|failure| failure.count).sum()
    }

    fn paint(&self) -> Paint {
        if self.state == PluginState::Ready.as_str() { Paint::Normal } else { Paint::Bad }
    }
}

impl PluginsReport {
    /// These plugins at this moment.
    pub fn new(now: Timestamp, plugins: Vec<PluginReport>) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self { schema: SCHEMA, program: PROGRAM.to_owned(), version, at_ms: now.as_millis(), plugins }
    }

    /// Reads what a service says. `None` when it is not what a service of ours would say; fields that this version does
    /// not know are no reason.
    pub fn read(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok().filter(|report: &Self| report.program == PROGRAM)
    }

    /// For programs.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// For people at a terminal: a table, then each plugin that has failed, and how.
    pub fn text(&self, style: Style) -> String {
        let rows: Vec<Vec<String>> = self.plugins.iter().map(row).collect();
        let mut page = Page::new(style);
        for (place, line) in table(&COLUMNS, &rows).iter().enumerate() {
            let paint = match place.checked_sub(1).and_then(|place| self.plugins.get(place)) {
                Some(plugin) => plugin.paint(),
                None => Paint::Faint,
            };
            page.verbatim(0, line, paint);
        }
        for plugin in &self.plugins {
            let Some(failure) = &plugin.last_failure else { continue };
            page.blank();
            let since = clock(Some(failure.at_ms));
            page.hanging(
                &format!("{} ", plugin.name),
                Paint::Bold,
                &format!("at {since}: {}", failure.statement),
                Paint::Normal,
            );
        }
        page.finish()
    }

    /// For tickets and chats.
    pub fn markdown(&self) -> String {
        let head: Vec<String> = COLUMNS.iter().map(|(name, _)| name.to_lowercase()).collect();
        let rule = COLUMNS.map(|(_, align)| if align == Align::Right { "---:" } else { "---" });
        let mut lines = vec![head.join(" | "), rule.join(" | ")];
        for plugin in &self.plugins {
            let cells: Vec<String> = row(plugin).iter().map(|cell| escaped(cell)).collect();
            lines.push(cells.join(" | "));
        }
        let mut text: String = lines.iter().map(|line| format!("| {line} |\n")).collect();
        for plugin in &self.plugins {
            if let Some(failure) = &plugin.last_failure {
                let (at, said) = (clock(Some(failure.at_ms)), escaped(&failure.statement));
                text += &format!("\n**{}** at {at}: {said}\n", escaped(&plugin.name));
            }
        }
        text
    }
}

const COLUMNS: [(&str, Align); 9] = [
    ("WORLD", Align::Left),
    ("NAME", Align::Left),
    ("VERSION", Align::Left),
    ("STATE", Align::Left),
    ("SINCE", Align::Left),
    ("NEXT TRY", Align::Left),
    ("CALLS", Align::Right),
    ("FAILED", Align::Right),
    ("NOT MADE", Align::Right),
];

fn row(plugin: &PluginReport) -> Vec<String> {
    vec![
        plugin.world.clone(),
        plugin.name.clone(),
        plugin.version.clone(),
        plugin.state.clone(),
        clock(plugin.since_ms),
        clock(plugin.next_try_ms),
        plugin.calls.to_string(),
        plugin.failed().to_string(),
        plugin.refused.to_string(),
    ]
}

fn clock(ms: Option<i64>) -> String {
    ms.and_then(|ms| Timestamp::from_millis(ms).ok()).map_or_else(|| "-".to_owned(), Timestamp::clock)
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use lagdoctor_runtime::{FailureKind, Quarantine, Tally};

    use super::*;
    use crate::report::samples::noon;

    fn used(world: &str, name: &str) -> PluginUse {
        PluginUse { name: name.into(), version: "0.1.0".into(), world: world.into(), sha256: "ab".repeat(32) }
    }

    /// A plugin that works, and one that is quarantined.
    pub(crate) fn sample() -> PluginsReport {
        let ready =
            Standing { state: PluginState::Ready, quarantine: None, tally: Tally { calls: 12, ..Tally::default() } };
        let statement = "plugin `shop \"own\"` panicked scoring 12 series of 3 nodes; report it to the plugin's author";
        let quarantine = Quarantine {
            since: noon(30),
            next_try: noon(150),
            failures: 3,
            kind: FailureKind::Trap,
            reason: statement.into(),
        };
        let tally = Tally {
            calls: 3,
            refused: 5,
            failures: BTreeMap::from([(FailureKind::Trap, 3)]),
            quarantines: 1,
            fuel: 123_456_789_012,
            busy: Duration::from_millis(1500),
            last_failure: Some(Failure { at: noon(30), kind: FailureKind::Trap, statement: statement.into() }),
        };
        let ill = Standing { state: PluginState::Quarantined, quarantine: Some(quarantine), tally };
        let plugins = vec![
            PluginReport::of(used("scorer", "scorer-jvm"), &ready),
            PluginReport::of(used("scorer", "shop \"own\""), &ill),
        ];
        PluginsReport::new(noon(60), plugins)
    }

    #[test]
    fn people_see_at_a_glance_who_is_not_called_and_why() {
        insta::assert_snapshot!(sample().text(Style::plain()));
    }

    #[test]
    fn in_a_chat_it_is_a_table() {
        insta::assert_snapshot!(sample().markdown());
    }

    #[test]
    fn what_a_service_says_is_read_back() {
        let report = sample();
        assert_eq!(PluginsReport::read(report.json().as_bytes()), Some(report));
    }

    #[test]
    fn what_somebody_else_says_is_not_taken_for_it() {
        let foreign = sample().json().replace("\"program\": \"lagdoctor\"", "\"program\": \"other\"");
        for text in ["", "{}", "<html>", "{\"plugins\": []}", &foreign] {
            assert_eq!(PluginsReport::read(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_a_later_version_says_is_read_as_far_as_it_is_known() {
        let later = sample().json().replace("\"schema\": 1", "\"schema\": 2, \"weather\": \"fine\"");
        assert_eq!(PluginsReport::read(later.as_bytes()).map(|report| report.plugins), Some(sample().plugins));
    }
}
