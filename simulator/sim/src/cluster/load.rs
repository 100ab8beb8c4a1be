//! How much producers send: a rate with its season, its planned batches and its wandering, and how keys spread it over
//! partitions.

use super::knobs::ProducerKnobs;
use crate::numbers::exp;
use crate::random::Stream;
use crate::scenario::spec::{BatchSpec, KeyDist, KeysSpec, Phase, WorkloadSpec};
use crate::units::Micros;

/// Over which time the rate forgets where it was.
const WANDER: f64 = 120.0;

/// What producers send.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) rate: f64,
    season: Option<(f64, f64, f64)>,
    batch: Option<Batch>,
    pub(super) producers: Vec<usize>,
    noise: f64,
    wander: f64,
    wander_at: Micros,
    wandering: Stream,
    pub(super) record_bytes: f64,
    /// Size of the records of this step, as a multiple of the usual one.
    pub(super) size: f64,
    pub(super) sent: Vec<f64>,
    pub(super) sent_bytes: Vec<f64>,
}

/// How much of the wandering of a rate is left in its mean over some seconds: of its standard deviation, as a share.
pub(crate) fn share_of_wander_in_a_mean_over(seconds: f64) -> f64 {
    let lengths = seconds / WANDER;
    libm::sqrt(2.0 / lengths * (1.0 - (1.0 - libm::exp(-lengths)) / lengths))
}

impl Load {
    /// Draws one from a stream for what is asked first, and from streams of the topic for what came later.
    pub(super) fn draw(
        workload: &WorkloadSpec,
        producers: Vec<usize>,
        setup: &mut Stream,
        stream: impl Fn(&str) -> Stream,
    ) -> Self {
        Self {
            rate: workload.rate.draw(setup) * workload.load,
            season: workload.season.as_ref().map(|season| {
                let phase = match &season.phase {
                    Phase::At(phase) => phase.draw(setup),
                    Phase::Word(_) => setup.unit(),
                };
                (season.period.log_normal().0, season.amp, phase)
            }),
            batch: workload.batch.as_ref().map(|batch| Batch::draw(batch, &mut stream("batch"))),
            sent: vec![0.0; producers.len()],
            sent_bytes: vec![0.0; producers.len()],
            size: 1.0,
            producers,
            noise: workload.noise,
            wander: 0.0,
            wander_at: Micros::ZERO,
            wandering: stream("wander"),
            record_bytes: workload.record_bytes.log_normal().0,
        }
    }

    /// The factor of the season at a moment, which may lie before the run.
    fn seasonal(&self, at: Micros) -> f64 {
        self.season.map_or(1.0, |(period, amp, phase)| {
            1.0 + amp * libm::sin(std::f64::consts::TAU * (phase + at.as_seconds() / period))
        })
    }

    /// The factor of season and batch together, at a moment that may lie before the run.
    pub(super) fn planned(&self, at: Micros) -> f64 {
        self.seasonal(at) * self.batch.filter(|batch| batch.is_on(at)).map_or(1.0, |batch| batch.times)
    }

    /// Records that the step should bring.
    pub(super) fn expected(&mut self, now: Micros, step: Micros, knobs: &[ProducerKnobs]) -> f64 {
        if now >= self.wander_at {
            self.wander_at = now + Micros::SECOND;
            let keep = exp(-1.0 / WANDER);
            self.wander = self.wander * keep + self.noise * libm::sqrt(1.0 - keep * keep) * self.wandering.normal();
        }
        let planned = self.planned(now);
        let wanted: f64 = self.producers.iter().map(|producer| knobs[*producer].rate).sum();
        let share = wanted / self.producers.len().max(1) as f64;
        self.size = self.mixed(knobs, |knobs| knobs.bytes);
        self.rate * planned * exp(self.wander) * share * step.as_seconds()
    }

    /// The mean over all records of what differs from producer to producer.
    pub(super) fn mixed(&self, knobs: &[ProducerKnobs], of: impl Fn(&ProducerKnobs) -> f64) -> f64 {
        let mine = || self.producers.iter().map(|producer| &knobs[*producer]);
        let whole: f64 = mine().map(|knobs| knobs.rate).sum();
        if whole > 0.0 {
            mine().map(|knobs| knobs.rate * of(knobs)).sum::<f64>() / whole
        } else {
            of(&ProducerKnobs::default())
        }
    }
}

/// A planned batch, in seconds.
#[derive(Clone, Copy, Debug)]
struct Batch {
    every: f64,
    at: f64,
    lasting: f64,
    times: f64,
}

impl Batch {
    fn draw(spec: &BatchSpec, stream: &mut Stream) -> Self {
        let every = spec.every.draw(stream);
        let at = spec.at.draw(stream);
        let lasting = spec.lasting.draw(stream);
        Self { every, at, lasting, times: spec.times.draw(stream) }
    }

    fn is_on(&self, at: Micros) -> bool {
        let since = at.as_seconds() - self.at;
        since - libm::floor(since / self.every) * self.every < self.lasting
    }
}

/// How much of the load goes to each partition. Keys fall on partitions by chance, so that even equal keys spread a
/// little unevenly.
pub(super) fn shares(keys: &KeysSpec, partitions: u32, stream: &mut Stream) -> Vec<f64> {
    let count = partitions as usize;
    // The many small keys even each other out; only the large ones are placed one by one.
    const PLACED: u32 = 2000;
    let weight = |key: u32| if keys.dist == KeyDist::Zipf { libm::pow(f64::from(key + 1), -keys.s) } else { 1.0 };
    let placed = keys.n.min(PLACED);
    let mut shares = vec![0.0; count];
    for key in 0..placed {
        shares[stream.below(count as u64) as usize] += weight(key);
    }
    let rest: f64 = (placed..keys.n).map(weight).sum();
    for share in &mut shares {
        let expected = rest / f64::from(partitions);
        *share += expected * stream.factor(1.0 / libm::sqrt((f64::from(keys.n) / f64::from(partitions)).max(1.0)));
    }
    let whole: f64 = shares.iter().sum();
    shares.iter().map(|share| share / whole.max(f64::MIN_POSITIVE)).collect()
}
