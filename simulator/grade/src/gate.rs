//! May this change go in? A baseline is a text file that is committed beside the plugins: what each run was worth when
//! somebody last said so, and why. Two guards compare with it: a broad drop that chance does not explain, and a run of a
//! scenario that must pass and no longer does. Start at [`Baseline::of`] and [`Baseline::judge`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::interval::clustered_within;
use crate::scorecard::{Run, Scorecard, by};

/// A drop of a share that is no reason to stop, however certain.
const TOLERANCE: f64 = 0.02;
/// Probability of a broad drop that is none, over all guarded figures together.
const ALPHA: f64 = 0.05;
/// The seed of the intervals.
const SEED: u64 = 0x6a7e_0001;

/// Figures of one run that the first guard looks at: name, whether more is better, what it is of a run.
type Guarded = (&'static str, f64, fn(&Kept) -> Option<f64>);
const GUARDED: [Guarded; 5] = [
    ("ac1", 1.0, |kept| kept.top1),
    ("ac3", 1.0, |kept| kept.top3),
    ("ac1_early", 1.0, |kept| kept.early),
    ("right", 1.0, |kept| Some(f64::from(u8::from(kept.right)))),
    ("alarms", -1.0, |kept| Some(kept.alarms as f64)),
];

/// What one run was worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Whether it was wholly right.
    pub right: bool,
    /// AC@1 of the last verdict; `None` where nothing broke.
    #[serde(default)]
    pub top1: Option<f64>,
    /// AC@3 of it.
    #[serde(default)]
    pub top3: Option<f64>,
    /// AC@1 three minutes after the impact.
    #[serde(default)]
    pub early: Option<f64>,
    /// Incidents that opened while nothing was wrong.
    #[serde(default)]
    pub alarms: usize,
    /// What came first.
    #[serde(default)]
    pub said: String,
}

impl Kept {
    fn of(run: &Run) -> Self {
        let class = |first: &crate::First| first.class.as_ref().map_or(String::new(), |class| format!(" {class}"));
        Self {
            right: run.is_right(),
            top1: run.accuracy(1),
            top3: run.accuracy(3),
            early: run.early.as_ref().map(|early| early.accuracy[0]),
            alarms: run.watched.map_or(0, |watched| watched.false_alarms),
            said: run.grade.first.as_ref().map(|first| format!("{}{}", first.node, class(first))).unwrap_or_default(),
        }
    }
}

/// A run that may be wrong until a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// The scenario.
    pub scenario: String,
    /// The draw; all of them when left out.
    #[serde(default)]
    pub seed: Option<u64>,
    /// The last day, as `2026-12-31`.
    pub until: String,
    /// Why.
    pub reason: String,
}

/// What was so when somebody last said that it is good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    schema: u32,
    /// Why it is as it is.
    pub reason: String,
    /// What its scenarios are called together, such as `builtin:public@1`; `scenarios` where it was not yet written down.
    #[serde(default = "unnamed")]
    pub scenarios: String,
    /// Hash of the scenarios and of every run that was made of them: of other runs nothing follows.
    pub pack: String,
    /// Scenarios of which every run must stay right.
    pub must_pass: Vec<String>,
    /// Plugins and the digests of their components.
    pub plugins: BTreeMap<String, String>,
    /// Runs that may be wrong for a while.
    #[serde(default)]
    pub waiver: Vec<Waiver>,
    /// Every run: family, scenario and seed.
    pub runs: BTreeMap<String, Kept>,
}

fn unnamed() -> String {
    "scenarios".to_owned()
}

/// Why a baseline says nothing.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It is no baseline.
    #[error("the baseline is not as `evaluate` writes it")]
    Parse(#[source] Box<toml::de::Error>),
    /// It is of a later program.
    #[error("the baseline has schema {0}, and this program reads 1")]
    Schema(u32),
    /// It is of other runs.
    #[error(
        "the baseline is of other scenarios, seeds or another simulator: it is of {baseline}, and this is of {pack}"
    )]
    Other {
        /// What it is of: the name of its scenarios, and the hash of its runs.
        baseline: String,
        /// What this is of, in the same way.
        pack: String,
    },
}

/// A figure that fell.
#[derive(Clone, Debug, PartialEq)]
pub struct Fall {
    /// Which.
    pub figure: &'static str,
    /// Mean change for each run, the wrong way being negative.
    pub change: f64,
    /// The least of it that is certain enough.
    pub at_least: f64,
}

/// A run of a scenario that must pass and no longer does.
#[derive(Clone, Debug, PartialEq)]
pub struct Flip {
    /// The scenario.
    pub scenario: String,
    /// The draw.
    pub seed: u64,
    /// What came first before.
    pub before: String,
    /// What comes first now.
    pub now: String,
    /// How to have it again.
    pub again: String,
}

/// What the two guards say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judged {
    /// The first guard.
    pub drops: Vec<Fall>,
    /// The second guard.
    pub flips: Vec<Flip>,
    /// Flips that a waiver allows, with its reason.
    pub waived: Vec<(Flip, String)>,
    /// Waivers whose day is over.
    pub expired: Vec<Waiver>,
    /// Runs that are right now and were not.
    pub won: Vec<(String, u64)>,
    /// Runs that are wrong now and were not, of any scenario.
    pub lost: Vec<(String, u64)>,
}

impl Judged {
    /// Whether the change may go in.
    pub fn passes(&self) -> bool {
        self.drops.is_empty() && self.flips.is_empty()
    }
}

impl Baseline {
    /// What is so now. `plugins` are names with digests; waivers are kept from the one before.
    pub fn of(scorecard: &Scorecard, plugins: BTreeMap<String, String>, reason: &str, before: Option<&Self>) -> Self {
        let runs: Vec<&Run> = scorecard.runs().iter().collect();
        let all_right = |runs: &Vec<&Run>| runs.iter().all(|run| run.is_right());
        let groups = by(&runs, |run| &run.scenario);
        Self {
            schema: 1,
            reason: reason.to_owned(),
            scenarios: scorecard.pack().map_or_else(unnamed, str::to_owned),
            pack: pack(&runs),
            must_pass: groups.iter().filter(|(_, runs)| all_right(runs)).map(|(name, _)| (*name).to_owned()).collect(),
            plugins,
            waiver: before.map(|before| before.waiver.clone()).unwrap_or_default(),
            runs: runs.iter().map(|run| (key(run), Kept::of(run))).collect(),
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// When it is none, or one of a later program.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        let baseline: Self = toml::from_str(text).map_err(|error| BaselineError::Parse(Box::new(error)))?;
        if baseline.schema == 1 { Ok(baseline) } else { Err(BaselineError::Schema(baseline.schema)) }
    }

    /// Its text: one line for each run, so that a difference is read where it is.
    pub fn text(&self) -> String {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let list: Vec<String> = self.must_pass.iter().map(|name| format!("  {},\n", quoted(name))).collect();
        let mut text = format!(
            "# What `lagdoctor evaluate` was worth. `lagdoctor baseline update` writes it; only [[waiver]] is written by hand.\nschema = 1\nreason = {}\nscenarios = {}\npack = {}\nmust_pass = [\n{}]\n",
            quoted(&self.reason),
            quoted(&self.scenarios),
            quoted(&self.pack),
            list.concat()
        );
        for Waiver { scenario, seed, until, reason } in &self.waiver {
            let seed = seed.map_or(String::new(), |seed| format!("seed = {seed}\n"));
            let _ = write!(
                text,
                "\n[[waiver]]\nscenario = {}\n{seed}until = {}\nreason = {}\n",
                quoted(scenario),
                quoted(until),
                quoted(reason)
            );
        }
        text += "\n[plugins]\n";
        for (name, digest) in &self.plugins {
            let _ = writeln!(text, "{} = {}", quoted(name), quoted(digest));
        }
        text += "\n[runs]\n";
        for (key, kept) in &self.runs {
            let number =
                |name: &str, value: Option<f64>| value.map_or(String::new(), |value| format!(", {name} = {value:?}"));
            let alarms = if kept.alarms > 0 { format!(", alarms = {}", kept.alarms) } else { String::new() };
            let _ = writeln!(
                text,
                "{} = {{ right = {}{}{}{}{alarms}, said = {} }}",
                quoted(key),
                kept.right,
                number("top1", kept.top1),
                number("top3", kept.top3),
                number("early", kept.early),
                quoted(&kept.said)
            );
        }
        text
    }

    /// Compares. `today` as `2026-12-31`, for waivers.
    ///
    /// # Errors
    /// When it is of other runs.
    pub fn judge(&self, scorecard: &Scorecard, today: &str) -> Result<Judged, BaselineError> {
        let runs: Vec<&Run> = scorecard.runs().iter().collect();
        let pack = pack(&runs);
        if pack != self.pack {
            let named = |scenarios: &str, pack: &str| format!("{scenarios} with the hash {pack}");
            let this = scorecard.pack().map_or_else(unnamed, str::to_owned);
            return Err(BaselineError::Other {
                baseline: named(&self.scenarios, &self.pack),
                pack: named(&this, &pack),
            });
        }
        let pairs: Vec<(&Run, &Kept, Kept)> =
            runs.iter().filter_map(|run| Some((*run, self.runs.get(&key(run))?, Kept::of(run)))).collect();
        let mut judged = Judged { drops: drops(&pairs), ..Judged::default() };
        judged.expired = self.waiver.iter().filter(|waiver| waiver.until.as_str() < today).cloned().collect();
        let must_pass: BTreeSet<&str> = self.must_pass.iter().map(String::as_str).collect();
        for (run, before, now) in &pairs {
            let name = || (run.scenario.clone(), run.seed);
            match (before.right, now.right) {
                (false, true) => judged.won.push(name()),
                (true, false) => judged.lost.push(name()),
                _ => continue,
            }
            if now.right || !must_pass.contains(run.scenario.as_str()) {
                continue;
            }
            let flip = Flip {
                scenario: run.scenario.clone(),
                seed: run.seed,
                before: before.said.clone(),
                now: now.said.clone(),
                again: crate::report::again(run, scorecard.flags()),
            };
            let allows = |waiver: &&Waiver| {
                waiver.scenario == run.scenario
                    && waiver.seed.is_none_or(|seed| seed == run.seed)
                    && waiver.until.as_str() >= today
            };
            match self.waiver.iter().find(allows) {
                Some(waiver) => judged.waived.push((flip, waiver.reason.clone())),
                None => judged.flips.push(flip),
            }
        }
        Ok(judged)
    }
}

/// Figures that fell by more than is tolerated, and not by chance: each at its share of `ALPHA` (Bonferroni).
fn drops(pairs: &[(&Run, &Kept, Kept)]) -> Vec<Fall> {
    let families: BTreeSet<&str> = pairs.iter().map(|(run, _, _)| run.family.as_str()).collect();
    let fallen = |(figure, sign, of): &Guarded| {
        let changes: Vec<(&str, f64)> = pairs
            .iter()
            .filter_map(|(run, before, now)| Some((run.family.as_str(), sign * (of(now)? - of(before)?))))
            .collect();
        let clusters: Vec<Vec<&(&str, f64)>> = families
            .iter()
            .map(|family| changes.iter().filter(|(known, _)| known == family).collect::<Vec<_>>())
            .filter(|cluster| !cluster.is_empty())
            .collect();
        let mean = |changes: &[&(&str, f64)]| {
            (!changes.is_empty()).then(|| changes.iter().map(|(_, change)| change).sum::<f64>() / changes.len() as f64)
        };
        let change = clustered_within(&clusters, SEED, ALPHA / GUARDED.len() as f64, mean)?;
        let is_drop = change.value < -TOLERANCE && change.high < 0.0;
        is_drop.then_some(Fall { figure, change: change.value, at_least: change.high })
    };
    GUARDED.iter().filter_map(fallen).collect()
}

fn key(run: &Run) -> String {
    format!("{} {}", run.scenario, run.seed)
}

/// Says of which scenarios, seeds and simulator these runs are: each run's own hash is of all that was seen in it.
fn pack(runs: &[&Run]) -> String {
    let mut hash = Sha256::new();
    for run in runs {
        hash.update(format!("{} {} {:016x} {}\n", run.scenario, run.seed, run.run_hash, run.truth));
    }
    let digest = hash.finalize();
    digest.iter().take(8).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exam::Sat;
    use crate::scorecard::testing::run;

    fn scorecard(wrong: impl Fn(&str, u64) -> bool) -> Scorecard {
        let mut scorecard = Scorecard::of(vec!["plugins".to_owned()], " --plugin mine.wasm".to_owned());
        for family in ["a", "b", "c", "d"] {
            for seed in 1..=10 {
                let rank = if wrong(family, seed) { Some(2) } else { Some(1) };
                scorecard.add(family, Sat { runs: vec![run(family, seed, rank)], void: vec![] });
            }
        }
        scorecard.note_pack(Some("builtin:public@1".to_owned()));
        scorecard
    }

    fn baseline() -> Baseline {
        // Family d was never wholly right.
        let before = scorecard(|family, seed| family == "d" && seed <= 3);
        Baseline::of(&before, BTreeMap::from([("ranker".to_owned(), "ab12".to_owned())]), "first", None)
    }

    fn check(wrong: impl Fn(&str, u64) -> bool, flips: &[(&str, u64)], drops: &[&str]) {
        let judged = baseline().judge(&scorecard(wrong), "2026-06-01").unwrap();
        let found: Vec<(&str, u64)> = judged.flips.iter().map(|flip| (flip.scenario.as_str(), flip.seed)).collect();
        assert_eq!(found, flips);
        assert_eq!(judged.drops.iter().map(|drop| drop.figure).collect::<Vec<_>>(), drops);
        assert_eq!(judged.passes(), flips.is_empty() && drops.is_empty());
    }

    #[test]
    fn the_same_again_passes() {
        check(|family, seed| family == "d" && seed <= 3, &[], &[]);
    }

    #[test]
    fn one_run_that_must_pass_and_fails_is_named_and_how_to_have_it_again() {
        check(|family, seed| (family == "d" && seed <= 3) || (family == "b" && seed == 7), &[("b-s", 7)], &[]);
        let judged = baseline().judge(&scorecard(|family, seed| family == "b" && seed == 7), "2026-06-01").unwrap();
        assert!(judged.flips[0].again.contains("simulate b-s --seed 7 "), "{:?}", judged.flips);
        assert!(judged.flips[0].again.ends_with(" --plugin mine.wasm"));
        assert_eq!((judged.lost.len(), judged.won.len()), (1, 3));
    }

    #[test]
    fn a_run_of_a_scenario_that_never_was_all_right_may_come_and_go() {
        check(|family, seed| family == "d" && (2..=4).contains(&seed), &[], &[]);
    }

    #[test]
    fn a_third_wrong_in_every_family_is_a_broad_drop_and_in_one_it_is_not() {
        let was = |family: &str, seed: u64| family == "d" && seed <= 3;
        let one =
            baseline().judge(&scorecard(|f, seed| was(f, seed) || (f == "a" && seed <= 3)), "2026-06-01").unwrap();
        assert!(one.drops.is_empty() && one.flips.len() == 3, "{:?}", one.drops);
        let all = baseline().judge(&scorecard(|_, seed| seed <= 3), "2026-06-01").unwrap();
        assert_eq!(all.drops.iter().map(|drop| drop.figure).collect::<Vec<_>>(), ["ac1", "ac1_early", "right"]);
        // Three runs of ten in three families of four.
        assert!((all.drops[0].change + 0.225).abs() < 1e-9 && all.drops[0].at_least < 0.0, "{:?}", all.drops);
    }

    #[test]
    fn a_waiver_allows_until_its_day_and_no_longer() {
        let mut baseline = baseline();
        baseline.waiver.push(Waiver {
            scenario: "b-s".to_owned(),
            seed: Some(7),
            until: "2026-06-30".to_owned(),
            reason: "known".to_owned(),
        });
        let now = scorecard(|family, seed| family == "b" && seed == 7);
        let before = baseline.judge(&now, "2026-06-30").unwrap();
        assert!(before.passes() && before.waived[0].1 == "known" && before.expired.is_empty());
        let after = baseline.judge(&now, "2026-07-01").unwrap();
        assert!(!after.passes() && after.waived.is_empty() && after.expired.len() == 1);
    }

    #[test]
    fn what_is_written_is_read_again_and_other_runs_are_refused() {
        let mut baseline = baseline();
        baseline.waiver.push(Waiver {
            scenario: "b-s".to_owned(),
            seed: None,
            until: "2026-06-30".to_owned(),
            reason: "\"quoted\"".to_owned(),
        });
        assert_eq!(Baseline::parse(&baseline.text()).unwrap(), baseline);
        assert_eq!(baseline.text().lines().filter(|line| line.starts_with("\"a-s ")).count(), 10);
        assert!(baseline.text().contains("\nscenarios = \"builtin:public@1\"\n"), "{}", baseline.text());
        let mut other = scorecard(|_, _| false);
        other.add("e", Sat { runs: vec![run("e", 1, Some(1))], void: vec![] });
        other.note_pack(Some("builtin:public@2".to_owned()));
        let refusal = baseline.judge(&other, "2026-06-01").unwrap_err();
        assert!(matches!(refusal, BaselineError::Other { .. }));
        assert!(refusal.to_string().contains("of builtin:public@1 with"), "{refusal}");
        assert!(refusal.to_string().contains("of builtin:public@2 with"), "{refusal}");
        let older = baseline.text().replace("scenarios = \"builtin:public@1\"\n", "");
        assert!(Baseline::parse(&older).unwrap().judge(&scorecard(|_, _| false), "2026-06-01").is_ok());
        assert!(matches!(Baseline::parse("schema = 1"), Err(BaselineError::Parse(_))));
    }
}
