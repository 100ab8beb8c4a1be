//! A forecaster with the SDK: a straight line through what there is, with a fan around it.

use lagdoctor_sdk::stats::least_squares;
use lagdoctor_sdk::{Error, Forecaster, Manifest, NoConfig, Plugin, Projection, Target, View, code};

struct Straight;

impl Plugin for Straight {
    type Config = NoConfig;

    fn manifest() -> Manifest {
        Manifest::new("museum-forecaster-sdk", "0.1.0", "Goes on as it went.").reads(&["kafka.consumer_group."])
    }

    fn new(_: NoConfig) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl Forecaster for Straight {
    fn forecast(&self, view: &View<'_>, targets: &[Target], horizon_ms: i64) -> Result<Vec<Projection>, Error> {
        let mut projections = Vec::new();
        for (handle, target) in (0u32..).zip(targets) {
            let series = view.series(target.series).ok_or_else(|| Error::new(code::BAD_INPUT, "no such series"))?;
            let now = view.now_ms();
            let Some(line) = least_squares(series.values) else { continue };
            let step_s = (series.time(1) - series.time(0)) as f64 / 1000.0;
            let (slope, at_now) = (line.slope / step_s, line.at((now - series.time(0)) as f64 / 1000.0 / step_s));
            let at = |ms: i64| at_now + slope * ms as f64 / 1000.0;
            let step_ms = horizon_ms / 4;
            let median: Vec<f64> = (1..=4).map(|step| at(step * step_ms)).collect();
            let levels = vec![0.25, 0.5, 0.75];
            let values = [-1.0, 0.0, 1.0].iter().flat_map(|side| median.iter().map(move |value| value + side * 8.0));
            let when = |level: f64| {
                let ms = ((level - at_now) / slope * 1000.0) as i64;
                (!level.is_nan() && ms > 0 && ms <= horizon_ms).then_some(now + ms)
            };
            projections.push(Projection {
                target: handle,
                start_ms: now + step_ms,
                step_ms,
                levels,
                values: values.collect(),
                clears_ms: when(target.clears_at),
                breaches_ms: when(target.breaches_at),
                slope_per_s: slope,
                statement: format!("goes on by {:.2} each second", slope),
                ext: vec![],
            });
        }
        Ok(projections)
    }
}

lagdoctor_sdk::export_forecaster!(Straight);
