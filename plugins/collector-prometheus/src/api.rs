//! Prometheus's HTTP API, as far as it is needed: the names of metrics, and ranges of plain selectors. Says in words for
//! people what went wrong, and whether it is worth going on. Start at [`Api`].

use std::cell::Cell;
use std::collections::BTreeSet;

use lagdoctor_sdk::{Error, Host, Request, Response, code};
use serde::Deserialize;

use crate::answer::{self, Remarks, Take};
use crate::config::Config;
use crate::dialect::any_known_metric;
use crate::gap::Gap;
use crate::grid::Grid;
use crate::promql::{percent, seconds, selector};

/// Answers that are too large are asked for again in halves, but not in shreds.
const FEWEST_POINTS: usize = 16;

/// One Prometheus.
pub(crate) struct Api<'a> {
    pub(crate) host: &'a dyn Host,
    pub(crate) config: &'a Config,
    /// Requests sent, and bytes received, so far.
    pub(crate) requests: Cell<usize>,
    pub(crate) received: Cell<usize>,
    /// Points of a series that are asked for in one question; fewer once an answer was too large.
    pub(crate) points: Cell<usize>,
}

/// Why a question has no answer.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// This one question; others may fare better.
    Question(Gap),
    /// The answer is larger than what the host lets through, even in parts.
    TooLarge(Gap),
    /// The far side, or the way to it.
    Source(Error),
}

/// Whether another question may fare better though the far side failed this one. Where it refuses, it refuses all.
pub(crate) fn may_pass(error: &Error) -> bool {
    [code::UNREACHABLE, code::UPSTREAM].contains(&error.code.as_str())
}

impl Api<'_> {
    /// One Prometheus, before any question.
    pub(crate) fn new<'a>(host: &'a dyn Host, config: &'a Config) -> Api<'a> {
        Api { host, config, requests: Cell::new(0), received: Cell::new(0), points: Cell::new(0) }
    }

    /// From now on asks for so many points at a time; 0 for as many as Prometheus gives.
    pub(crate) fn ask_for(&self, points: usize) {
        let most = usize::try_from(self.config.max_points).unwrap_or(1);
        self.points.set(if points == 0 { most } else { points.min(most) });
    }

    /// The metrics with samples in the window, of those that are known here. Adds what may be missing to the gaps.
    pub(crate) fn known_metrics(&self, grid: &Grid, gaps: &mut Vec<Gap>) -> Result<BTreeSet<String>, Error> {
        let name = format!("__name__=~\"{}\"", any_known_metric());
        let question = [
            ("match[]", selector("", &name, &self.config.matchers)),
            ("start", seconds(grid.start_ms)),
            ("end", seconds(grid.at(grid.points.saturating_sub(1)))),
        ];
        let response = self.ask("label/__name__/values", &question)?;
        let what = "the names of its metrics";
        let as_error = |trouble| match trouble {
            Trouble::Source(error) => error,
            Trouble::Question(gap) | Trouble::TooLarge(gap) => Error::new(code::UPSTREAM, gap.into_statement()),
        };
        if !response.is_success() {
            return Err(as_error(self.refusal(what, &response)));
        }
        let found = answer::names(&response.body).map_err(|_| self.no_prometheus(what, &response))?;
        if let Some(error) = &found.remarks.error {
            return Err(as_error(self.failed(what, error)));
        }
        gaps.extend(remarked(what, &found.remarks));
        Ok(found.names.into_iter().collect())
    }

    /// All series of a selector on this grid, in as many requests as Prometheus and the host need: a series may come in
    /// several parts. Gives what may be missing.
    pub(crate) fn range(&self, selector: &str, grid: &Grid, taker: &mut dyn Take) -> Result<Vec<Gap>, Trouble> {
        let mut gaps = Vec::new();
        let mut from = 0;
        while from < grid.points {
            let points = self.points.get().clamp(1, grid.points - from);
            match self.part(selector, grid, from, points, taker, &mut gaps) {
                Err(Trouble::TooLarge(_)) if points > FEWEST_POINTS => self.points.set(points / 2),
                outcome => {
                    outcome?;
                    from += points;
                }
            }
        }
        Ok(gaps)
    }

    /// Reads some points of the grid.
    fn part(
        &self,
        selector: &str,
        grid: &Grid,
        from: usize,
        points: usize,
        taker: &mut dyn Take,
        gaps: &mut Vec<Gap>,
    ) -> Result<(), Trouble> {
        let question = [
            ("query", selector.to_owned()),
            ("start", seconds(grid.at(from))),
            ("end", seconds(grid.at(from + points - 1))),
            ("step", seconds(grid.step_ms)),
        ];
        let what = format!("`{selector}`");
        let response = match self.ask("query_range", &question) {
            Ok(response) => response,
            Err(error) if error.code == code::BAD_INPUT => {
                let advice = "narrow it with `match`, or raise the limit on HTTP bodies";
                let statement = format!("{what} cannot be read: {}; {advice}", error.message);
                return Err(Trouble::TooLarge(Gap::truncated(statement)));
            }
            Err(error) => return Err(Trouble::Source(error)),
        };
        if !response.is_success() {
            return Err(self.refusal(&what, &response));
        }
        let remarks =
            answer::range(&response.body, taker).map_err(|_| Trouble::Source(self.no_prometheus(&what, &response)))?;
        if let Some(error) = &remarks.error {
            return Err(self.failed(&what, error));
        }
        for gap in remarked(&what, &remarks) {
            if !gaps.contains(&gap) {
                gaps.push(gap);
            }
        }
        Ok(())
    }

    fn ask(&self, path: &str, question: &[(&str, String)]) -> Result<Response, Error> {
        let fields: Vec<String> =
            question.iter().map(|(name, value)| format!("{}={}", percent(name), percent(value))).collect();
        let url = format!("{}/api/v1/{path}?{}", self.config.url, fields.join("&"));
        let mut request = Request::get(url).auth(self.config.proof()).patience_ms(self.config.timeout_ms);
        if let Some(tenant) = &self.config.tenant {
            request = request.header("x-scope-orgid", tenant);
        }
        self.requests.set(self.requests.get() + 1);
        let response = self.host.fetch(&request)?;
        self.received.set(self.received.get() + response.body.len());
        Ok(response)
    }

    /// What a status other than 2xx means.
    fn refusal(&self, what: &str, response: &Response) -> Trouble {
        let status = response.status;
        let url = &self.config.url;
        if matches!(status, 499 | 503) && is_too_slow(response) {
            let advice =
                "it is overloaded, or the question is too much: narrow it with `match`, or raise --query.timeout";
            let said = reason(response);
            let statement = format!("Prometheus at {url} was not done with {what} in time: {said}; {advice}");
            return Trouble::Question(Gap::unreachable(statement));
        }
        let said = format!("Prometheus at {url} answered {status} to the question for {what}: {}", reason(response));
        let error = |code: &str, advice: &str| Trouble::Source(Error::new(code, format!("{said}; {advice}")));
        match status {
            401 | 403 => error(code::UNAUTHORISED, "check `auth`, and the secret that `secret` names"),
            429 => error(code::RATE_LIMITED, "ask it less often, or narrow the question with `match`"),
            300..=399 => {
                let to = response.header("location").unwrap_or("an address that it does not name");
                error(code::BAD_CONFIG, &format!("it points to {to}; set `url` to where it really is"))
            }
            404 => error(code::BAD_CONFIG, "is `url` right? It ends before `/api/v1`"),
            503 => error(code::UPSTREAM, "it is starting, or overloaded; try again in a minute"),
            502 | 504 => error(code::UPSTREAM, "the proxy before it gets no answer; is Prometheus up?"),
            500.. => error(code::UPSTREAM, "look at its log"),
            422 => {
                let advice = "narrow it with `match`, or raise --query.max-samples";
                Trouble::Question(Gap::malformed(format!("{said}; {advice}")))
            }
            _ => Trouble::Question(Gap::malformed(said)),
        }
    }

    /// What an error with a status of success means, which some proxies make of it.
    fn failed(&self, what: &str, said: &str) -> Trouble {
        let url = &self.config.url;
        let statement = format!("Prometheus at {url} could not answer the question for {what}: {}", in_short(said));
        Trouble::Question(Gap::malformed(statement))
    }

    fn no_prometheus(&self, what: &str, response: &Response) -> Error {
        let url = &self.config.url;
        let begins: String = response.text().chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let message = format!(
            "{url} answered the question for {what} with something that is not Prometheus's JSON (`{}`); is `url` right?",
            begins.trim()
        );
        Error::new(code::UPSTREAM, message)
    }
}

/// What may be missing from an answer, one sentence each.
fn remarked(what: &str, remarks: &Remarks) -> Vec<Gap> {
    let warned = |warning: &String| format!("Prometheus warns about {what}: {}", in_short(warning));
    let mut gaps: Vec<Gap> = remarks.warnings.iter().map(warned).map(Gap::malformed).collect();
    if remarks.histograms > 0 {
        let count = remarks.histograms;
        gaps.push(Gap::malformed(format!(
            "{count} series of {what} are native histograms, which are not read; let Prometheus scrape it as a classic one too"
        )));
    }
    gaps
}

/// Whether Prometheus gave up on this one question, rather than on all.
fn is_too_slow(response: &Response) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Failed {
        error_type: String,
    }
    response.json::<Failed>().is_ok_and(|failed| matches!(failed.error_type.as_str(), "timeout" | "canceled"))
}

/// The error in Prometheus's own words, or the beginning of whatever else came.
fn reason(response: &Response) -> String {
    #[derive(Deserialize)]
    struct Failed {
        error: String,
    }
    in_short(&response.json::<Failed>().map_or_else(|_| response.text().into_owned(), |failed| failed.error))
}

/// What the far side said, as part of a sentence.
fn in_short(said: &str) -> String {
    let said: String = said.chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let said = said.trim().trim_end_matches('.');
    if said.is_empty() { "it gives no reason".to_owned() } else { said.to_owned() }
}
