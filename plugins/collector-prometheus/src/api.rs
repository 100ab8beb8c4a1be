//! Prometheus's HTTP API, as far as it is needed: the names of metrics, and ranges of plain selectors. Says in words for
//! people what went wrong, and whether it is worth going on. Start at [`Api`].

use std::collections::BTreeSet;
use std::fmt;

use lagdoctor_sdk::{Error, Host, Request, Response, code};
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use crate::config::Config;
use crate::dialect::any_known_metric;
use crate::grid::{Grid, Series};
use crate::promql::{percent, seconds, selector};

/// Answers that are too large are asked for again in halves, but not in shreds.
const FEWEST_POINTS: usize = 16;

/// One Prometheus.
pub(crate) struct Api<'a> {
    pub(crate) host: &'a dyn Host,
    pub(crate) config: &'a Config,
}

/// Why a question has no answer.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// This one question; others may fare better.
    Question(String),
    /// The far side, or the way to it; other questions would fare no better.
    Source(Error),
}

#[derive(Deserialize)]
struct Names {
    data: Vec<String>,
}

#[derive(Deserialize)]
struct Range {
    data: Matrix,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
struct Matrix {
    result: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    metric: std::collections::BTreeMap<String, String>,
    values: Vec<Point>,
}

/// A time in seconds, and a value that comes as text because JSON has no NaN.
struct Point(f64, f64);

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pair;
        impl<'de> Visitor<'de> for Pair {
            type Value = Point;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time and a value")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Point, A::Error> {
                let missing = || serde::de::Error::invalid_length(2, &"a time and a value");
                let at = seq.next_element::<f64>()?.ok_or_else(missing)?;
                let Number(value) = seq.next_element()?.ok_or_else(missing)?;
                Ok(Point(at, value))
            }
        }
        deserializer.deserialize_seq(Pair)
    }
}

/// A number as text; what is none, or is infinite, is missing.
struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number as text")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Number, E> {
                let value = text.parse().unwrap_or(f64::NAN);
                Ok(Number(if value.is_finite() { value } else { f64::NAN }))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// What a range query gave.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) series: Vec<Series>,
    pub(crate) warnings: Vec<String>,
}

impl Api<'_> {
    /// The metrics with samples in the window, of those that are known here.
    pub(crate) fn known_metrics(&self, grid: &Grid) -> Result<BTreeSet<String>, Error> {
        let name = format!("__name__=~\"{}\"", any_known_metric());
        let question = [
            ("match[]", selector("", &name, &self.config.matchers)),
            ("start", seconds(grid.start_ms)),
            ("end", seconds(grid.at(grid.points.saturating_sub(1)))),
        ];
        let response = self.ask("label/__name__/values", &question)?;
        let what = "the names of its metrics";
        if !response.is_success() {
            return Err(match self.refusal(what, &response) {
                Trouble::Question(message) => Error::new(code::UPSTREAM, message),
                Trouble::Source(error) => error,
            });
        }
        let names: Names = response.json().map_err(|_| self.no_prometheus(what, &response))?;
        Ok(names.data.into_iter().collect())
    }

    /// All series of a selector on this grid, in as many requests as Prometheus and the host need.
    pub(crate) fn range(&self, selector: &str, grid: &Grid) -> Result<Answer, Trouble> {
        let most = usize::try_from(self.config.max_points).unwrap_or(1);
        let mut answer = Answer::default();
        let mut from = 0;
        while from < grid.points {
            let points = most.min(grid.points - from);
            self.part(selector, grid, from, points, &mut answer)?;
            from += points;
        }
        Ok(answer)
    }

    /// Adds some points of the grid. Where the answer is more than the host lets through, half is asked at a time.
    fn part(
        &self,
        selector: &str,
        grid: &Grid,
        from: usize,
        points: usize,
        answer: &mut Answer,
    ) -> Result<(), Trouble> {
        let question = [
            ("query", selector.to_owned()),
            ("start", seconds(grid.at(from))),
            ("end", seconds(grid.at(from + points - 1))),
            ("step", seconds(grid.step_ms)),
        ];
        let response = match self.ask("query_range", &question) {
            Ok(response) => response,
            Err(error) if error.code == code::BAD_INPUT && points > FEWEST_POINTS => {
                let half = points / 2;
                self.part(selector, grid, from, half, answer)?;
                return self.part(selector, grid, from + half, points - half, answer);
            }
            Err(error) if error.code == code::BAD_INPUT => {
                let advice = "narrow it with `match`, or raise the limit on HTTP bodies";
                return Err(Trouble::Question(format!("`{selector}` cannot be read: {}; {advice}", error.message)));
            }
            Err(error) => return Err(Trouble::Source(error)),
        };
        if !response.is_success() {
            return Err(self.refusal(&format!("`{selector}`"), &response));
        }
        let range: Range =
            response.json().map_err(|_| Trouble::Source(self.no_prometheus(&format!("`{selector}`"), &response)))?;
        for row in range.data.result {
            add(row, grid, &mut answer.series);
        }
        for warning in range.warnings {
            if !answer.warnings.contains(&warning) {
                answer.warnings.push(warning);
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
        self.host.fetch(&request)
    }

    /// What a status other than 2xx means.
    fn refusal(&self, what: &str, response: &Response) -> Trouble {
        let status = response.status;
        let url = &self.config.url;
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
            422 => Trouble::Question(format!("{said}; narrow it with `match`, or raise --query.max-samples")),
            _ => Trouble::Question(said),
        }
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

/// The error in Prometheus's own words, or the beginning of whatever else came.
fn reason(response: &Response) -> String {
    #[derive(Deserialize)]
    struct Failed {
        error: String,
    }
    let said = response.json::<Failed>().map_or_else(|_| response.text().into_owned(), |failed| failed.error);
    let said: String = said.chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let said = said.trim().trim_end_matches('.');
    if said.is_empty() { "it gives no reason".to_owned() } else { said.to_owned() }
}

/// Puts the readings of one part of the grid where they belong: a series of an earlier part goes on.
fn add(row: Row, grid: &Grid, series: &mut Vec<Series>) {
    let labels: Vec<(String, String)> = row.metric.into_iter().filter(|(name, _)| name != "__name__").collect();
    let place = match series.iter().position(|series| series.labels == labels) {
        Some(place) => place,
        None => {
            series.push(Series { labels, values: vec![f64::NAN; grid.points] });
            series.len() - 1
        }
    };
    for Point(at, value) in row.values {
        if let Some(slot) = grid.place((at * 1000.0).round() as i64) {
            series[place].values[slot] = value;
        }
    }
}
