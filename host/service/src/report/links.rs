//! Addresses that open the graph behind a piece of evidence.

use lagdoctor_model::{Evidence, Window};

use crate::derive::is_command;

/// How to make an address out of a query. Without a template there are no links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    template: Option<String>,
}

impl Links {
    /// No links.
    pub fn none() -> Self {
        Self::default()
    }

    /// Links by a template with `{query}`, `{start_ms}`, `{end_ms}`, `{seconds}` (length of the window) and `{end}`
    /// (`2026-03-01 12:34:56`), each percent-encoded where it is put in.
    pub fn template(template: impl Into<String>) -> Self {
        Self { template: Some(template.into()) }
    }

    /// The template, where there is one.
    pub(crate) fn as_template(&self) -> Option<&str> {
        self.template.as_deref()
    }

    /// Links into the graph page of the Prometheus at `base`.
    pub fn prometheus(base: &str) -> Self {
        let base = base.trim_end_matches('/');
        Self::template(format!(
            "{base}/graph?g0.expr={{query}}&g0.tab=0&g0.range_input={{seconds}}s&g0.end_input={{end}}"
        ))
    }

    /// The address for this evidence, if it has a query that a graph can show.
    pub(crate) fn url(&self, evidence: &Evidence, window: &Window) -> Option<String> {
        let query = evidence.query.as_deref().filter(|query| !is_command(query))?;
        let template = self.template.as_deref()?;
        let (year, month, day, ..) = window.now.civil();
        let values = [
            ("{start_ms}", window.start.as_millis().to_string()),
            ("{end_ms}", window.now.as_millis().to_string()),
            ("{seconds}", (window.now.since(window.start).as_millis() / 1000).max(1).to_string()),
            ("{end}", format!("{year:04}-{month:02}-{day:02} {}", window.now.clock())),
            // Last, because a query may hold braces of its own; encoded ones can no longer be mistaken.
            ("{query}", query.to_owned()),
        ];
        Some(values.iter().fold(template.to_owned(), |url, (name, value)| url.replace(name, &encoded(value))))
    }
}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn a_query_with_braces_and_quotes_survives_the_address() {
        let diagnosis = samples::cause();
        let evidence = &diagnosis.causes[0].evidence[0];
        let url = Links::prometheus("http://prometheus:9090/").url(evidence, &diagnosis.window).unwrap();
        assert_eq!(
            url,
            "http://prometheus:9090/graph?g0.expr=mysql_slave_status_slave_sql_running%7Binstance%3D%22orders-db-replica%3A3306%22%7D\
             &g0.tab=0&g0.range_input=3600s&g0.end_input=2026-03-01%2012%3A20%3A00"
        );
    }

    #[test]
    fn a_kafka_command_is_no_graph() {
        let diagnosis = samples::cause();
        let mut evidence = diagnosis.causes[0].evidence[0].clone();
        evidence.query = Some(crate::derive::group_command("kafka:9092", "fulfilment"));
        assert_eq!(Links::prometheus("http://prometheus:9090").url(&evidence, &diagnosis.window), None);
    }
}
