//! What a plugin says, as people read it: rounded, so that a last digit that another compiler changes is no news, and in
//! an order of its own, so that only what is said can change it.

use std::collections::BTreeMap;

use lagdoctor_model::{Finding, NodeId, Ranking};
use lagdoctor_runtime::{ForecastTarget, RawForecast};

/// Findings, by node; of one node the strongest first.
pub(super) fn findings(findings: &[Finding]) -> String {
    let mut by_node: BTreeMap<&NodeId, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        by_node.entry(&finding.node).or_default().push(finding);
    }
    let mut text = String::new();
    for (node, mut all) in by_node {
        all.sort_by(|a, b| b.score.get().total_cmp(&a.score.get()).then_with(|| key(a).cmp(&key(b))));
        text += &format!("{node}\n");
        for finding in all {
            let class = finding.class.as_ref().map_or("-", |class| class.as_str());
            let labels = finding.series.iter().flat_map(|series| &series.labels);
            let labels: Vec<String> = labels.map(|(name, value)| format!("{name}={value}")).collect();
            let labels = if labels.is_empty() { String::new() } else { format!(" {{{}}}", labels.join(", ")) };
            let since = finding.onset.map(|at| format!("  since {}", at.clock())).unwrap_or_default();
            let saw = finding.observed.map(|value| format!("  saw {}", rounded(value))).unwrap_or_default();
            let usual = finding.expected.map(|value| format!(", usual {}", rounded(value))).unwrap_or_default();
            text += &format!("  {:.2}  {class}  {}{labels}{since}{saw}{usual}\n", finding.score.get(), finding.signal);
            text += &format!("        {}\n", finding.statement);
        }
    }
    or_nothing(text, "finds nothing")
}

fn key(finding: &Finding) -> (&str, &str, String) {
    let class = finding.class.as_ref().map_or("", |class| class.as_str());
    (class, finding.signal.as_str(), format!("{:?}", finding.series))
}

/// Causes, best first, then what was set aside.
pub(super) fn ranking(ranking: &Ranking) -> String {
    let mut text = String::new();
    for cause in &ranking.causes {
        let class = cause.class.as_ref().map_or("-", |class| class.as_str());
        let path: Vec<&str> = cause.path.iter().map(NodeId::as_str).collect();
        text += &format!("  {:.2}  {}  {class}  by {}\n", cause.confidence.get(), cause.node, path.join(" > "));
        text += &format!("        {}\n", cause.because);
    }
    for dismissal in &ranking.dismissed {
        let class = dismissal.class.as_ref().map_or("-", |class| class.as_str());
        text += &format!("  not   {}  {class}\n        {}\n", dismissal.node, dismissal.because);
    }
    or_nothing(text, "names no cause")
}

/// Forecasts, in the order of what was asked.
pub(super) fn forecasts(forecasts: &[RawForecast], targets: &[ForecastTarget]) -> String {
    let mut text = String::new();
    for forecast in forecasts {
        let Some(target) = targets.get(forecast.target) else { continue };
        let last = forecast.quantile(0.5).and_then(<[f64]>::last).copied().unwrap_or(f64::NAN);
        let when = |what: &str, at: Option<lagdoctor_model::Timestamp>| at.map(|at| format!(", {what} {}", at.clock()));
        let clears = when("clears", forecast.clears).unwrap_or_default();
        let breaches = when("breaches", forecast.breaches).unwrap_or_default();
        text += &format!(
            "  {} of {}: {} in the end{clears}{breaches}\n",
            target.series.signal,
            target.series.node,
            rounded(last)
        );
        text += &format!("        {}\n", forecast.statement);
    }
    or_nothing(text, "forecasts nothing")
}

/// Whether this line is about one thing that was found.
pub(super) fn is_item(line: &str) -> bool {
    line.starts_with("  ") && !line.starts_with("   ")
}

pub(super) fn or_nothing(text: String, nothing: &str) -> String {
    if text.is_empty() { format!("{nothing}\n") } else { text }
}

/// Three digits that matter.
pub(super) fn rounded(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let size = value.abs().log10().floor() as i32;
    if size > 2 {
        let scale = 10f64.powi(size - 2);
        return format!("{:.0}", (value / scale).round() * scale);
    }
    let decimals = usize::try_from(2 - size).unwrap_or(0).min(12);
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (0.012_345, "0.0123"),
            (12.345, "12.3"),
            (123.45, "123"),
            (123_456.0, "123000"),
            (-99.94, "-99.9"),
            (1e-9, "0.000000001"),
        ] {
            assert_eq!(rounded(value), text, "{value}");
        }
    }

    #[test]
    fn saying_nothing_is_said() {
        assert_eq!(findings(&[]), "finds nothing\n");
        assert_eq!(ranking(&Ranking::default()), "names no cause\n");
        assert_eq!(forecasts(&[], &[]), "forecasts nothing\n");
        assert!(is_item("  0.90  jvm.gc-full  jvm.gc.overhead") && !is_item("        words") && !is_item("jvm:a"));
    }
}
