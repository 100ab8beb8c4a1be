//! What can a bound plugin be asked? One function for each world. Each asks the plugin's guard first, if it has one, makes
//! one call ([`crate::call`]) and tells the guard what came of it.

use lagdoctor_model::{Finding, Millis, Ranking, Symptom, Timestamp};

use crate::call::shown_now;
use crate::convert::batch::Batch;
use crate::convert::outcome::{ForecastTarget, IncidentEvent, RawForecast, Receipt, Rendering};
use crate::convert::raw::{CollectQuery, CollectedPage};
use crate::error::CallError;
use crate::plugin::Bound;

impl Bound {
    /// Asks a scorer what is unusual. It sees the series that its manifest lists. What it gets wrong without failing
    /// is told by [`Batch::gaps`].
    ///
    /// # Errors
    /// When it is no scorer, fails, or breaks the contract.
    pub async fn score(&self, batch: &Batch) -> Result<Vec<Finding>, CallError> {
        let watch = self.watch(shown_now(batch))?;
        let outcome = self.score_once(batch, &watch).await;
        watch.leave(outcome)
    }

    /// Asks a ranker for causes. Findings keep their places: the handles that it gives back are places in `findings`.
    ///
    /// # Errors
    /// When it is no ranker, fails, or breaks the contract; when the symptom's node is not in the batch.
    pub async fn rank(&self, batch: &Batch, findings: &[Finding], symptom: &Symptom) -> Result<Ranking, CallError> {
        let watch = self.watch(shown_now(batch))?;
        let outcome = self.rank_once(batch, findings, symptom, &watch).await;
        watch.leave(outcome)
    }

    /// Asks a forecaster where series are going. Targets whose series it does not list are not asked about.
    ///
    /// # Errors
    /// When it is no forecaster, fails, or breaks the contract.
    pub async fn forecast(
        &self,
        batch: &Batch,
        targets: &[ForecastTarget],
        horizon: Millis,
    ) -> Result<Vec<RawForecast>, CallError> {
        let watch = self.watch(shown_now(batch))?;
        let outcome = self.forecast_once(batch, targets, horizon, &watch).await;
        watch.leave(outcome)
    }

    /// Asks a collector for one page. What it may not emit, or gives in no usable form, is left out and named in
    /// [`CollectedPage::gaps`]. `now` is the clock that the guest sees.
    ///
    /// # Errors
    /// When it is no collector, fails, or breaks the contract.
    pub async fn collect(&self, query: &CollectQuery, now: Timestamp) -> Result<CollectedPage, CallError> {
        let watch = self.watch(now)?;
        let outcome = self.collect_once(query, now, &watch).await;
        watch.leave(outcome)
    }

    /// Asks a notifier to tell people. `now` is the clock that the guest sees.
    ///
    /// # Errors
    /// When it is no notifier, fails, or breaks the contract. It may have sent something nevertheless; a second try
    /// with the same idempotency key is safe as far as the receiver honours it.
    pub async fn notify(
        &self,
        event: &IncidentEvent,
        diagnosis_json: &str,
        renderings: &[Rendering],
        now: Timestamp,
    ) -> Result<Vec<Receipt>, CallError> {
        let watch = self.watch(now)?;
        let outcome = self.notify_once(event, diagnosis_json, renderings, now, &watch).await;
        watch.leave(outcome)
    }
}
