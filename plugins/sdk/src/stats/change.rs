//! Has a series left its own past, by how much, and since when? The past is the first part of the window, taken
//! robustly. A departure is a run of readings far from it; of several runs the one with the most in it counts, since a
//! blip an hour ago is not what hurts now. Its beginning is walked back to where the series left its usual band. Start
//! at [`compare`].

use super::{median, spread};

/// Far readings that show what a run soon comes to: four minutes at a scrape interval of 15 s.
const SOON: usize = 16;
/// Share of that from which a reading is far for this run.
const STARTS: f64 = 0.1;
/// Share of that up to which a reading before it is still usual.
const LEAVES: f64 = 0.05;

/// Which side of its past is worth a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Above.
    Up,
    /// Below.
    Down,
    /// Both.
    Either,
}

/// What counts as a departure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Share of the known readings, from the start, that are the past.
    pub past_share: f64,
    /// Readings that the past needs.
    pub past_min: usize,
    /// Smallest deviation that is believed, in the unit of the series. Keeps series that stand still from making every
    /// small step look endless.
    pub floor: f64,
    /// The same as a share of the centre.
    pub floor_share: f64,
    /// Deviations from which a reading is far.
    pub far: f64,
    /// Deviations within which a reading is usual; between the two it may be on its way.
    pub usual: f64,
    /// Far readings that make a departure.
    pub sustained: usize,
    /// Readings, far ones apart, that do not yet end a departure: pulses belong together.
    pub bridge: usize,
    /// Newest readings whose median is "now".
    pub now: usize,
}

impl Default for Rules {
    /// A third of the window as the past, 1 % of the centre as the floor, five deviations as far; at a scrape interval
    /// of 15 s, three far readings within two minutes of each other make a departure.
    fn default() -> Self {
        Self {
            past_share: 1.0 / 3.0,
            past_min: 8,
            floor: 1e-9,
            floor_share: 0.01,
            far: 5.0,
            usual: 2.0,
            sustained: 3,
            bridge: 8,
            now: 5,
        }
    }
}

impl Rules {
    /// With another floor.
    #[must_use]
    pub fn floor(self, floor: f64) -> Self {
        Self { floor: floor.max(1e-9), ..self }
    }
}

/// What a series was like before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Past {
    /// Its median.
    pub centre: f64,
    /// Its robust deviation, not below the floor.
    pub scale: f64,
    /// Where in the series it ends.
    pub end: usize,
}

impl Past {
    /// Distance of a value in robust deviations, signed.
    pub fn deviations(&self, value: f64) -> f64 {
        (value - self.centre) / self.scale
    }
}

/// What became of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// What it was like before.
    pub past: Past,
    /// Median of its newest readings.
    pub now: f64,
    /// Distance of `now` in robust deviations, signed.
    pub deviations: f64,
    /// Where a departure began, if there was one.
    pub onset: Option<usize>,
    /// Median of the readings since then that are far; `now` without a departure.
    pub level: f64,
    /// Distance of `level` in robust deviations, signed.
    pub magnitude: f64,
    /// Whether it lasts until the end of the series.
    pub lasts: bool,
}

impl Comparison {
    /// `level` over the past's centre: 2 is twice as much. The floor keeps a centre of 0 from making it endless.
    pub fn ratio(&self) -> f64 {
        (self.level.abs() + self.past.scale) / (self.past.centre.abs() + self.past.scale)
    }
}

/// What a series was like in the first part of its known readings. `None` when there are too few.
pub fn past(values: &[f64], rules: &Rules) -> Option<Past> {
    let known = super::count(values);
    let wanted = ((known as f64 * rules.past_share) as usize).max(rules.past_min);
    if known < wanted || wanted == 0 {
        return None;
    }
    let mut seen = 0;
    let last = values.iter().position(|value| {
        seen += usize::from(!value.is_nan());
        seen == wanted
    })?;
    let before = &values[..=last];
    let centre = median(before);
    let scale = spread(before).max(centre.abs() * rules.floor_share).max(rules.floor);
    (centre.is_finite() && scale.is_finite()).then_some(Past { centre, scale, end: last + 1 })
}

/// The run of far readings that holds the most, and where it begins and ends. `None` when there is no departure.
pub fn departure(values: &[f64], past: &Past, rules: &Rules, direction: Direction) -> Option<(usize, usize)> {
    let far = |index: usize| {
        let deviations = past.deviations(values[index]);
        let signed = match direction {
            Direction::Up => deviations,
            Direction::Down => -deviations,
            Direction::Either => deviations.abs(),
        };
        (signed >= rules.far).then_some(signed)
    };
    // Of each run: first and last far reading, how many there are, and how far they are together.
    let mut runs: Vec<(usize, usize, usize, f64)> = vec![];
    for index in 0..values.len() {
        let Some(distance) = far(index) else { continue };
        // One reading out of range must not outweigh a departure of an hour.
        let weight = distance.min(rules.far * 10.0);
        match runs.last_mut() {
            Some((_, end, count, total)) if index - *end <= rules.bridge => {
                *end = index;
                *count += 1;
                *total += weight;
            }
            _ => runs.push((index, index, 1, weight)),
        }
    }
    let sustained = runs.into_iter().filter(|(_, _, count, _)| *count >= rules.sustained.max(1));
    // Of equals the later one: what lasts is nearer to what hurts.
    let (first, end, ..) = sustained.max_by(|a, b| a.3.total_cmp(&b.3))?;
    Some((beginning(values, past, rules, first, end), end))
}

/// Where a run of far readings began: its first reading that is far for this run, walked back to where the usual band was
/// left. A load that drifts for an hour before it jumps began with the jump, so both are measured by what the run
/// soon comes to.
fn beginning(values: &[f64], past: &Past, rules: &Rules, first: usize, end: usize) -> usize {
    let side = past.deviations(values[first]).signum();
    let deviations = |index: usize| past.deviations(values[index]) * side;
    let soon: Vec<f64> =
        (first..=end).map(deviations).filter(|deviations| *deviations >= rules.far).take(SOON).collect();
    let size = median(&soon);
    let is_far = |index: &usize| deviations(*index) >= rules.far.max(size * STARTS);
    let mut onset = (first..=end).find(is_far).unwrap_or(first);
    for index in (0..onset).rev() {
        let deviations = deviations(index);
        if deviations.is_nan() {
            continue;
        }
        if deviations <= rules.usual.max(size * LEAVES) {
            break;
        }
        onset = index;
    }
    onset
}

/// Compares a series with its own past. `None` when too little is known of it.
///
/// ```
/// # use lagdoctor_sdk::stats::{Direction, Rules, compare};
/// let mut values = vec![20.0; 60];
/// values.extend([80.0; 12]);
/// let seen = compare(&values, &Rules::default(), Direction::Up).unwrap();
/// assert_eq!((seen.past.centre, seen.level, seen.onset), (20.0, 80.0, Some(60)));
/// assert!(seen.lasts);
/// ```
pub fn compare(values: &[f64], rules: &Rules, direction: Direction) -> Option<Comparison> {
    let past = past(values, rules)?;
    let mut newest: Vec<f64> = values.iter().rev().copied().filter(|value| !value.is_nan()).take(rules.now).collect();
    newest.reverse();
    let now = median(&newest);
    let deviations = past.deviations(now);
    let found = departure(values, &past, rules, direction);
    let (onset, level, lasts) = match found {
        None => (None, now, false),
        Some((onset, end)) => {
            let side = past.deviations(values[end]).signum();
            let is_far = |value: &f64| past.deviations(*value) * side >= rules.far;
            let far: Vec<f64> = values[onset..=end].iter().copied().filter(is_far).collect();
            let last_known = values.iter().rposition(|value| !value.is_nan()).unwrap_or(end);
            (Some(onset), median(&far), last_known - end <= rules.bridge)
        }
    };
    Some(Comparison { past, now, deviations, onset, level, magnitude: past.deviations(level), lasts })
}
