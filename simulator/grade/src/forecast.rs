//! Did it come as was forecast? The median is held against what came, and against the simplest forecast of all, that
//! everything stays as it is: mean absolute error over the naive one's, as in Hyndman and Koehler, "Another look at
//! measures of forecast accuracy" (2006). Below 1 the forecaster is worth having. Start at [`compared`].

use lagdoctor_model::{Millis, Series, Timestamp};
use lagdoctor_runtime::RawForecast;

/// One forecast against what came.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Forecasted {
    /// How many moments were compared.
    pub n: usize,
    /// Sum of absolute errors of the median.
    pub error: f64,
    /// The same of the last reading before the forecast.
    pub naive: f64,
    /// How many of the values lay between the outermost quantiles.
    pub covered: usize,
}

/// A forecast made when `known` was all there was, against `whole`. `None` when nothing can be compared.
pub(crate) fn compared(forecast: &RawForecast, known: &Series, whole: &Series) -> Option<Forecasted> {
    let median = forecast.quantile(0.5)?;
    let lowest = forecast.quantile(*forecast.levels.first()?)?;
    let highest = forecast.quantile(*forecast.levels.last()?)?;
    let last = known.last()?;
    let mut sum = Forecasted::default();
    for (place, median) in median.iter().enumerate() {
        let offset = Millis::new(forecast.step.as_millis() * place as i64).ok()?;
        let Some(came) = value_at(whole, forecast.start + offset, forecast.step) else { continue };
        sum.n += 1;
        sum.error += (median - came).abs();
        sum.naive += (last.value - came).abs();
        sum.covered += usize::from((lowest[place]..=highest[place]).contains(&came));
    }
    (sum.n > 0).then_some(sum)
}

/// The last reading in the step that ends at a moment.
fn value_at(series: &Series, at: Timestamp, step: Millis) -> Option<f64> {
    let samples = series.samples();
    let end = samples.partition_point(|sample| sample.at <= at);
    let sample = samples[..end].last().filter(|sample| !sample.value.is_nan())?;
    // Past the end of the run nothing is known, and the last reading stands for nothing.
    (at.since(sample.at).as_millis() < step.as_millis().max(30_000)).then_some(sample.value)
}

#[cfg(test)]
mod tests {
    use lagdoctor_model::{Labels, NodeId, Sample, SeriesKey, SignalName};

    use super::*;

    fn at(seconds: u32) -> Timestamp {
        Timestamp::EPOCH + Millis::seconds(seconds)
    }

    fn series(values: &[(u32, f64)]) -> Series {
        let key = SeriesKey {
            node: NodeId::new("group:g").unwrap(),
            signal: SignalName::new("kafka.consumer_group.backlog").unwrap(),
            labels: Labels::new(),
        };
        Series::new(key, values.iter().map(|(s, value)| Sample { at: at(*s), value: *value }).collect()).unwrap()
    }

    #[test]
    fn a_forecast_is_held_against_what_came_and_against_no_change() {
        let forecast = RawForecast {
            by: "f".to_owned(),
            target: 0,
            start: at(120),
            step: Millis::seconds(60),
            levels: vec![0.1, 0.5, 0.9],
            values: vec![100.0, 110.0, 200.0, 120.0, 200.0, 300.0, 140.0, 290.0, 400.0],
            clears: None,
            breaches: None,
            slope_per_s: 1.0,
            statement: String::new(),
        };
        let known = series(&[(0, 40.0), (60, 100.0)]);
        let whole = series(&[(0, 40.0), (60, 100.0), (120, 130.0), (180, 310.0)]);
        // Median 120, 200, 300 at 120 s, 180 s, 240 s; the run ends before the last. Off by 10 and 110, naive by 30 and 210.
        let expected = Forecasted { n: 2, error: 120.0, naive: 240.0, covered: 1 };
        assert_eq!(compared(&forecast, &known, &whole), Some(expected));
        let beyond = RawForecast { start: at(9000), ..forecast };
        assert_eq!(compared(&beyond, &known, &whole), None);
    }
}
