//! What does each fault look like to whoever is on call? For every class of fault, every compound incident and every benign
//! look-alike one run of a scenario beside the same run without it: lag, what comes in and goes out, and the signals that
//! became most unlike, as exporters gave them. Nobody chooses the signals; they are those of the greatest difference.
//! Start at [`exhibits`] and [`Exhibit::of`]; `cargo xtask gallery` writes all of it to `simulator/GALLERY.md`.

mod drawing;
mod notes;
mod signal;
#[cfg(test)]
mod tests;

use std::fmt::Write;

use lagdoctor_model::Vocabulary;

use crate::pair::Pair;
use crate::random::Hash;
use crate::scenario::spec::Role;
use crate::scenario::value::{Param, Word};
use crate::simulation::Simulation;
use crate::spread::Diverged;
use crate::telemetry::Record;
use crate::{Scenario, builtin_names, fault};
use signal::{Around, Signal};

/// The first seed that is tried, and how many are: the first is shown in which the fault takes the form that the scenario
/// names first, and hurts.
const SEED: u64 = 1;
const SEEDS: u64 = 10;
/// Most nodes that are listed in the order in which they became unlike.
const MOST_NODES: usize = 8;

/// One page of the gallery: what is shown, and the scenario that shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Slug of the class, or the family of the scenario where it is no single fault.
    pub title: String,
    /// Name of the scenario, as built in.
    pub scenario: &'static str,
}

/// One run, drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exhibit {
    /// Name of the drawing's file, without a folder.
    pub file: String,
    /// The drawing.
    pub svg: String,
    /// What stands beside it, as Markdown; it links to the drawing as `gallery/FILE`.
    pub text: String,
}

/// Everything that is shown: classes in the order of the catalogue, then compound incidents, then what is benign.
pub fn exhibits() -> Vec<Shown> {
    let scenarios: Vec<(&'static str, Scenario)> =
        builtin_names().filter_map(|name| Some((name, Scenario::builtin(name).ok()?))).collect();
    let shows = |title: &str, fits: &dyn Fn(&Scenario) -> bool| {
        // Pipelines whose names are given are easier to read; the fewest faults, and then the first name.
        let rank = |(name, scenario): &(&'static str, Scenario)| {
            (scenario.nodes.len(), scenario.faults.len(), scenario.id.len(), *name)
        };
        let best = scenarios.iter().filter(|(_, scenario)| fits(scenario)).min_by_key(|known| rank(known));
        best.map(|(name, _)| Shown { title: title.to_owned(), scenario: name })
    };
    let causes = |scenario: &Scenario| -> Vec<String> {
        let causes = scenario.faults.iter().filter(|fault| fault.role == Role::Cause);
        causes.map(|fault| fault.kind.clone()).collect()
    };
    let alone = |slug: &str| shows(slug, &|scenario| scenario.is_incident() && causes(scenario) == [slug]);
    let mut shown: Vec<Shown> = Vocabulary::bundled().classes().filter_map(|class| alone(&class.slug)).collect();
    let mut families: Vec<&str> = scenarios.iter().map(|(_, scenario)| scenario.family()).collect();
    families.sort_unstable();
    families.dedup();
    for kind in ["compound.", "benign."] {
        let own = families.iter().filter(|family| family.starts_with(kind));
        shown.extend(own.filter_map(|family| shows(family, &|scenario| scenario.family() == *family)));
    }
    shown
}

/// Classes of the vocabulary that the simulator has a fault for.
pub fn classes() -> impl Iterator<Item = &'static str> {
    fault::names().filter(|slug| Vocabulary::bundled().class(slug).is_some())
}

impl Shown {
    /// A number that is another one when the scenario or what it stands on is.
    pub fn scenario_hash(&self) -> u64 {
        let text = Scenario::builtin(self.scenario).map(|scenario| format!("{scenario:?}")).unwrap_or_default();
        Hash::of(&[text.as_bytes()])
    }
}

impl Exhibit {
    /// Runs the scenario with and without its fault, and draws both. `None` when no scenario of this name is built in.
    pub fn of(shown: &Shown) -> Option<Self> {
        let scenario = told(Scenario::builtin(shown.scenario).ok()?);
        let mut seeds: Vec<u64> = (SEED..SEED + SEEDS).collect();
        seeds.sort_by_key(|seed| !is_usual(&scenario, *seed));
        let pairs = seeds.into_iter().map(|seed| (seed, Simulation::pair(&scenario, seed)));
        let mut pairs = pairs.filter(|(_, pair)| pair.impact.is_some() || !scenario.is_incident());
        let (seed, pair) = pairs.next()?;
        let around = Around::of(&pair);
        let signals = Signal::of(&pair, &around);
        let file = format!("{}.svg", shown.title);
        let svg = drawing::svg(&shown.title, &signals, &around);
        Some(Self { text: text(shown, seed, &pair, &around, &signals, &file), svg, file })
    }
}

/// Whether each fault is of the form that the scenario names first.
fn is_usual(scenario: &Scenario, seed: u64) -> bool {
    let run = Simulation::new(scenario, seed);
    scenario.faults.iter().zip(&run.faults).all(|(spec, (drawn, _))| {
        spec.params.iter().all(|(name, param)| match param {
            Param::Word(word) => drawn.words.get(name) == word.all().first(),
            Param::Number(_) => true,
        })
    })
}

/// The scenario in the words of kafka_exporter. What is benign counts as a cause, so that it has a twin without it.
fn told(mut scenario: Scenario) -> Scenario {
    scenario.telemetry.dialect = Some(Word::Fixed("kafka_exporter".to_owned()));
    if !scenario.is_incident() {
        scenario.faults.iter_mut().for_each(|fault| fault.role = Role::Cause);
    }
    scenario
}

/// The whole page.
pub fn page(shown: &[(Shown, Exhibit)]) -> String {
    let mut text = "# What faults look like\n\n\
        One run of each class of fault, of each compound incident and of each benign look-alike, as exporters and logs show \
        it. The blue line is the run; the grey one is the same run without the fault, so that both share all chance. A red \
        line marks where the fault begins, a dashed one where it ends; triangles are the moments at which nodes became unlike \
        their twins. Besides lag and flow, the signals are those in which both runs differ most; a program chose them. \
        Times are minutes since the fault. Wherever there is a backlog, the latency of fetches falls: none of them waits for \
        records any more.\n\n\
        `cargo xtask gallery` makes this page again. Do not edit it.\n\n"
        .to_owned();
    for (shown, _) in shown {
        let _ = writeln!(text, "- [`{0}`](#{1})", shown.title, shown.title.replace('.', ""));
    }
    for (_, exhibit) in shown {
        text.push('\n');
        text += &exhibit.text;
    }
    text
}

fn text(shown: &Shown, seed: u64, pair: &Pair, around: &Around, signals: &[Signal], file: &str) -> String {
    let title = &shown.title;
    let mut text = format!("## `{title}`\n\n");
    let says = |line: &str| line.trim_start_matches('#').trim().to_owned();
    let source = crate::scenario::source(shown.scenario).unwrap_or_default();
    let about: Vec<String> = source.lines().take_while(|line| line.starts_with('#')).map(says).collect();
    if let Some(class) = Vocabulary::bundled().class(title) {
        let _ = write!(text, "**{}.** ", capital(&class.words));
    }
    let _ = writeln!(text, "{}\n\n![{title}](gallery/{file})\n", about.join(" "));
    if let Some(order) = around.onset_s.and_then(|onset| order(pair, onset)) {
        let _ = writeln!(text, "Became unlike, in this order: {order}.\n");
    }
    if let Some(impact) = pair.impact.as_ref().filter(|_| pair.run.scenario.is_incident()) {
        let since = impact.after_s - around.onset_s.unwrap_or(0.0);
        let _ = writeln!(text, "It hurts `{}` {since:.0} s after the fault.\n", impact.sli);
    }
    let _ = writeln!(text, "| signal | moves after | before | with the fault | without |\n|---|---|---|---|---|");
    for signal in signals {
        let moves = signal.moves_after_s.map_or("–".to_owned(), |seconds| format!("{seconds:.0} s"));
        let [before, with, without] = [signal.before, signal.with, signal.without].map(number);
        let _ = writeln!(text, "| `{}` | {moves} | {before} | {with} | {without} |", signal.title.replace('|', "\\|"));
    }
    let said = new_lines(pair, around);
    if !said.is_empty() {
        let _ = writeln!(text, "\nLog lines that it alone has:\n\n```text\n{}\n```", said.join("\n"));
    }
    if let Some(note) = notes::note(title) {
        let _ = writeln!(text, "\n{note}");
    }
    let _ = writeln!(
        text,
        "\n`lagdoctor simulate {} --seed {seed} --out incident` <!-- scenario {:016x}, run {:016x} -->",
        shown.scenario,
        shown.scenario_hash(),
        pair.run.run_hash()
    );
    text
}

/// The nodes that became unlike, with the seconds since the fault. Those of a kind that did so in the same way are told of
/// once.
fn order(pair: &Pair, onset: f64) -> Option<String> {
    let mut told: Vec<(&Diverged, usize)> = vec![];
    for node in pair.diverged() {
        let kind = |node: &str| node.split(':').next().map(str::to_owned);
        let same =
            |known: &&mut (&Diverged, usize)| known.0.what == node.what && kind(&known.0.node) == kind(&node.node);
        match told.iter_mut().find(same) {
            Some((_, more)) => *more += 1,
            None => told.push((node, 0)),
        }
    }
    let says = |(node, more): &(&Diverged, usize)| {
        let others = if *more > 0 { format!(" and {more} like it") } else { String::new() };
        format!("`{}`{others} +{:.0} s ({})", node.node, (node.after_s - onset).max(0.0), node.what)
    };
    let words: Vec<String> = told.iter().take(MOST_NODES).map(says).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// As somebody would say it: three digits that matter.
pub(super) fn number(value: Option<f64>) -> String {
    let Some(value) = value else { return "–".to_owned() };
    let size = value.abs();
    match size {
        _ if size >= 1e9 => format!("{:.2} G", value / 1e9),
        _ if size >= 1e6 => format!("{:.2} M", value / 1e6),
        _ if size >= 1e4 => format!("{:.1} k", value / 1e3),
        _ if size >= 100.0 || libm::round(value) == value => format!("{value:.0}"),
        _ if size >= 1.0 => format!("{value:.1}"),
        _ if size >= 0.01 => format!("{value:.3}"),
        _ if size >= 1e-5 => format!("{:.2} m", value * 1e3),
        _ => "0".to_owned(),
    }
}

/// The three kinds of lines that the run has most often after its fault, and its twin never has.
fn new_lines(pair: &Pair, around: &Around) -> Vec<String> {
    const MOST: usize = 3;
    const LONGEST: usize = 180;
    let Some(onset_s) = around.onset_s else { return vec![] };
    let onset_ms = pair.run.start().as_millis() + (onset_s * 1000.0) as i64;
    let kind = |record: &Record| -> String {
        let letters = record.message.chars().filter(|letter| !letter.is_ascii_hexdigit());
        format!("{} {}", record.dataset, letters.take(60).collect::<String>())
    };
    let theirs: std::collections::BTreeSet<String> = pair.twin.telemetry().records.iter().map(kind).collect();
    let mut ours: std::collections::BTreeMap<String, (usize, &Record)> = std::collections::BTreeMap::new();
    for record in pair.run.telemetry().records.iter().filter(|record| record.at_ms + 3000 >= onset_ms) {
        let kind = kind(record);
        if !theirs.contains(&kind) {
            ours.entry(kind).or_insert((0, record)).0 += 1;
        }
    }
    // What everybody logs now and then says nothing.
    let tells = |(count, record): &(usize, &Record)| *count > 1 || record.level != "INFO";
    let mut lines: Vec<(usize, &Record)> = ours.into_values().filter(tells).collect();
    lines.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.message.cmp(&other.1.message)));
    let shown = lines.into_iter().take(MOST).map(|(count, record)| {
        let message: String = record.message.lines().next().unwrap_or_default().chars().take(LONGEST).collect();
        format!("{count:>5} × {} {} {message}", record.instance, record.level)
    });
    shown.collect()
}
