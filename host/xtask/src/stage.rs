//! What is being done, and how long did each part take?

use std::time::Instant;

/// Names each stage when it begins and its time when it ends, on standard error.
#[derive(Debug)]
pub(crate) struct Stages {
    began: Instant,
}

impl Stages {
    pub(crate) fn start() -> Self {
        Self { began: Instant::now() }
    }

    /// Runs one stage.
    pub(crate) fn run<T, E>(&mut self, name: &str, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        eprintln!("==> {name}");
        let began = Instant::now();
        let result = work();
        let outcome = if result.is_ok() { "done" } else { "FAILED" };
        eprintln!("    {name}: {outcome} in {:.1} s", began.elapsed().as_secs_f64());
        result
    }

    /// Seconds since the first stage.
    pub(crate) fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }
}
