//! What do the figures say? Each row is a time or a ratio of two benches of one run, and most have an aim. A row whose
//! bench did not run, or that misses its aim, says so. Start at [`table`].

use std::collections::BTreeMap;
use std::fmt::Write;

/// What Criterion estimated of one bench.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// Median time of one iteration.
    pub(crate) ns: f64,
    /// Between which times the median lies, with a confidence of 95 %.
    pub(crate) between_ns: (f64, f64),
    /// How many things one iteration goes through, where the bench says so.
    pub(crate) elements: Option<u64>,
}

/// Where and on what the benches ran.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) date: String,
    pub(crate) commit: String,
    pub(crate) processor: String,
    pub(crate) processors: usize,
    /// Load average over five minutes at the end.
    pub(crate) load: String,
}

/// What a row shows.
enum Figure {
    /// The time of a bench.
    Time(&'static str),
    /// How many times longer the first takes than the second.
    Ratio(&'static str, &'static str),
    /// The same, each time divided by the number of things that the bench goes through.
    RatioOfEach(&'static str, &'static str),
}

/// What a figure should be. Times in nanoseconds.
enum Aim {
    AtMost(f64),
    AtLeast(f64),
    /// Told, and not aimed at.
    None,
}

struct Row {
    what: &'static str,
    figure: Figure,
    aim: Aim,
}

const US: f64 = 1e3;
const MS: f64 = 1e6;
const S: f64 = 1e9;
const HOUR: &str = "simulate/an hour";
const POOLED: &str = "fresh instance and empty call/idle, pooled";
const ON_DEMAND: &str = "fresh instance and empty call/idle, on demand";
const BUNDLED: &str = "fresh instance and empty call/scorer-largest-z, pooled";
const NATIVE: &str = "database scorer/native";
const GUEST: &str = "database scorer/guest";
const DIAGNOSE: &str = "diagnose/whole, 1x, usual";
const DIAGNOSE_10X: &str = "diagnose/whole, 10x, roomy";

const fn row(what: &'static str, figure: Figure, aim: Aim) -> Row {
    Row { what, figure, aim }
}

const ROWS: [Row; 21] = [
    row("fresh instance and empty call of a guest that does nothing", Figure::Time(POOLED), Aim::AtMost(15.0 * US)),
    row("the same without a pool", Figure::Time(ON_DEMAND), Aim::None),
    row("without a pool against with one", Figure::Ratio(ON_DEMAND, POOLED), Aim::AtLeast(2.5)),
    row("fresh instance and empty call of a bundled scorer, which asks for memory", Figure::Time(BUNDLED), Aim::None),
    row("`database` scorer, 1,000 series of 240 points, native", Figure::Time(NATIVE), Aim::None),
    row("the same as a guest", Figure::Time(GUEST), Aim::None),
    row("guest against native", Figure::Ratio(GUEST, NATIVE), Aim::AtMost(2.0)),
    row("compile `scorer-kafka-lag`", Figure::Time("load/scorer-kafka-lag, compiled"), Aim::None),
    row("load it from the cache", Figure::Time("load/scorer-kafka-lag, from the cache"), Aim::None),
    row(
        "compile against load, `scorer-kafka-lag`",
        Figure::Ratio("load/scorer-kafka-lag, compiled", "load/scorer-kafka-lag, from the cache"),
        Aim::AtLeast(100.0),
    ),
    row(
        "compile against load, `ranker-propagation`",
        Figure::Ratio("load/ranker-propagation, compiled", "load/ranker-propagation, from the cache"),
        Aim::AtLeast(100.0),
    ),
    row("`diagnose`, 1,000 nodes and 10,000 series", Figure::Time(DIAGNOSE), Aim::AtMost(S)),
    row("... of which `detect`", Figure::Time("diagnose/detect, 1x"), Aim::None),
    row(
        "`diagnose`, 100,000 series, the usual memory: distant nodes are left out and named",
        Figure::Time("diagnose/whole, 10x, usual"),
        Aim::None,
    ),
    row("the same with memory for all of them", Figure::Time(DIAGNOSE_10X), Aim::None),
    row(
        "time for each series, 100,000 against 10,000, all of them looked at",
        Figure::RatioOfEach(DIAGNOSE_10X, "diagnose/whole, 1x, roomy"),
        Aim::AtMost(1.5),
    ),
    row("one look at 10,000 partitions and 500 groups taken in", Figure::Time("lag/one look"), Aim::None),
    row("their series of an hour", Figure::Time("lag/series of an hour"), Aim::None),
    row("their lag, rates and status of an hour", Figure::Time("lag/lag and status of an hour"), Aim::None),
    row(
        "a simulated hour of 24 partitions and 8 consumers with their telemetry; 72 ms are 50,000 times as fast as life",
        Figure::Time(HOUR),
        Aim::AtMost(72.0 * MS),
    ),
    row(
        "time for each partition of a simulated pipeline, 10,000 of them against 1,000",
        Figure::RatioOfEach("simulate/a minute, 10x", "simulate/a minute, 1x"),
        Aim::AtMost(1.5),
    ),
];

/// The table, as Markdown.
pub(crate) fn table(measured: &BTreeMap<String, Measured>, about: &About) -> String {
    let About { date, commit, processor, processors, load } = about;
    let mut text = format!(
        "# How fast it is\n\n\
         Written by `cargo xtask bench`, from what Criterion estimated in one run: medians, and in brackets where they lie \
         with a confidence of 95 %. Machines differ, so read ratios first. A row without an aim is told for its own sake.\n\n\
         {date}, commit {commit}, {processors} × {processor}, load {load}.\n\n\
         | what | figure | aim | |\n|---|---|---|---|\n"
    );
    for Row { what, figure, aim } in ROWS {
        let (shown, value) = shown(&figure, measured);
        let unit = |value: f64| if matches!(figure, Figure::Time(_)) { time(value) } else { times(value) };
        let (aim, met) = match aim {
            Aim::AtMost(most) => (format!("{} or less", unit(most)), value.map(|value| value <= most)),
            Aim::AtLeast(least) => (format!("{} or more", unit(least)), value.map(|value| value >= least)),
            Aim::None => (String::new(), Some(true)),
        };
        let met = match met {
            _ if aim.is_empty() => "",
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "**not measured**",
        };
        // Writing to a text cannot fail.
        let _ = writeln!(text, "| {what} | {shown} | {aim} | {met} |");
    }
    text
}

/// A figure for people, and its value.
fn shown(figure: &Figure, measured: &BTreeMap<String, Measured>) -> (String, Option<f64>) {
    let ratio = |over: &str, under: &str, of: fn(&Measured) -> Option<f64>| {
        Some(of(measured.get(over)?)? / of(measured.get(under)?)?)
    };
    let value = match figure {
        Figure::Time(id) => measured.get(*id).map(|known| known.ns),
        Figure::Ratio(over, under) => ratio(over, under, |known| Some(known.ns)),
        Figure::RatioOfEach(over, under) => ratio(over, under, |known| Some(known.ns / known.elements? as f64)),
    };
    let Some(value) = value else { return ("?".to_owned(), None) };
    let shown = match figure {
        Figure::Time(id) => {
            let between = measured.get(*id).map(|known| known.between_ns).unwrap_or_default();
            let of = measured.get(*id).and_then(|known| known.elements);
            let of = of.map(|count| format!(", {count} series")).unwrap_or_default();
            format!("{} ({} to {}){of}", time(value), time(between.0), time(between.1))
        }
        Figure::Ratio(..) | Figure::RatioOfEach(..) => times(value),
    };
    (shown, Some(value))
}

fn time(ns: f64) -> String {
    let (value, unit) = match ns {
        ns if ns < 1e3 => (ns, "ns"),
        ns if ns < 1e6 => (ns / 1e3, "µs"),
        ns if ns < 1e9 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    format!("{} {unit}", digits(value))
}

fn times(value: f64) -> String {
    format!("{}×", digits(value))
}

/// Three digits that count.
fn digits(value: f64) -> String {
    let decimals = match value {
        value if value.fract() == 0.0 || value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About {
        let (date, commit) = ("2026-01-02".to_owned(), "abc1234".to_owned());
        About { date, commit, processor: "Abacus".to_owned(), processors: 2, load: "0.10".to_owned() }
    }

    /// What the table says in the row about `what`, when these benches took so many nanoseconds for so many things.
    fn check(benches: &[(&str, f64, Option<u64>)], what: &str, expected: &str) {
        let known = |(id, ns, elements): &(&str, f64, Option<u64>)| {
            let measured = Measured { ns: *ns, between_ns: (ns * 0.9, ns * 1.1), elements: *elements };
            ((*id).to_owned(), measured)
        };
        let text = table(&benches.iter().map(known).collect(), &about());
        let line = text.lines().find(|line| line.starts_with(&format!("| {what} |"))).unwrap();
        assert_eq!(line, format!("| {what} | {expected} |"));
    }

    #[test]
    fn an_aim_is_met_or_missed_and_told_so() {
        let what = "fresh instance and empty call of a guest that does nothing";
        check(&[(POOLED, 12_000.0, None)], what, "12 µs (10.8 µs to 13.2 µs) | 15 µs or less | met");
        check(&[(POOLED, 15_100.0, None)], what, "15.1 µs (13.6 µs to 16.6 µs) | 15 µs or less | **missed**");
    }

    #[test]
    fn a_bench_that_did_not_run_is_no_success() {
        check(&[(POOLED, 12_000.0, None)], "without a pool against with one", "? | 2.50× or more | **not measured**");
        check(&[], "the same without a pool", "? |  | ");
    }

    #[test]
    fn a_ratio_compares_two_benches_of_one_run() {
        let both = [(POOLED, 10_000.0, None), (ON_DEMAND, 31_000.0, None)];
        check(&both, "without a pool against with one", "3.10× | 2.50× or more | met");
    }

    #[test]
    fn growth_is_judged_by_what_each_series_takes() {
        let both = [("diagnose/whole, 1x, roomy", 5e8, Some(10_000)), (DIAGNOSE_10X, 8e9, Some(100_000))];
        check(
            &both,
            "time for each series, 100,000 against 10,000, all of them looked at",
            "1.60× | 1.50× or less | **missed**",
        );
    }

    #[test]
    fn where_and_on_what_it_ran_stands_above_the_table() {
        let text = table(&BTreeMap::new(), &about());
        assert!(text.contains("2026-01-02, commit abc1234, 2 × Abacus, load 0.10."), "{text}");
    }
}
