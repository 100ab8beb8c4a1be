//! One run, from its seed to the grades of all who were asked about it. Start at [`Exam::sit`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lagdoctor_bundle::{BundleError, Truth};
use lagdoctor_model::{
    Class, Diagnosis, Gap, GapCause, InvalidName, Labels, Millis, NodeId, Series, SeriesKey, Signals, Timestamp,
};
use lagdoctor_runtime::{Batch, Bound, ForecastTarget};
use lagdoctor_service::{Options, Plugins, Prepared, report};
use lagdoctor_sim::{Blur, Scenario, Simulation};

use crate::forecast::{Forecasted, compared};
use crate::graded::Graded;
use crate::measure::waiting::Wait;
use crate::moment::Whole;
use crate::recorded::{Recording, opened};
use crate::scorecard::{Run, Spoken, Watched};
use crate::stage::{NO_HURRY, Observer, Stage};
use crate::truth;
use crate::watch::{Cadence, Incident, incidents};

/// How long the window of a diagnosis is.
const SPAN: Millis = Millis::minutes(60);
/// How far back every log line must be known, so that a collector need not be asked again as of then.
const LINES_BEFORE: Millis = Millis::minutes(10);
/// How far a forecaster looks ahead.
const HORIZON: Millis = Millis::minutes(15);
/// How many seeds are tried in place of one whose fault moved nothing.
const MOST_REPLACED: u64 = 3;
/// How far those are away, so that no other run has them.
const REPLACED_BY: u64 = 1_000_000;

/// Somebody whose answers are graded.
#[derive(Clone, Debug)]
pub struct Contender {
    /// What it is called in results.
    pub name: String,
    /// The plugins that judge.
    pub plugins: Plugins,
    /// Which verdicts are graded.
    pub asked: Asked,
}

/// Which verdicts are graded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// All of the cadence.
    Throughout,
    /// The last one alone: what is only there to compare with may cost little.
    AtTheEnd,
}

/// Runs, and who is asked about them.
#[derive(Clone, Debug)]
pub struct Exam {
    /// In the order of results; the first one is what is graded.
    pub contenders: Vec<Contender>,
    /// When they are asked.
    pub cadence: Cadence,
    /// Whether somebody is graded besides who knows more than anybody may: the same run without its faults. What he gets
    /// right can be found; his is the last of the runs.
    pub has_oracle: bool,
}

/// What the oracle is called, in results.
pub const ORACLE: &str = "oracle";

/// What is asked about.
#[derive(Clone, Debug)]
pub struct Question {
    /// Name of the scenario or of the recorded incident, by which it is had again.
    pub name: String,
    /// What `lagdoctor simulate` calls it, or where its bundle is, as a shell reads it.
    pub source: String,
    /// What it is.
    pub subject: Subject,
}

/// What is asked about: something that is made anew, or that once was.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A run of a simulated pipeline.
    Simulated {
        /// The scenario.
        scenario: Arc<Scenario>,
        /// The draw.
        seed: u64,
    },
    /// An incident in a bundle.
    Recorded(Arc<Recording>),
}

impl Question {
    /// The draw; 0 for what was recorded.
    pub fn seed(&self) -> u64 {
        match self.subject {
            Subject::Simulated { seed, .. } => seed,
            Subject::Recorded(_) => 0,
        }
    }

    /// The same question about the same run, of which less is seen; a recorded one as it is.
    #[must_use]
    pub fn blurred(&self, blur: Blur, level: f64) -> Self {
        let mut dim = self.clone();
        if let Subject::Simulated { scenario, .. } = &mut dim.subject {
            *scenario = Arc::new(scenario.blurred(blur, level));
        }
        dim
    }

    fn family(&self) -> &str {
        match &self.subject {
            Subject::Simulated { scenario, .. } => scenario.family(),
            Subject::Recorded(recording) => &recording.family,
        }
    }
}

/// Why a question came to nothing.
#[derive(Debug)]
pub enum SitError {
    /// The scenario names a node or class that can be none.
    Truth(InvalidName),
    /// The bundle cannot be read.
    Bundle(BundleError),
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Sat {
    /// One run for each contender, in their order, and the oracle's of a simulated one; empty when the question is void.
    pub runs: Vec<Run>,
    /// Seeds whose fault moved nothing that hurts, so that another was taken.
    pub void: Vec<u64>,
}

/// The run that is asked about.
pub(crate) struct Case {
    pub(crate) whole: Whole,
    pub(crate) truth: Truth,
    pub(crate) begin: Timestamp,
    pub(crate) warm: Timestamp,
    pub(crate) end: Timestamp,
    /// What detection saw.
    pub(crate) incidents: Vec<Incident>,
    /// When somebody complained, where that was recorded.
    pub(crate) alert: Option<Timestamp>,
    pub(crate) cadence: Cadence,
    pub(crate) run_hash: u64,
}

impl Exam {
    /// Makes the run of a question, or reads what was recorded, and asks every contender. `lane` of the stage is its own while it
    /// lasts.
    ///
    /// # Errors
    /// When the scenario names a node or class that can be none, or the bundle cannot be read.
    pub async fn sit(
        &self,
        stage: &Stage,
        lane: usize,
        collectors: &[Bound],
        question: &Question,
    ) -> Result<Sat, SitError> {
        let (scenario, first) = match &question.subject {
            Subject::Simulated { scenario, seed } => (scenario, *seed),
            Subject::Recorded(recording) => return self.sit_recorded(recording, question).await,
        };
        let mut void = vec![];
        for attempt in 0..=MOST_REPLACED {
            let seed = first + attempt * REPLACED_BY;
            let made = scenario.clone();
            let made = tokio::task::spawn_blocking(move || Simulation::pair(&made, seed)).await;
            let Ok(pair) = made else { break };
            if scenario.is_incident() && scenario.has_impact() && pair.impact.is_none() {
                void.push(seed);
                continue;
            }
            let truth = truth(&pair.truth()).map_err(SitError::Truth)?;
            let suspects = if self.has_oracle { pair.suspects() } else { vec![] };
            let case = self.case(stage, lane, collectors, scenario.warmup(), Arc::new(pair.run), truth).await;
            let mut runs = self.asked(&case, question, seed).await;
            if self.has_oracle {
                runs.extend(runs.first().map(|run| foreseen(run, &suspects, &case.truth)));
            }
            return Ok(Sat { runs, void });
        }
        Ok(Sat { runs: vec![], void })
    }

    async fn sit_recorded(&self, recording: &Arc<Recording>, question: &Question) -> Result<Sat, SitError> {
        let (recording, cadence) = (recording.clone(), self.cadence);
        let read = tokio::task::spawn_blocking(move || recording.case(&cadence)).await;
        let Ok(case) = read else { return Ok(Sat { runs: vec![], void: vec![] }) };
        let case = case.map_err(SitError::Bundle)?;
        Ok(Sat { runs: self.asked(&case, question, 0).await, void: vec![] })
    }

    async fn case(
        &self,
        stage: &Stage,
        lane: usize,
        collectors: &[Bound],
        warmup: Millis,
        run: Arc<Simulation>,
        truth: Truth,
    ) -> Case {
        stage.put_on_lane(lane, run.clone());
        let mut observer = Observer::of(&run, collectors);
        let signals = observer.look().await;
        let (begin, end) = (run.start(), run.now());
        // On the grid of the collectors, so that what was read of a moment is what is read at it.
        let (first, grid) = (signals.window.start, self.cadence.detect_every.as_millis().max(1));
        let steps = end.since(first).as_millis().min(warmup.as_millis()) / grid;
        let warm = first + Millis::new(steps * grid).unwrap_or(Millis::ZERO);
        let whole = Whole::new(signals, run.telemetry(), SPAN);
        let incidents = incidents(&whole, warm, end, &self.cadence);
        let (cadence, run_hash) = (self.cadence, run.run_hash());
        let mut case = Case { whole, truth, begin, warm, end, incidents, alert: None, cadence, run_hash };
        if let Some(opened) = case.diagnosed().map(|incident| incident.opened) {
            // The last of them first: each gives way, up to its moment, to the ones before.
            for moment in [opened + self.cadence.bound, opened] {
                if moment < end && case.whole.lines_since().is_none_or(|since| since > moment - LINES_BEFORE) {
                    let lines = observer.look_back(moment).await;
                    case.whole.add_lines(moment, &lines);
                }
            }
        }
        case
    }

    async fn asked(&self, case: &Case, question: &Question, seed: u64) -> Vec<Run> {
        // The end is the same for all, and everybody is asked about it.
        let end = Moment::of(case.whole.signals());
        let mut runs = vec![];
        for contender in &self.contenders {
            runs.push(self.ask(contender, case, &end, question, seed).await);
        }
        runs
    }

    async fn ask(&self, contender: &Contender, case: &Case, end: &Moment<'_>, question: &Question, seed: u64) -> Run {
        let real = case.opened();
        let moments = match contender.asked {
            Asked::Throughout => case.cadence.moments(case.diagnosed().as_ref(), case.end),
            Asked::AtTheEnd => vec![case.end],
        };
        let options = Options { deadline: NO_HURRY, ..Options::default() };
        let names: Vec<String> = contender.plugins.uses().into_iter().map(|used| used.name).collect();
        let (mut spoken, mut took, mut failures, mut heard) = (vec![], vec![], vec![], BTreeMap::new());
        let (mut early, mut last) = (None, None);
        let due = case.truth.impact.or(case.truth.onset).map(|impact| impact + case.cadence.early);
        for now in &moments {
            let (cut, then);
            let moment = if *now == case.end {
                end
            } else {
                cut = case.whole.at(*now);
                then = Moment::of(&cut);
                &then
            };
            let clock = Instant::now();
            let (diagnosis, trace) = moment.prepared.judged_by(&contender.plugins, &options).await;
            took.push((moment.took + clock.elapsed()).as_secs_f64() * 1000.0);
            failures.extend(failed(&diagnosis, &names));
            for asked in trace.asked {
                *heard.entry(asked.plugin).or_insert(0) += asked.outcome.unwrap_or_default();
            }
            let graded = Graded::of(&diagnosis, &case.truth);
            spoken.push(Spoken::new(now.since(case.begin).as_seconds(), &diagnosis, &graded));
            if due.is_some_and(|due| *now <= due) {
                early = Some(graded.clone());
            }
            last = Some((diagnosis, graded));
        }
        took.sort_by(f64::total_cmp);
        let is_throughout = contender.asked == Asked::Throughout;
        let forecast = match (is_throughout, real) {
            (true, Some(incident)) => self.forecast(contender, case, incident.opened).await,
            _ => None,
        };
        let silence = || Graded::of_silence(&case.truth);
        let root = case.truth.roots.first();
        let at_s = |at: Option<Timestamp>| at.map(|at| at.since(case.begin).as_seconds());
        Run {
            scenario: question.name.clone(),
            source: question.source.clone(),
            recorded: matches!(question.subject, Subject::Recorded(_)),
            family: question.family().to_owned(),
            seed,
            run_hash: case.run_hash,
            incident: case.truth.incident,
            root: root.map(|root| (root.node.to_string(), root.class.as_ref().map(ToString::to_string))),
            truth: told(&case.truth),
            has_decoys: !case.truth.decoys.is_empty(),
            said: last.as_ref().map(|(diagnosis, _)| report::headline(diagnosis)).unwrap_or_default(),
            grade: last.map_or_else(silence, |(_, graded)| graded),
            early: (is_throughout && case.truth.incident).then(|| early.unwrap_or_else(silence)),
            watched: is_throughout.then(|| case.watched(&spoken)),
            onset_s: at_s(case.truth.onset),
            impact_s: at_s(case.truth.impact),
            spoken,
            backlog: if is_throughout { case.backlog() } else { vec![] },
            forecast,
            failures,
            heard,
            took_ms: took.get(took.len() / 2).copied().unwrap_or_default(),
        }
    }

    /// What the forecaster says when the incident opens, held against what came.
    async fn forecast(&self, contender: &Contender, case: &Case, opened: Timestamp) -> Option<Forecasted> {
        let forecaster = contender.plugins.forecaster.as_ref()?;
        let signals = case.whole.at(opened);
        let symptom = lagdoctor_diagnosis::detect(&signals, None).symptom?;
        let key = SeriesKey { node: symptom.node.clone(), signal: symptom.signal.clone(), labels: Labels::new() };
        let of = |signals: &Signals| signals.series.iter().find(|series| *series.key() == key).cloned();
        let (known, whole) = (of(&signals)?, of(case.whole.signals())?);
        let clears_at = symptom.expected.is_finite().then(|| symptom.expected.max(0.0));
        let targets = [ForecastTarget { series: key.clone(), clears_at, breaches_at: None }];
        let answer = forecaster.forecast(&Batch::new(&signals), &targets, HORIZON).await.ok()?;
        compared(answer.iter().find(|forecast| forecast.target == 0)?, &known, &whole)
    }
}

/// What everybody is asked about, and how long it took to make.
struct Moment<'a> {
    prepared: Prepared<'a>,
    took: Duration,
}

impl<'a> Moment<'a> {
    fn of(signals: &'a Signals) -> Self {
        let clock = Instant::now();
        Self { prepared: Prepared::of(signals, None), took: clock.elapsed() }
    }
}

impl Case {
    /// The incident that the fault is behind: the first one that goes on after the impact.
    fn real(&self) -> Option<&Incident> {
        let impact = self.truth.impact.or(self.truth.onset).filter(|_| self.truth.incident)?;
        self.incidents.iter().find(|incident| incident.last >= impact)
    }

    /// The incident of the fault, from when somebody complained or something was seen.
    fn opened(&self) -> Option<Incident> {
        opened(self.real(), self.alert, self.end)
    }

    /// The incident that is diagnosed: that of the fault, or else the first alarm.
    fn diagnosed(&self) -> Option<Incident> {
        self.opened().or(self.incidents.first().copied())
    }

    /// Backlog of the group that fell furthest behind, by minute.
    fn backlog(&self) -> Vec<Option<f64>> {
        let signals = self.whole.signals();
        let minutes = usize::try_from(self.end.since(self.begin).as_millis() / 60_000).unwrap_or(0) + 1;
        let of_groups =
            signals.series.iter().filter(|series| series.signal().as_str() == "kafka.consumer_group.backlog");
        let grids = of_groups.map(|series| series.on_grid(self.begin, Millis::minutes(1), minutes));
        let most = |grid: &Vec<f64>| grid.iter().copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
        let furthest = grids.max_by(|a, b| most(a).total_cmp(&most(b)));
        let furthest = furthest.or_else(|| {
            let symptom = lagdoctor_diagnosis::detect(signals, None).symptom?;
            let is_its = |series: &&Series| *series.node() == symptom.node && *series.signal() == symptom.signal;
            Some(signals.series.iter().find(is_its)?.on_grid(self.begin, Millis::minutes(1), minutes))
        });
        furthest.unwrap_or_default().into_iter().map(|value| value.is_finite().then_some(value)).collect()
    }

    fn watched(&self, spoken: &[Spoken]) -> Watched {
        // Until the fault begins nothing is wrong, in whatever scenario.
        let healthy_until = self.truth.onset.filter(|_| self.truth.incident).unwrap_or(self.end).max(self.warm);
        let false_alarms = self.incidents.iter().filter(|incident| incident.opened < healthy_until).count();
        let impact = self.truth.impact.or(self.truth.onset).filter(|_| self.truth.incident);
        let since = |at: Timestamp, impact: Timestamp| at.since(impact).as_seconds().max(0.0);
        let detected = impact.map(|impact| match self.real() {
            Some(incident) => Wait::Took(since(incident.opened, impact)),
            None => Wait::LongerThan(since(self.end, impact)),
        });
        let right = impact.map(|impact| {
            let wrong = spoken.iter().rposition(|said| !said.right);
            let first_right = wrong.map_or(0, |place| place + 1);
            match spoken.get(first_right) {
                Some(said) => Wait::Took((said.at_s - impact.since(self.begin).as_seconds()).max(0.0)),
                None => Wait::LongerThan(since(self.end, impact)),
            }
        });
        let flaps = spoken.windows(2).filter(|pair| pair[0].node != pair[1].node).count();
        Watched {
            detected,
            right,
            flaps,
            false_alarms,
            fault_free_h: healthy_until.since(self.warm).as_seconds() / 3600.0,
        }
    }
}

/// The oracle's answer to the question of this run: what differs from the run without faults, the likeliest root first.
fn foreseen(run: &Run, suspects: &[String], truth: &Truth) -> Run {
    let nodes: Vec<NodeId> = suspects.iter().filter_map(|id| NodeId::new(id).ok()).collect();
    Run {
        grade: Graded::of_order(&nodes, truth),
        early: None,
        said: nodes.first().map(ToString::to_string).unwrap_or_default(),
        watched: None,
        spoken: vec![],
        backlog: vec![],
        forecast: None,
        failures: vec![],
        heard: BTreeMap::new(),
        took_ms: 0.0,
        ..run.clone()
    }
}

/// What was so, in one line.
fn told(truth: &Truth) -> String {
    let what = |class: &Option<Class>| match class {
        Some(class) => format!(" ({class})"),
        None if truth.family.is_empty() => String::new(),
        None => format!(" ({})", truth.family),
    };
    let roots: Vec<String> = truth.roots.iter().map(|root| format!("{}{}", root.node, what(&root.class))).collect();
    if roots.is_empty() { "no incident".to_owned() } else { roots.join(", ") }
}

/// Which of these plugins failed, and how.
fn failed(diagnosis: &Diagnosis, names: &[String]) -> Vec<Gap> {
    let is_one = |gap: &&Gap| gap.cause == GapCause::PluginFailed && names.contains(&gap.source);
    diagnosis.gaps.iter().filter(is_one).cloned().collect()
}
