//! When does it clear, and when does it breach? The newest readings are smoothed and continued in a straight line, which
//! is what a backlog does while inflow and throughput hold: its slope is their difference. The band around the line
//! widens with time, because nobody knows how long they hold: `band` says by how much. Start at
//! [`EwmaLinear::forecast`].

mod band;

use band::Band;
use lagdoctor_sdk::stats::{self, Line};
use lagdoctor_sdk::words::{number, seconds};
use lagdoctor_sdk::{Error, Forecaster, Manifest, Plugin, Projection, SeriesRef, Target, View, numbers};

numbers! {
    /// How far back is looked, and how much is smoothed.
    pub struct Config {
        /// What a reading counts against the average before it
        pub alpha: f64 = 0.4, from 0.01 to 1.0;
        /// Newest readings through which the line is drawn
        pub samples: f64 = 8.0, from 3.0 to 1000.0;
    }
}

/// Quantile levels given.
const LEVELS: [f64; 3] = [0.1, 0.5, 0.9];
/// Most values given for each level; a long horizon gets a coarser step.
const VALUES: i64 = 240;
/// Readings without which no line is drawn.
const ENOUGH: usize = 3;

/// The forecaster.
#[derive(Debug)]
pub struct EwmaLinear {
    config: Config,
}

impl Plugin for EwmaLinear {
    type Config = Config;

    fn manifest() -> Manifest {
        Manifest::new(
            "forecaster-ewma-linear",
            env!("CARGO_PKG_VERSION"),
            "Continues the newest readings in a smoothed straight line.",
        )
        .reads(&["kafka.", "db.replication.", "jvm.memory."])
        .configured_by(Config::SCHEMA)
    }

    fn new(config: Config) -> Result<Self, Error> {
        Ok(Self { config })
    }
}

/// A line through smoothed readings, and how well it is known.
struct Fit {
    /// Places are readings before (negative) or after the newest.
    line: Line,
    band: Band,
}

impl Fit {
    fn through(config: &Config, values: &[f64]) -> Option<Self> {
        let samples = (config.samples as usize).max(ENOUGH);
        // Smoothing needs a run-up, until nothing is left in it of how it began.
        let from = values.len().saturating_sub(samples * 3);
        let smooth = stats::ewma(&values[from..], config.alpha);
        let newest = &smooth[smooth.len().saturating_sub(samples)..];
        let raw = &values[values.len() - newest.len()..];
        let known = stats::count(raw);
        if known < ENOUGH {
            return None;
        }
        let fitted = stats::least_squares(newest)?;
        // The average trails a rising series; the line is lifted to where the readings themselves are.
        let apart: Vec<f64> = (0..).zip(raw).map(|(place, value)| value - fitted.at(f64::from(place))).collect();
        let lift = stats::median(&apart);
        let residuals: Vec<f64> = apart.iter().map(|apart| apart - lift).collect();
        let last = (newest.len() - 1) as f64;
        let line = Line { slope: fitted.slope, intercept: fitted.at(last) + lift };
        let spread = stats::spread(&residuals);
        let band = Band::of(values, newest.len(), spread, known as f64);
        (line.slope.is_finite() && line.intercept.is_finite()).then_some(Self { line, band })
    }
}

impl EwmaLinear {
    fn project(&self, place: u32, series: &SeriesRef<'_>, target: &Target, horizon_ms: i64) -> Option<Projection> {
        // Missing newest readings are no reason to forecast from old ones as if they were new.
        let newest = series.values.iter().rposition(|value| !value.is_nan())?;
        let fit = Fit::through(&self.config, &series.values[..=newest])?;
        let now_ms = series.time(newest);
        let stride = (horizon_ms / series.step_ms).saturating_sub(1) / VALUES + 1;
        let step_ms = series.step_ms.checked_mul(stride)?;
        let count = (horizon_ms / step_ms).max(1);
        // What is counted cannot fall below nothing. A series that already did is no count.
        let floor = if stats::min(series.values) >= 0.0 { 0.0 } else { f64::NEG_INFINITY };
        let mut values = Vec::with_capacity(count as usize * LEVELS.len());
        for side in [-1.0, 0.0, 1.0] {
            values.extend((1..=count).map(|index| {
                let ahead = (index * stride) as f64;
                (fit.line.at(ahead) + side * fit.band.half(ahead)).max(floor)
            }));
        }
        let slope_per_s = fit.line.slope * 1_000.0 / series.step_ms as f64;
        let level = series.values[newest];
        let reaches = |limit: f64, direction: f64| {
            let apart = limit - fit.line.intercept;
            let in_s = if (level - limit) * direction >= 0.0 { 0.0 } else { apart / slope_per_s };
            let is_ahead = in_s.is_finite() && in_s >= 0.0 && in_s * 1_000.0 <= horizon_ms as f64;
            is_ahead.then(|| now_ms + (in_s * 1_000.0) as i64)
        };
        let clears_ms = reaches(target.clears_at, -1.0);
        let breaches_ms = reaches(target.breaches_at, 1.0);
        let statement = statement(slope_per_s, level, now_ms, clears_ms, breaches_ms, horizon_ms);
        Some(Projection {
            target: place,
            start_ms: now_ms + step_ms,
            step_ms,
            levels: LEVELS.to_vec(),
            values,
            clears_ms,
            breaches_ms,
            slope_per_s,
            statement,
            ext: vec![],
        })
    }
}

fn statement(
    slope_per_s: f64,
    level: f64,
    now_ms: i64,
    clears_ms: Option<i64>,
    breaches_ms: Option<i64>,
    horizon_ms: i64,
) -> String {
    let ahead = |ms: i64| seconds((ms - now_ms) as f64 / 1_000.0);
    let horizon = seconds(horizon_ms as f64 / 1_000.0);
    // Less than a hundredth of its level within the horizon is no movement.
    let moved = slope_per_s * horizon_ms as f64 / 1_000.0;
    let trend = if moved.abs() <= level.abs() * 0.01 {
        "holds".to_owned()
    } else if slope_per_s > 0.0 {
        format!("grows by {}/s", number(slope_per_s))
    } else {
        format!("shrinks by {}/s", number(-slope_per_s))
    };
    match (clears_ms, breaches_ms) {
        (Some(clears), _) if clears <= now_ms => "is clear".to_owned(),
        (_, Some(breaches)) if breaches <= now_ms => format!("{trend} and is over its limit"),
        (Some(clears), _) => format!("{trend} and clears in {}", ahead(clears)),
        (None, Some(breaches)) => format!("{trend} and reaches its limit in {}", ahead(breaches)),
        (None, None) if slope_per_s < 0.0 => format!("{trend}, which does not clear it within {horizon}"),
        (None, None) => format!("{trend} of late, with no end within {horizon}"),
    }
}

impl Forecaster for EwmaLinear {
    fn forecast(&self, view: &View<'_>, targets: &[Target], horizon_ms: i64) -> Result<Vec<Projection>, Error> {
        if horizon_ms <= 0 {
            let message = format!("the horizon is {horizon_ms} ms, which is not in the future");
            return Err(Error::new(lagdoctor_sdk::code::BAD_INPUT, message));
        }
        let project = |(place, target): (u32, &Target)| {
            let series = view.series(target.series)?;
            self.project(place, &series, target, horizon_ms)
        };
        Ok((0..).zip(targets).filter_map(project).collect())
    }
}

lagdoctor_sdk::export_forecaster!(EwmaLinear);

#[cfg(test)]
mod tests;
