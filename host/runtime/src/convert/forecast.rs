//! Forecast targets in, forecasts out; incident events in, receipts out.

use lagdoctor_model::{Millis, Timestamp};

use crate::bindings::forecasting as wit;
use crate::bindings::notifying;
use crate::convert::batch::Batch;
use crate::convert::outcome::{ForecastTarget, IncidentEvent, RawForecast, Receipt, Rendering};
use crate::convert::{Broken, Reader, or_nan};

/// Targets for a forecaster, and for each its place in the list that they came from: those whose series the plugin
/// does not list have no handle.
pub(crate) fn targets(batch: &Batch, targets: &[ForecastTarget]) -> (Vec<wit::Target>, Vec<usize>) {
    let with_handle = targets.iter().enumerate().filter_map(|(place, target)| {
        let series = *batch.series.of.get(&target.series)?;
        let (clears_at, breaches_at) = (or_nan(target.clears_at), or_nan(target.breaches_at));
        Some((wit::Target { series, clears_at, breaches_at, ext: vec![] }, place))
    });
    with_handle.unzip()
}

/// What a forecaster gave. `places` is what [`targets`] said.
pub(crate) fn forecasts(
    reader: &mut Reader<'_>,
    places: &[usize],
    given: Vec<wit::Projection>,
) -> Result<Vec<RawForecast>, Broken> {
    let given = reader.cut("forecast", given);
    given.into_iter().enumerate().map(|(place, given)| forecast(reader, places, place, given)).collect()
}

fn forecast(
    reader: &Reader<'_>,
    places: &[usize],
    place: usize,
    given: wit::Projection,
) -> Result<RawForecast, Broken> {
    let broken = |what: &str| Broken(format!("forecast {place} {what}"));
    let target = places.get(given.target as usize).ok_or_else(|| broken("is about a target that does not exist"))?;
    let levels = &given.levels;
    let ascend = levels.windows(2).all(|two| two[0] < two[1]) && levels.iter().all(|level| (0.0..=1.0).contains(level));
    if !ascend || !levels.iter().any(|level| (level - 0.5).abs() < 1e-9) {
        return Err(broken("has levels that do not ascend from 0 to 1 with 0.5 among them"));
    }
    if given.values.is_empty() || !given.values.len().is_multiple_of(levels.len()) {
        return Err(broken("does not have one value for each level and time"));
    }
    if given.values.len() > reader.limits.output_values {
        return Err(broken("has more values than `output_values` allows"));
    }
    if !given.values.iter().chain([&given.slope_per_s]).all(|value| value.is_finite()) {
        return Err(broken("has a value or slope that is no finite number"));
    }
    let time = |ms| Timestamp::from_millis(ms).map_err(|_| broken("has a time that is none"));
    let step = Millis::new(given.step_ms).ok().filter(|step| *step > Millis::ZERO);
    Ok(RawForecast {
        by: reader.plugin.to_owned(),
        target: *target,
        start: time(given.start_ms)?,
        step: step.ok_or_else(|| broken("has a step that is not positive"))?,
        clears: given.clears_ms.map(time).transpose()?,
        breaches: given.breaches_ms.map(time).transpose()?,
        slope_per_s: given.slope_per_s,
        statement: reader.sentence(&given.statement),
        levels: given.levels,
        values: given.values,
    })
}

pub(crate) fn event(event: &IncidentEvent) -> notifying::IncidentEvent {
    notifying::IncidentEvent {
        incident: event.incident.clone(),
        phase: event.phase.as_str().to_owned(),
        at_ms: event.at.as_millis(),
        idempotency_key: event.idempotency_key.clone(),
        ext: vec![],
    }
}

pub(crate) fn renderings(renderings: &[Rendering]) -> Vec<notifying::Rendering> {
    let rendering = |rendering: &Rendering| notifying::Rendering {
        format: rendering.format.as_str().to_owned(),
        text: rendering.text.clone(),
        ext: vec![],
    };
    renderings.iter().map(rendering).collect()
}

pub(crate) fn receipts(reader: &mut Reader<'_>, given: Vec<notifying::Receipt>) -> Vec<Receipt> {
    let given = reader.cut("receipt", given);
    let receipt = |given: notifying::Receipt| Receipt {
        destination: reader.sentence(&given.destination),
        reference: Some(reader.sentence(&given.reference)).filter(|reference| !reference.is_empty()),
    };
    given.into_iter().map(receipt).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    fn given() -> wit::Projection {
        wit::Projection {
            target: 0,
            start_ms: 0,
            step_ms: 1000,
            levels: vec![0.1, 0.5, 0.9],
            values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            clears_ms: None,
            breaches_ms: Some(2000),
            slope_per_s: 1.0,
            statement: "grows".into(),
            ext: vec![],
        }
    }

    /// What is said of a forecast for one target, the seventh of those asked, that was changed so.
    fn check(change: impl FnOnce(&mut wit::Projection)) -> String {
        let limits = Limits::default();
        let mut given = given();
        change(&mut given);
        match forecasts(&mut Reader::new("holt", &limits), &[6], vec![given]) {
            Ok(read) => format!("target {} of {} points", read[0].target, read[0].points()),
            Err(Broken(why)) => why,
        }
    }

    #[test]
    fn a_forecast_is_given_back_under_the_target_that_was_asked() {
        assert_eq!(check(|_| ()), "target 6 of 2 points");
    }

    #[test]
    fn a_forecast_that_cannot_be_drawn_is_refused() {
        assert!(check(|given| given.target = 1).contains("does not exist"));
        assert!(check(|given| given.levels = vec![0.5, 0.1, 0.9]).contains("ascend"));
        assert!(check(|given| given.levels = vec![0.1, 0.4, 0.9]).contains("0.5 among"));
        assert!(check(|given| given.levels[2] = f64::NAN).contains("ascend"));
        assert!(check(|given| given.values.truncate(5)).contains("one value"));
        assert!(check(|given| given.values.clear()).contains("one value"));
        assert!(check(|given| given.values[0] = f64::INFINITY).contains("finite"));
        assert!(check(|given| given.slope_per_s = f64::NAN).contains("finite"));
        assert!(check(|given| given.step_ms = 0).contains("step"));
        assert!(check(|given| given.clears_ms = Some(i64::MAX)).contains("time"));
    }
}
