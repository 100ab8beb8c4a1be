//! One search: what is asked, and what is made of the answer. Start at [`Search::page`].

use lagdoctor_sdk::json::{Value, json};
use lagdoctor_sdk::{Error, Host, RawLog, Request, Response, code};

use crate::config::Checked;
use crate::line::line;
use crate::severity::{self, WARN};

/// Lines of one answer. Elasticsearch allows 10,000, but a line with its stack may have kilobytes.
const LINES_PER_ANSWER: usize = 1000;

/// Which lines are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Volume {
    /// Warnings and worse.
    Loud,
    /// The rest, down to the least level, and lines without a level.
    Quiet,
}

/// One Elasticsearch, and a window.
pub(crate) struct Search<'a> {
    pub(crate) host: &'a dyn Host,
    pub(crate) checked: &'a Checked,
    pub(crate) start_ms: i64,
    /// Not included.
    pub(crate) end_ms: i64,
}

/// Lines of one volume, and how many there were in all.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) lines: Vec<RawLog>,
    pub(crate) left_out: u64,
    pub(crate) gaps: Vec<String>,
}

impl Search<'_> {
    /// Up to `most` lines, the oldest first.
    pub(crate) fn lines(&self, volume: Volume, most: usize) -> Result<Found, Error> {
        let mut found = Found::default();
        let mut after: Option<Value> = None;
        let (mut read, mut total) = (0_u64, 0_u64);
        while found.lines.len() < most {
            let size = LINES_PER_ANSWER.min(most - found.lines.len());
            let answer = self.ask(volume, size, after.as_ref())?;
            let hits = answer.pointer("/hits/hits").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            if after.is_none() {
                total = total_hits(&answer).unwrap_or(hits.len() as u64);
                found.gaps.extend(partial(&answer));
            }
            read += hits.len() as u64;
            found.lines.extend(hits.iter().filter_map(|hit| self.wanted(hit, volume)));
            let next =
                hits.last().and_then(|hit| hit.get("sort")).filter(|sort| Some(*sort) != after.as_ref()).cloned();
            // Fewer than asked for: that was all. No place to go on from, or no progress: there is no more to get.
            if hits.len() < size || next.is_none() {
                total = total.max(read);
                break;
            }
            after = next;
        }
        found.left_out = total.saturating_sub(read);
        Ok(found)
    }

    /// A line of this volume. Levels are checked again, because they may hide in a field or a text that no query sees.
    fn wanted(&self, hit: &Value, volume: Volume) -> Option<RawLog> {
        let line = line(hit, &self.checked.config.fields)?;
        let is_loud = line.severity >= WARN;
        let is_in_window = (self.start_ms..self.end_ms).contains(&line.at_ms);
        let is_enough = line.severity == 0 || line.severity >= self.checked.least;
        (is_in_window && is_enough && is_loud == (volume == Volume::Loud)).then_some(line)
    }

    fn ask(&self, volume: Volume, size: usize, after: Option<&Value>) -> Result<Value, Error> {
        let Checked { config, base, index, .. } = self.checked;
        let url = format!("{base}/{index}/_search?ignore_unavailable=true&allow_no_indices=true");
        let request = Request::post_json(url, &self.question(volume, size, after));
        let request = request.auth(config.proof()).patience_ms(config.timeout_ms);
        let response = self.host.fetch(&request)?;
        if !response.is_success() {
            return Err(self.refusal(&response));
        }
        let answer: Value = response.json().map_err(|_| self.no_elasticsearch())?;
        if answer.pointer("/hits/hits").is_none() { Err(self.no_elasticsearch()) } else { Ok(answer) }
    }

    fn question(&self, volume: Volume, size: usize, after: Option<&Value>) -> Value {
        let fields = &self.checked.config.fields;
        let window = json!({"gte": self.start_ms, "lt": self.end_ms, "format": "epoch_millis"});
        let mut filter = vec![json!({"range": {&fields.time: window}})];
        if !self.checked.config.services.is_empty() {
            filter.push(any_of(self.service_fields(), &self.checked.config.services));
        }
        let mut must_not = Vec::new();
        match volume {
            Volume::Loud => filter.push(any_of(self.level_fields(), &severity::spellings(WARN, u8::MAX))),
            Volume::Quiet => {
                must_not.push(any_of(self.level_fields(), &severity::spellings(0, self.checked.least)));
                must_not.push(any_of(self.level_fields(), &severity::spellings(WARN, u8::MAX)));
            }
        }
        let by_time = json!({&fields.time: {"order": "asc", "unmapped_type": "date"}});
        let mut question = json!({
            "size": size,
            "track_total_hits": after.is_none(),
            "query": {"bool": {"filter": filter, "must_not": must_not}},
            "sort": [by_time, {&fields.tiebreaker: {"order": "asc"}}],
        });
        if let Some(after) = after {
            question["search_after"] = after.clone();
        }
        question
    }

    fn level_fields(&self) -> Vec<String> {
        match &self.checked.config.fields.level {
            Some(field) => vec![field.clone(), format!("{field}.keyword")],
            None => ["log.level", "level", "level.keyword", "severity", "severity_text"].map(str::to_owned).to_vec(),
        }
    }

    fn service_fields(&self) -> Vec<String> {
        match &self.checked.config.fields.service {
            Some(field) => vec![field.clone(), format!("{field}.keyword")],
            None => ["service.name", "service", "service.keyword", "app", "kubernetes.labels.app"]
                .map(str::to_owned)
                .to_vec(),
        }
    }

    fn refusal(&self, response: &Response) -> Error {
        let Checked { base, index, .. } = self.checked;
        let said = format!("{base} answered {} to a search in {index}: {}", response.status, reason(response));
        let (code, advice) = match response.status {
            401 | 403 => {
                (code::UNAUTHORISED, "check `auth`, the secret that `secret` names, and its right to read the index")
            }
            404 => (code::BAD_CONFIG, "check `url` and `index`"),
            400 => (code::BAD_CONFIG, "check `fields`; `time` must be a date and `tiebreaker` sortable"),
            429 => (code::RATE_LIMITED, "ask less often, or for fewer lines"),
            300..=399 => (code::BAD_CONFIG, "set `url` to where it really is"),
            _ => (code::UPSTREAM, "look at the health of the cluster"),
        };
        Error::new(code, format!("{said}; {advice}"))
    }

    fn no_elasticsearch(&self) -> Error {
        let Checked { base, .. } = self.checked;
        Error::new(
            code::UPSTREAM,
            format!("{base} answered a search with something that is not Elasticsearch's; is `url` right?"),
        )
    }
}

fn any_of(fields: Vec<String>, values: &[String]) -> Value {
    let each: Vec<Value> = fields.into_iter().map(|field| json!({"terms": {field: values}})).collect();
    json!({"bool": {"should": each, "minimum_should_match": 1}})
}

/// An object since version 7, a number before.
fn total_hits(answer: &Value) -> Option<u64> {
    let total = answer.pointer("/hits/total")?;
    total.as_u64().or_else(|| total.get("value")?.as_u64())
}

/// What Elasticsearch itself says is missing from its answer.
fn partial(answer: &Value) -> Option<String> {
    let failed = answer.pointer("/_shards/failed").and_then(Value::as_u64).unwrap_or(0);
    if failed > 0 {
        return Some(format!("Elasticsearch could not search {failed} shards, so log lines may be missing"));
    }
    let timed_out = answer.get("timed_out").and_then(Value::as_bool).unwrap_or(false);
    timed_out.then(|| "Elasticsearch ran out of time, so log lines may be missing".to_owned())
}

fn reason(response: &Response) -> String {
    let json: Option<Value> = response.json().ok();
    let said = json.as_ref().and_then(|json| {
        let causes = ["/error/root_cause/0/reason", "/error/reason", "/error"];
        causes.iter().find_map(|path| json.pointer(path).and_then(Value::as_str)).map(str::to_owned)
    });
    let said = said.unwrap_or_else(|| response.text().into_owned());
    let said: String = said.chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if said.trim().is_empty() { "it gives no reason".to_owned() } else { said.trim().trim_end_matches('.').to_owned() }
}
