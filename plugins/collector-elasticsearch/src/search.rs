//! One search: what is asked, and what is made of the answer. Start at [`Search::lines`]; [`Search::count`] only counts.

use lagdoctor_sdk::json::{Value, json};
use lagdoctor_sdk::{Error, Host, RawLog, Request, Response, code};

use crate::config::Checked;
use crate::line::line;
use crate::severity::{self, WARN};

/// Lines of one answer. Elasticsearch allows 10,000, but a line with its stack may have kilobytes.
const LINES_PER_ANSWER: usize = 1000;

/// Answers of one volume and page; more take too long.
const MOST_ANSWERS: usize = 24;
/// Bytes of answers of one volume after which a page ends, so that their lines fit into memory.
const MOST_BYTES: usize = 8 << 20;

/// Which lines are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Volume {
    /// Warnings and worse.
    Loud,
    /// The rest, down to the least level, and lines without a level.
    Quiet,
}

/// The moments that are asked for.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    pub(crate) from_ms: i64,
    /// Not included.
    pub(crate) to_ms: i64,
    /// What of it is read, each from its first moment to before its last.
    pub(crate) slices: Vec<(i64, i64)>,
}

/// One Elasticsearch.
pub(crate) struct Search<'a> {
    host: &'a dyn Host,
    checked: &'a Checked,
    /// Whether what failed in passing may be asked once more.
    may_retry: bool,
    /// No index has the name that was asked for.
    pub(crate) has_no_index: bool,
    /// What Elasticsearch itself says is missing from its answers.
    pub(crate) gaps: Vec<String>,
}

/// Lines of one volume, and what there was besides.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) lines: Vec<RawLog>,
    /// Hits that were read, whether or not they became lines.
    pub(crate) read: u64,
    /// Hits that were not read, because there were enough.
    pub(crate) left_out: u64,
    /// There were enough bytes or answers, not lines.
    pub(crate) is_page_full: bool,
    /// Hits that were not given though there was room for them.
    pub(crate) lost: u64,
    /// Hits without text or time.
    pub(crate) unreadable: u64,
    /// Why it ends too early.
    pub(crate) failed: Option<Error>,
}

impl Found {
    /// Keeps what is before this moment; what is not will be read with the next page.
    pub(crate) fn cut(&mut self, to_ms: i64) {
        let before = self.lines.len();
        self.lines.retain(|line| line.at_ms < to_ms);
        self.read = self.read.saturating_sub((before - self.lines.len()) as u64);
    }
}

impl<'a> Search<'a> {
    /// `may_retry`: nothing has failed yet.
    pub(crate) fn new(host: &'a dyn Host, checked: &'a Checked, may_retry: bool) -> Self {
        Self { host, checked, may_retry, has_no_index: false, gaps: vec![] }
    }

    /// Whether nothing has failed yet.
    pub(crate) fn may_retry(&self) -> bool {
        self.may_retry
    }

    /// How many hits there are.
    pub(crate) fn count(&mut self, volume: Volume, stretch: &Stretch) -> Result<u64, Error> {
        let (answer, _) = self.ask(volume, stretch, 0, None)?;
        self.note_index(&answer);
        self.note_partial(&answer);
        Ok(total_hits(&answer).unwrap_or(0))
    }

    /// Up to `most` lines, the oldest first. Where something fails, what came before.
    pub(crate) fn lines(&mut self, volume: Volume, stretch: &Stretch, most: usize) -> Found {
        let mut found = Found::default();
        found.failed = self.read(volume, stretch, most, &mut found).err();
        found
    }

    fn read(&mut self, volume: Volume, stretch: &Stretch, most: usize, found: &mut Found) -> Result<(), Error> {
        let mut after: Option<Value> = None;
        let (mut total, mut largest, mut received) = (0_u64, LINES_PER_ANSWER, 0);
        for answers in 0.. {
            if answers > 0 && found.lines.len() >= most {
                found.left_out = total.saturating_sub(found.read);
                break;
            }
            if answers >= MOST_ANSWERS || received >= MOST_BYTES {
                found.left_out = total.saturating_sub(found.read);
                found.is_page_full = found.left_out > 0;
                break;
            }
            let size = largest.min(most - found.lines.len());
            let (answer, bytes) = match self.ask(volume, stretch, size, after.as_ref()) {
                // One answer was more than the host lets through.
                Err(error) if error.code == code::BAD_INPUT && size > 1 => {
                    largest = size.div_ceil(8);
                    continue;
                }
                answer => answer?,
            };
            received += bytes;
            let hits = answer.pointer("/hits/hits").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            if after.is_none() {
                total = total_hits(&answer).unwrap_or(hits.len() as u64);
                self.note_index(&answer);
            }
            self.note_partial(&answer);
            let last = hits.last().and_then(|hit| hit.get("sort")).cloned();
            let is_stuck = after.is_some() && last == after;
            let hits = if is_stuck { &[] } else { &hits[..size.min(hits.len())] };
            found.read += hits.len() as u64;
            for hit in hits {
                match line(hit, &self.checked.config.fields) {
                    Some(line) if self.is_wanted(&line, stretch) => found.lines.push(line),
                    Some(_) => {}
                    None => found.unreadable += 1,
                }
            }
            // Fewer than asked for: that was all. No place to go on from, or no progress: there is no more to get.
            if hits.len() < size || last.is_none() {
                found.lost = total.saturating_sub(found.read);
                break;
            }
            after = last;
        }
        Ok(())
    }

    fn note_index(&mut self, answer: &Value) {
        self.has_no_index = answer.pointer("/_shards/total").and_then(Value::as_u64) == Some(0);
    }

    fn note_partial(&mut self, answer: &Value) {
        let gap = partial(answer).filter(|gap| !self.gaps.contains(gap));
        self.gaps.extend(gap);
    }

    /// Levels are checked again, because they may hide in a field or a text that no query sees.
    fn is_wanted(&self, line: &RawLog, stretch: &Stretch) -> bool {
        let is_in_window = (stretch.from_ms..stretch.to_ms).contains(&line.at_ms);
        is_in_window && (line.severity == 0 || line.severity >= self.checked.least)
    }

    /// An answer and its bytes. What fails in passing is asked once more, once for each window.
    fn ask(
        &mut self,
        volume: Volume,
        stretch: &Stretch,
        size: usize,
        after: Option<&Value>,
    ) -> Result<(Value, usize), Error> {
        let question = self.question(volume, stretch, size, after);
        match self.ask_once(&question) {
            Err(error) if self.may_retry && [code::UNREACHABLE, code::UPSTREAM].contains(&error.code.as_str()) => {
                self.may_retry = false;
                self.ask_once(&question)
            }
            answer => answer,
        }
    }

    fn ask_once(&self, question: &Value) -> Result<(Value, usize), Error> {
        let Checked { config, base, index, .. } = self.checked;
        let url = format!("{base}/{index}/_search?ignore_unavailable=true&allow_no_indices=true");
        let request = Request::post_json(url, question);
        let request = request.auth(config.proof()).patience_ms(config.timeout_ms);
        let response = self.host.fetch(&request)?;
        if !response.is_success() {
            return Err(self.refusal(&response));
        }
        let answer: Value = response.json().map_err(|_| self.no_elasticsearch())?;
        let is_answer = answer.pointer("/hits/hits").is_some_and(Value::is_array);
        if is_answer { Ok((answer, response.body.len())) } else { Err(self.no_elasticsearch()) }
    }

    fn question(&self, volume: Volume, stretch: &Stretch, size: usize, after: Option<&Value>) -> Value {
        let fields = &self.checked.config.fields;
        let range = |from: i64, to: i64| {
            let bounds = json!({"gte": from, "lt": to, "format": "epoch_millis"});
            json!({"range": {&fields.time: bounds}})
        };
        let mut filter = vec![range(stretch.from_ms, stretch.to_ms)];
        if stretch.slices != [(stretch.from_ms, stretch.to_ms)] {
            let slices: Vec<Value> = stretch.slices.iter().map(|(from, to)| range(*from, *to)).collect();
            filter.push(json!({"bool": {"should": slices, "minimum_should_match": 1}}));
        }
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
        let reasons = ["/_shards/failures/0/reason/reason", "/_shards/failures/0/reason/type"];
        let reason = reasons.iter().find_map(|path| answer.pointer(path).and_then(Value::as_str));
        let reason = reason.map(|reason| format!(" ({})", in_short(reason))).unwrap_or_default();
        return Some(format!("Elasticsearch could not search {failed} shards{reason}, so log lines may be missing"));
    }
    let is_partial =
        ["timed_out", "terminated_early"].iter().any(|flag| answer.get(flag).and_then(Value::as_bool) == Some(true));
    is_partial.then(|| "Elasticsearch ran out of time, so log lines may be missing".to_owned())
}

fn reason(response: &Response) -> String {
    let json: Option<Value> = response.json().ok();
    let said = json.as_ref().and_then(|json| {
        let causes = ["/error/root_cause/0/reason", "/error/reason", "/error"];
        causes.iter().find_map(|path| json.pointer(path).and_then(Value::as_str)).map(str::to_owned)
    });
    let said = said.unwrap_or_else(|| response.text().into_owned());
    in_short(&said)
}

/// What the far side said, as part of a sentence.
fn in_short(said: &str) -> String {
    let said: String = said.chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let said = said.trim().trim_end_matches('.');
    if said.is_empty() { "it gives no reason".to_owned() } else { said.to_owned() }
}
