//! From what a source gave to readings: counters become rates, impossible values become "missing", readings outside the
//! window go. Start at [`readings`].

use lagdoctor_model::{Sample, SignalKind, SignalSpec, Window};

/// Whether a source gives levels or an ever-growing sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Gauge,
    Counter,
}

/// The readings of one series within the window. Times strictly increase, as the runtime has checked.
pub(super) fn readings(signal: &SignalSpec, shape: Shape, samples: &[Sample], window: &Window) -> Vec<Sample> {
    let mut samples: Vec<_> =
        samples.iter().map(|sample| Sample { at: sample.at, value: possible(signal, sample.value) }).collect();
    // A source may call an offset a counter; only what the vocabulary calls a rate becomes one.
    if shape == Shape::Counter && signal.kind == SignalKind::Rate {
        samples = rate(&samples);
    }
    samples.retain(|sample| sample.at >= window.start && sample.at <= window.now);
    samples
}

/// A signal without a side cannot be negative. -1 is how many exporters say "unknown"; a negative lag is one of a
/// log end that was read before the commit.
fn possible(signal: &SignalSpec, value: f64) -> f64 {
    if !value.is_finite() {
        f64::NAN
    } else if value >= 0.0 || signal.signed {
        value
    } else if signal.name.ends_with(".lag") && value != -1.0 {
        0.0
    } else {
        f64::NAN
    }
}

/// Change per second between each reading and the last one before it that is a number. A counter that shrinks was reset
/// and began again at zero. The first reading has no rate and is left out.
pub(super) fn rate(samples: &[Sample]) -> Vec<Sample> {
    let mut rates = Vec::with_capacity(samples.len().saturating_sub(1));
    let mut before: Option<Sample> = None;
    for &sample in samples {
        if sample.value.is_nan() {
            if before.is_some() {
                rates.push(sample);
            }
            continue;
        }
        if let Some(before) = before {
            let grown = if sample.value >= before.value { sample.value - before.value } else { sample.value };
            rates.push(Sample { at: sample.at, value: grown / sample.at.since(before.at).as_seconds() });
        }
        before = Some(sample);
    }
    rates
}

#[cfg(test)]
mod tests {
    use lagdoctor_model::{Millis, Timestamp, Vocabulary};
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u32) -> Timestamp {
        Timestamp::EPOCH + Millis::seconds(seconds)
    }

    fn rates(values: &[f64]) -> Vec<f64> {
        let samples: Vec<_> =
            (0u32..).zip(values).map(|(place, value)| Sample { at: at(place * 10), value: *value }).collect();
        rate(&samples).iter().map(|sample| sample.value).collect()
    }

    fn gauge(signal: &str, values: &[f64]) -> Vec<f64> {
        let samples: Vec<_> =
            (0u32..).zip(values).map(|(place, value)| Sample { at: at(place), value: *value }).collect();
        let window = Window { start: at(0), now: at(1000), step: Millis::seconds(1) };
        let spec = Vocabulary::bundled().signal(signal).unwrap();
        readings(spec, Shape::Gauge, &samples, &window).iter().map(|sample| sample.value).collect()
    }

    #[test]
    fn a_counter_that_was_reset_goes_on_from_zero() {
        assert_eq!(rates(&[100.0, 150.0, 20.0, 40.0]), [5.0, 2.0, 2.0]);
    }

    #[test]
    fn a_missing_reading_is_a_gap_and_the_next_rate_spans_it() {
        let rates = rates(&[100.0, f64::NAN, 140.0]);
        assert!(rates[0].is_nan());
        assert_eq!(rates[1], 2.0);
    }

    #[test]
    fn lag_is_never_negative_and_minus_one_is_unknown() {
        let lag = gauge("kafka.consumer_group.lag", &[-1.0, -7.0, 7.0, f64::INFINITY]);
        assert!(lag[0].is_nan() && lag[3].is_nan());
        assert_eq!(lag[1..3], [0.0, 7.0]);
        assert!(gauge("jvm.memory.limit", &[-1.0])[0].is_nan());
    }

    #[test]
    fn a_clock_may_be_behind() {
        assert_eq!(gauge("system.clock.offset", &[-422.0, -1.0, 0.2]), [-422.0, -1.0, 0.2]);
    }

    #[test]
    fn what_lies_outside_the_window_is_not_seen() {
        let window = Window { start: at(10), now: at(20), step: Millis::seconds(5) };
        let spec = Vocabulary::bundled().signal("db.server.up").unwrap();
        let samples = [9, 10, 20, 21].map(|seconds| Sample { at: at(seconds), value: 1.0 });
        assert_eq!(readings(spec, Shape::Gauge, &samples, &window), samples[1..3]);
    }

    proptest! {
        #[test]
        fn no_rate_is_negative(values in proptest::collection::vec(0.0f64..1e15, 0..50)) {
            prop_assert!(rates(&values).iter().all(|rate| *rate >= 0.0));
        }
    }
}
