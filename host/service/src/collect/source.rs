//! A collector, page by page, until it has no more or time is up. Start at [`pages`].

use std::future::Future;

use lagdoctor_model::{Gap, GapCause, Timestamp};
use lagdoctor_runtime::{Bound, CallError, CollectQuery, CollectedPage};
use tokio::time::{Instant, timeout_at};

/// What gives pages: a bound collector, or a stand-in in tests.
pub(super) trait Source: Clone + Send + Sync + 'static {
    /// What reports call it.
    fn name(&self) -> &str;
    /// Whether it can give this signal; `log` asks for log lines.
    fn gives(&self, signal: &str) -> bool;
    /// One page.
    fn page(
        &self,
        query: &CollectQuery,
        now: Timestamp,
    ) -> impl Future<Output = Result<CollectedPage, CallError>> + Send;
}

impl Source for Bound {
    fn name(&self) -> &str {
        Bound::name(self)
    }

    fn gives(&self, signal: &str) -> bool {
        self.plugin().manifest().lists_signal(signal)
    }

    async fn page(&self, query: &CollectQuery, now: Timestamp) -> Result<CollectedPage, CallError> {
        self.collect(query, now).await
    }
}

/// All pages of a source, at most `most`, until `until`. What came before a failure is kept.
pub(super) async fn pages<S: Source>(
    source: S,
    mut query: CollectQuery,
    now: Timestamp,
    until: Instant,
    most: usize,
) -> CollectedPage {
    let mut all = CollectedPage::default();
    let gap = |cause, statement| Gap { source: source.name().to_owned(), cause, node: None, statement };
    for page in 1.. {
        match timeout_at(until, source.page(&query, now)).await {
            Ok(Ok(given)) => all.append(given),
            Ok(Err(error)) => {
                all.gaps.push(error.gap());
                break;
            }
            Err(_) => {
                let statement = format!(
                    "was not done with page {page} in time, so the rest is missing; give more time with a longer deadline, or narrow the window"
                );
                all.gaps.push(gap(GapCause::Unreachable, statement));
                break;
            }
        }
        let Some(next) = all.next.take() else { break };
        if page >= most {
            let statement = format!(
                "has more than {most} pages for this window, and the rest was not read; narrow the window or widen the step"
            );
            all.gaps.push(gap(GapCause::Truncated, statement));
            break;
        }
        query.page = next;
    }
    all
}
