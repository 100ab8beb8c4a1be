//! From a hit to a log line: ECS names first, then those that other shippers use. Start at [`line`].

use lagdoctor_sdk::RawLog;
use lagdoctor_sdk::json::{Map, Value};

use crate::config::Fields;
use crate::severity;

const MESSAGE: [&str; 6] = ["message", "log.message", "msg", "event.original", "body.text", "body"];
const LEVEL: [&str; 7] = ["log.level", "level", "severity", "severity_text", "loglevel", "levelname", "log_level"];

/// Fields that say who wrote a line, and the attribute of the vocabulary that each of them is.
const ATTRIBUTES: [(&str, &str); 18] = [
    ("service.name", "service.name"),
    ("service_name", "service_name"),
    ("service", "service"),
    ("app", "app"),
    ("application", "application"),
    ("kubernetes.labels.app", "app"),
    ("kubernetes.labels.app_kubernetes_io/name", "app"),
    ("service.instance.id", "service.instance.id"),
    ("service.node.name", "service.instance.id"),
    ("kubernetes.pod.name", "k8s.pod.name"),
    ("k8s.pod.name", "k8s.pod.name"),
    ("pod", "pod"),
    ("host.name", "host.name"),
    ("host.hostname", "host.name"),
    ("hostname", "hostname"),
    ("kubernetes.node.name", "node"),
    ("server.address", "server.address"),
    ("instance", "instance"),
];

/// How the stack of an error begins: enough to know what it is.
const ERROR: [&str; 4] = ["error.type", "error.message", "exception.type", "exception.message"];

/// Bytes of a text; what is beyond would be cut by the host.
const MESSAGE_BYTES: usize = 16 << 10;

/// The log line of a hit; `None` when it has no time or no text.
pub(crate) fn line(hit: &Value, fields: &Fields) -> Option<RawLog> {
    let source = hit.get("_source")?.as_object()?;
    let at_ms = time(hit, source, fields)?;
    let named = |own: &Option<String>, usual: &[&str]| match own {
        Some(field) => text(source, field),
        None => usual.iter().find_map(|field| text(source, field)),
    };
    let mut message = named(&fields.message, &MESSAGE)?;
    let severity = named(&fields.level, &LEVEL).as_deref().and_then(severity::of_word);
    let severity = severity.or_else(|| severity::in_text(&message)).unwrap_or(0);
    for field in ERROR {
        if let Some(error) = text(source, field).filter(|error| !message.contains(error.as_str())) {
            message = format!("{message}: {error}");
        }
    }
    message.truncate(message.floor_char_boundary(MESSAGE_BYTES));
    let mut attributes: Vec<(String, String)> = Vec::new();
    let own = [(&fields.service, "service.name"), (&fields.instance, "service.instance.id")];
    let own = own.into_iter().filter_map(|(field, attribute)| Some((field.as_deref()?, attribute)));
    for (field, attribute) in own.chain(ATTRIBUTES) {
        if attributes.iter().any(|(name, _)| name == attribute) {
            continue;
        }
        if let Some(value) = text(source, field) {
            attributes.push((attribute.to_owned(), value));
        }
    }
    Some(RawLog { at_ms, severity, message, attributes, ext: vec![] })
}

/// The time by which the hit was sorted, else the field's own text.
fn time(hit: &Value, source: &Map<String, Value>, fields: &Fields) -> Option<i64> {
    let sorted = hit.get("sort").and_then(|sort| sort.get(0)).and_then(Value::as_i64);
    let number = |value: i64| match value.unsigned_abs() {
        // Nanoseconds of a `date_nanos` field, seconds of a careless shipper, else milliseconds.
        100_000_000_000_000_000.. => value / 1_000_000,
        0..100_000_000_000 => value * 1000,
        _ => value,
    };
    let own = || {
        let value = find(source, &fields.time)?;
        value.as_i64().or_else(|| iso_millis(value.as_str()?))
    };
    sorted.or_else(own).map(number)
}

/// Milliseconds of a time such as `2023-11-14T22:00:00.123456Z` or `...+02:00`.
fn iso_millis(text: &str) -> Option<i64> {
    let (date, clock) = text.split_once(['T', ' '])?;
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let (clock, offset_minutes) = zone(clock)?;
    let mut parts = clock.splitn(3, ':');
    let (hour, minute): (i64, i64) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let (second, fraction) =
        parts.next().unwrap_or("0").split_once(['.', ',']).unwrap_or((clock.rsplit(':').next()?, ""));
    let second: i64 = second.parse().ok()?;
    let millis: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(0..24).contains(&hour) || !(0..60).contains(&minute)
    {
        return None;
    }
    // Days since the epoch, by counting years from March so that a leap day comes last.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some((((days * 24 + hour) * 60 + minute - offset_minutes) * 60 + second) * 1000 + millis)
}

/// The clock without its zone, and the zone's minutes east of UTC.
fn zone(clock: &str) -> Option<(&str, i64)> {
    if let Some(clock) = clock.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let Some(at) = clock.rfind(['+', '-']) else { return Some((clock, 0)) };
    let (clock, zone) = clock.split_at(at);
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes): (i64, i64) = (digits.get(..2)?.parse().ok()?, digits.get(2..4).unwrap_or("0").parse().ok()?);
    Some((clock, sign * (hours * 60 + minutes)))
}

/// A scalar field as text, whether its name is one key with dots or a path of objects.
fn text(source: &Map<String, Value>, field: &str) -> Option<String> {
    let text = match find(source, field)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Array(list) => list.first().and_then(Value::as_str).map(str::to_owned)?,
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

fn find<'v>(source: &'v Map<String, Value>, field: &str) -> Option<&'v Value> {
    if let Some(value) = source.get(field) {
        return Some(value);
    }
    // `kubernetes.labels.app` may be split at any of its dots.
    let dots = field.char_indices().filter(|(_, c)| *c == '.').map(|(at, _)| at);
    dots.map(|at| field.split_at(at)).find_map(|(head, tail)| find(source.get(head)?.as_object()?, tail.get(1..)?))
}

#[cfg(test)]
mod tests {
    use lagdoctor_sdk::json::json;

    use super::*;

    fn check(source: Value) -> RawLog {
        line(&json!({ "_source": source, "sort": [1_699_999_200_000_i64, 7] }), &Fields::default()).unwrap()
    }

    fn attribute<'l>(line: &'l RawLog, name: &str) -> &'l str {
        line.attributes.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }

    #[test]
    fn ecs_names_are_understood_nested_or_dotted() {
        for source in [
            json!({"message": "slow", "log": {"level": "WARN"}, "service": {"name": "fulfilment"},
                   "kubernetes": {"pod": {"name": "fulfilment-2"}}}),
            json!({"message": "slow", "log.level": "WARN", "service.name": "fulfilment", "kubernetes.pod.name": "fulfilment-2"}),
            json!({"message": "slow", "log": {"level": "WARN"}, "service": {"name": "fulfilment"}, "kubernetes": {"pod.name": "fulfilment-2"}}),
        ] {
            let line = check(source);
            assert_eq!((line.severity, line.message.as_str(), line.at_ms), (13, "slow", 1_699_999_200_000));
            assert_eq!(
                (attribute(&line, "service.name"), attribute(&line, "k8s.pod.name")),
                ("fulfilment", "fulfilment-2")
            );
        }
    }

    #[test]
    fn names_of_other_shippers_are_understood() {
        let line = check(json!({"msg": "slow", "severity": "error", "app": "fulfilment", "pod": "fulfilment-2"}));
        assert_eq!(
            (line.severity, attribute(&line, "app"), attribute(&line, "pod")),
            (17, "fulfilment", "fulfilment-2")
        );
    }

    #[test]
    fn an_error_behind_the_message_is_part_of_the_line() {
        let line =
            check(json!({"message": "poll failed", "error": {"type": "java.sql.SQLTransientConnectionException",
            "message": "Connection is not available, request timed out after 30000ms."}}));
        assert!(line.message.ends_with("request timed out after 30000ms."), "{}", line.message);
    }

    #[test]
    fn fields_with_own_names_are_read_where_the_operator_says() {
        let fields = Fields {
            message: Some("txt".into()),
            level: Some("lvl".into()),
            service: Some("svc".into()),
            ..Fields::default()
        };
        let hit = json!({"_source": {"txt": "slow", "lvl": "fatal", "svc": "pay", "message": "no"}, "sort": [1_699_999_200_000_i64]});
        let line = line(&hit, &fields).unwrap();
        assert_eq!((line.message.as_str(), line.severity, attribute(&line, "service.name")), ("slow", 21, "pay"));
    }

    #[test]
    fn a_hit_without_text_or_time_is_no_line() {
        assert!(line(&json!({"_source": {"level": "info"}, "sort": [1]}), &Fields::default()).is_none());
        assert!(line(&json!({"_source": {"message": "x"}}), &Fields::default()).is_none());
    }

    #[test]
    fn times_are_read_in_every_form_that_shippers_use() {
        for (text, millis) in [
            ("2023-11-14T22:00:00Z", 1_699_999_200_000),
            ("2023-11-14T22:00:00.123Z", 1_699_999_200_123),
            ("2023-11-14T22:00:00.123456789Z", 1_699_999_200_123),
            ("2023-11-15T00:00:00.1+02:00", 1_699_999_200_100),
            ("2023-11-14 19:30:00,5-0230", 1_699_999_200_500),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000),
            ("1970-01-01T00:00:00Z", 0),
        ] {
            assert_eq!(iso_millis(text), Some(millis), "{text}");
        }
        for text in ["", "yesterday", "2023-13-01T00:00:00Z", "2023-11-14", "2023-11-14T25:00:00Z"] {
            assert_eq!(iso_millis(text), None, "{text}");
        }
        let nanos = json!({"_source": {"message": "x"}, "sort": [1_699_999_200_123_456_789_i64]});
        assert_eq!(line(&nanos, &Fields::default()).unwrap().at_ms, 1_699_999_200_123);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_of_times_fail(text in ".{0,40}") {
            let _ = iso_millis(&text);
        }
    }
}
