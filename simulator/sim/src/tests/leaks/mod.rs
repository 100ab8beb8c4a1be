//! Does anything tell what is wrong that is not its effect? Guessers learn from ids, names, the order of labels, numbers of
//! series and the writing of values alone, and are graded on other seeds: they must do no better than whoever says the most
//! frequent class each time. Start at [`graded`].
//!
//! A plugin may know the pipeline that it looks at, and how well that is measured; somebody runs it there. So guesses are
//! made within one installation: scenarios with the same nodes and quality of telemetry, and as long a past. That says
//! something only where an installation has several things that can be wrong, and quiet hours, which is a test of its own.

mod guess;
mod surface;

use std::collections::{BTreeMap, BTreeSet};

use guess::{Example, Guesser, How};
use surface::Words;

use crate::cluster::Cluster;
use crate::random::{Hash, Streams};
use crate::scenario::node::{NodeOf, NodeSpec};
use crate::{Scenario, builtin_names, topology};

const DIALECTS: [&str; 3] = ["kafka_exporter", "otel", "burrow"];
/// How much better than the most frequent class is too much.
const MORE: f64 = 0.03;

/// Scenarios that a plugin which knows its pipeline cannot tell apart by that, as they are built in, by what they share.
fn installations() -> BTreeMap<String, Vec<Scenario>> {
    let mut all: BTreeMap<String, Vec<Scenario>> = BTreeMap::new();
    for name in builtin_names() {
        let scenario = Scenario::builtin(name).unwrap();
        all.entry(installation(&scenario)).or_default().push(scenario);
    }
    all
}

/// Nodes with their labels and edges, how services call, how databases store, the quality of telemetry, and how long a past
/// there is.
fn installation(scenario: &Scenario) -> String {
    let settings = |node: &NodeSpec| match &node.of {
        NodeOf::Primary(database) | NodeOf::Replica(database) => format!("{:?}", database.commit),
        NodeOf::Service(service) => format!("{:?}", service.calls),
        _ => String::new(),
    };
    let nodes = match scenario.has_drawn_nodes() {
        true => "drawn".to_owned(),
        false => {
            let cluster = Cluster::new(scenario, &Streams::new(1));
            let settings: Vec<String> = scenario.nodes.iter().map(settings).collect();
            lagdoctor_bundle::topology_json(&topology::whole(scenario, &cluster)) + &settings.join(" ")
        }
    };
    let mut seen = scenario.telemetry.clone();
    seen.dialect = None;
    format!("{nodes} {seen:?} {:?}", scenario.history())
}

/// How many runs of each scenario are in either half; fewer where many nodes are looked at.
const SEEDS: u64 = 8;
const SEEDS_OF_MANY: u64 = 3;
const MANY: usize = 60;

/// One installation, looked at often.
struct Seen {
    scenarios: Vec<Scenario>,
    words: Words,
    /// The words of runs, and the place of the scenario of each; no seed is in both halves.
    halves: [Vec<Example>; 2],
}

type Look<'a> = &'a dyn Fn(&Scenario, u64) -> BTreeSet<String>;

/// Looks at runs of every scenario. All scenarios of an installation are told in the same dialects, each as often.
fn seen(scenarios: Vec<Scenario>, seeds: u64, look: Look<'_>) -> Seen {
    let in_words = scenarios.iter().any(|scenario| scenario.telemetry.dialect.is_some());
    let mut words = Words::default();
    let mut examples = |seeds: std::ops::Range<u64>| -> Vec<Example> {
        let pairs = seeds.flat_map(|seed| (0..scenarios.len()).map(move |place| (seed, place)));
        pairs
            .map(|(seed, place)| {
                let dialect = in_words.then(|| DIALECTS[seed as usize % DIALECTS.len()]);
                let own = surface::in_dialect(&scenarios[place], dialect);
                (words.numbers(look(&own, seed)), place)
            })
            .collect()
    };
    let mut halves = [examples(0..seeds), examples(seeds..2 * seeds)];
    let quiet = || halves.iter().flatten().filter(|(_, place)| scenarios[*place].faults.is_empty());
    let mut free = written_either_way(quiet().map(|(words, _)| words), &words, |_| true);
    free.extend(written_either_way(halves.iter().flatten().map(|(words, _)| words), &words, surface::is_whole));
    let is_free =
        |word: &u32| surface::written(&words.texts[*word as usize]).is_some_and(|metric| free.contains(metric));
    halves.iter_mut().flatten().for_each(|(words, _)| words.retain(|word| !is_free(word)));
    Seen { scenarios, words, halves }
}

/// Metrics that are written now with more digits and now with fewer, and at least once in such a way. What they look like
/// is a matter of what is measured, if that happens while nothing ever breaks, or if they are whole at times.
fn written_either_way<'a>(
    runs: impl Iterator<Item = &'a Vec<u32>>,
    words: &Words,
    is_such: fn(&str) -> bool,
) -> BTreeSet<String> {
    let all: BTreeSet<&u32> = runs.flatten().collect();
    let mut forms: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for word in all.into_iter().map(|word| words.texts[*word as usize].as_str()) {
        surface::written(word).into_iter().for_each(|metric| forms.entry(metric).or_default().push(word));
    }
    let either = forms.into_iter().filter(|(_, forms)| forms.len() > 1 && forms.iter().any(|word| is_such(word)));
    either.map(|(metric, _)| metric.to_owned()).collect()
}

/// All installations, the one with most scenarios first.
fn largest_first() -> Vec<Vec<Scenario>> {
    let mut all: Vec<Vec<Scenario>> = installations().into_values().collect();
    all.sort_by_key(|scenarios| std::cmp::Reverse(scenarios.len()));
    all
}

/// How often guesses were right, over all installations.
#[derive(Clone, Debug, Default)]
struct Graded {
    /// Runs that were guessed.
    count: f64,
    right: f64,
    /// How many the most frequent class of each installation would have had right.
    most: f64,
    /// What said most, in each of them.
    told: Vec<String>,
}

impl Graded {
    /// Wilson's interval for the share that was right, of 95 %.
    fn interval(&self) -> (f64, f64) {
        const Z: f64 = 1.96;
        let (n, p) = (self.count, self.right / self.count);
        let middle = p + Z * Z / (2.0 * n);
        let half = Z * libm::sqrt(p * (1.0 - p) / n + Z * Z / (4.0 * n * n));
        let whole = 1.0 + Z * Z / n;
        ((middle - half) / whole, (middle + half) / whole)
    }

    /// The share that nobody needs to look for.
    fn prior(&self) -> f64 {
        self.most / self.count
    }
}

/// Learns from one half of what was seen and guesses the other, and the other way round, in each installation by itself.
fn graded(how: How, all: &[Seen], class: fn(&Scenario) -> String) -> Graded {
    let mut graded = Graded::default();
    for Seen { scenarios, words, halves } in all {
        let names: Vec<String> = scenarios.iter().map(class).collect();
        let classes: Vec<&String> = names.iter().collect::<BTreeSet<_>>().into_iter().collect();
        let number = |place: usize| classes.iter().position(|known| **known == names[place]).unwrap_or(0);
        for (learned, asked) in [(&halves[0], &halves[1]), (&halves[1], &halves[0])] {
            let learned: Vec<Example> = learned.iter().map(|(words, place)| (words.clone(), number(*place))).collect();
            let guesser = Guesser::learn(how, &learned, classes.len());
            let mut of_class = vec![0; classes.len()];
            for (words, place) in asked {
                of_class[number(*place)] += 1;
                graded.right += if guesser.guess(words) == number(*place) { 1.0 } else { 0.0 };
            }
            graded.count += asked.len() as f64;
            graded.most += f64::from(of_class.into_iter().max().unwrap_or(0));
            graded.told.extend(guesser.chosen.iter().take(4).map(|word| words.texts[*word as usize].clone()));
        }
    }
    graded
}

/// Of which family it is.
fn family(scenario: &Scenario) -> String {
    scenario.family.clone()
}

/// Whether somebody should be woken.
fn incident(scenario: &Scenario) -> String {
    scenario.truth.incident.to_string()
}

fn check(all: &[Seen], class: fn(&Scenario) -> String) {
    for how in [How::Bayes, How::Forest] {
        let graded = graded(how, all, class);
        let (prior, (_, high)) = (graded.prior(), graded.interval());
        assert!(
            high < prior + MORE,
            "{how:?} guesses {} of {} runs, which may be {high:.3} of all; the most frequent class is right in {prior:.3}. \
             What tells most: {:#?}",
            graded.right,
            graded.count,
            graded.told
        );
    }
}

#[test]
fn nothing_that_is_there_before_a_fault_tells_which_it_will_be_or_whether_there_will_be_one() {
    let look = |scenario: &Scenario, seed| surface::Before::look(scenario, seed).words();
    let seeds = |scenarios: &[Scenario]| if scenarios[0].nodes.len() > MANY { SEEDS_OF_MANY } else { SEEDS };
    let all: Vec<Seen> = largest_first()
        .into_iter()
        .map(|scenarios| (seeds(&scenarios), scenarios))
        .map(|(seeds, scenarios)| seen(scenarios, seeds, &look))
        .collect();
    check(&all[..1], family);
    check(&all, family);
    check(&all, incident);
}

#[test]
fn nothing_in_how_things_are_written_during_a_fault_tells_which_it_is() {
    let largest = largest_first().swap_remove(0);
    check(&[seen(largest, SEEDS, &surface::during)], family);
}

/// What would tell, if the simulator were so careless: a page of a run of this scenario and seed, changed.
type Leak = fn(&Scenario, u64, &str) -> String;

fn of_family(scenario: &Scenario, many: u64) -> u64 {
    Hash::of(&[scenario.family.as_bytes()]) % many
}

#[test]
fn what_would_tell_is_found_by_either_guesser() {
    let leaks: [(&str, Leak); 4] = [
        ("the order of labels", |scenario, _, page| {
            let swapped = ["{consumergroup=", "{client_id=", "{area=", "{gc="]
                .map(|label| (label, label.replace('{', "{le=\"\",")));
            let bits = of_family(scenario, 16);
            let chosen = swapped.into_iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1);
            chosen.fold(page.to_owned(), |page, (_, (from, to))| page.replace(from, &to))
        }),
        ("a name that is drawn together with the fault", |scenario, seed, page| {
            let mut stream = Streams::new(seed).stream(&scenario.id, "a name");
            let drawn = if stream.chance(0.9) { of_family(scenario, 8) } else { stream.below(8) };
            page.replace("kafka-exporter:9308", &format!("kafka-exporter-x{drawn}:9308"))
        }),
        ("how many series there are", |scenario, _, page| {
            let gone: Vec<String> =
                (0..of_family(scenario, 6)).map(|number| format!("partition=\"{number}\"")).collect();
            let kept = page.lines().filter(|line| !gone.iter().any(|gone| line.contains(gone)));
            kept.map(|line| format!("{line}\n")).collect()
        }),
        ("how values are written", |scenario, _, page| {
            let digits = of_family(scenario, 6) as usize + 3;
            let written = |line: &str| {
                let (series, rest) = line.rsplit_once("} ").unwrap_or((line, ""));
                let (value, at) = rest.split_once(' ').unwrap_or((rest, ""));
                match (series.starts_with("process_cpu_usage"), value.parse::<f64>()) {
                    (true, Ok(value)) => format!("{series}}} {value:.digits$} {at}\n"),
                    _ => format!("{line}\n"),
                }
            };
            page.lines().map(written).collect()
        }),
    ];
    let some: Vec<Scenario> =
        installations().into_values().max_by_key(Vec::len).unwrap().into_iter().step_by(6).collect();
    let pages: BTreeMap<(String, u64), String> = some
        .iter()
        .flat_map(|scenario| (0..2 * SEEDS).map(move |seed| (scenario, seed)))
        .map(|(scenario, seed)| ((scenario.id.clone(), seed), surface::Before::look(scenario, seed).page))
        .collect();
    for (what, leak) in leaks {
        let look =
            |scenario: &Scenario, seed| surface::of_page(&leak(scenario, seed, &pages[&(scenario.id.clone(), seed)]));
        let all = [seen(some.clone(), SEEDS, &look)];
        for how in [How::Bayes, How::Forest] {
            let graded = graded(how, &all, family);
            let (prior, (low, _)) = (graded.prior(), graded.interval());
            assert!(low > prior + 3.0 * MORE, "{how:?} does not see {what}: {graded:?}");
        }
    }
}

/// Somebody who knows every installation by heart must still not know what is wrong in it.
#[test]
fn in_each_installation_several_things_break_and_at_times_nothing_does() {
    let mut alone = vec![];
    for scenarios in installations().into_values() {
        let dialects = |scenario: &Scenario| match &scenario.telemetry.dialect {
            Some(words) => words.all().to_vec(),
            None => vec![DIALECTS[0].to_owned()],
        };
        for dialect in DIALECTS {
            let own = scenarios.iter().filter(|scenario| dialects(scenario).iter().any(|known| known == dialect));
            let families: BTreeSet<&str> = own.clone().map(Scenario::family).collect();
            let wakes: BTreeSet<bool> = own.clone().map(Scenario::is_incident).collect();
            if !families.is_empty() && (families.len() < 3 || wakes.len() < 2) {
                let ids: Vec<&str> = own.map(Scenario::id).collect();
                alone.push(format!("{dialect}: {ids:?}"));
            }
        }
    }
    assert!(
        alone.is_empty(),
        "who sees one of these installations knows too much; let other scenarios use the same nodes and telemetry:\n{alone:#?}"
    );
}
