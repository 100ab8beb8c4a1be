//! What does an answer of Prometheus hold? It may be many times larger than what is kept of it, so the series are handed
//! over one by one as they are read, and readings of series that nobody wants are skipped. Start at [`range`].

use std::fmt;

use lagdoctor_sdk::json;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Labels of a series, the name of the metric aside, in their order.
pub(crate) type Labels = Vec<(String, String)>;

/// A time in seconds, and a value; what is no number, or infinite, is NaN.
pub(crate) struct Point(pub(crate) f64, pub(crate) f64);

/// Takes series as they are read.
pub(crate) trait Take {
    /// Whether the readings of this series are wanted.
    fn wants(&mut self, labels: &Labels) -> bool;
    /// A series that was wanted.
    fn take(&mut self, labels: Labels, points: Vec<Point>);
}

/// What an answer says besides its series.
#[derive(Debug, Default)]
pub(crate) struct Remarks {
    /// Why there is no answer, where the error came with a status of success.
    pub(crate) error: Option<String>,
    pub(crate) warnings: Vec<String>,
    /// Series that are native histograms.
    pub(crate) histograms: usize,
}

/// What an answer to the question for names says.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) names: Vec<String>,
    pub(crate) remarks: Remarks,
}

/// VictoriaMetrics says with this flag what Thanos says with a warning.
const PARTIAL: &str = "only part of its storage answered";

/// Reads the answer to a range query.
///
/// # Errors
/// When it is none. Series before the mistake have been taken.
pub(crate) fn range(body: &[u8], taker: &mut dyn Take) -> Result<Remarks, json::Error> {
    let mut deserializer = json::Deserializer::from_slice(body);
    let mut remarks = Remarks::default();
    Whole { taker, remarks: &mut remarks }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(remarks)
}

/// Reads the answer to the question for names.
///
/// # Errors
/// When it is none.
pub(crate) fn names(body: &[u8]) -> Result<Names, json::Error> {
    #[derive(Deserialize)]
    struct Answer {
        data: Option<Vec<String>>,
        #[serde(default)]
        status: String,
        error: Option<String>,
        warnings: Option<Vec<String>>,
        #[serde(default, rename = "isPartial")]
        is_partial: bool,
    }
    let answer: Answer = json::from_slice(body)?;
    let mut remarks = Remarks { warnings: answer.warnings.unwrap_or_default(), ..Remarks::default() };
    if answer.is_partial {
        remarks.warnings.push(PARTIAL.to_owned());
    }
    if answer.status == "error" {
        remarks.error = Some(answer.error.unwrap_or_default());
    } else if answer.status.is_empty() || (answer.data.is_none() && !says_null(body)) {
        return Err(json::Error::custom("no names"));
    }
    Ok(Names { names: answer.data.unwrap_or_default(), remarks })
}

/// Some servers write null for an empty list; an answer without the field is none.
fn says_null(body: &[u8]) -> bool {
    json::from_slice::<json::Value>(body).is_ok_and(|answer| answer.get("data").is_some())
}

struct Whole<'t> {
    taker: &'t mut dyn Take,
    remarks: &'t mut Remarks,
}

impl<'de> DeserializeSeed<'de> for Whole<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Whole<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer of Prometheus")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut status, mut error, mut has_data) = (String::new(), None, false);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "status" => status = map.next_value()?,
                "error" => error = map.next_value::<Option<String>>()?,
                "warnings" => {
                    let warnings = map.next_value::<Option<Vec<String>>>()?;
                    self.remarks.warnings.extend(warnings.unwrap_or_default());
                }
                "isPartial" if map.next_value::<Option<bool>>()? == Some(true) => {
                    self.remarks.warnings.push(PARTIAL.to_owned());
                }
                "isPartial" => {}
                "data" => {
                    has_data = true;
                    map.next_value_seed(Data { taker: &mut *self.taker, remarks: &mut *self.remarks })?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if status == "error" {
            self.remarks.error = Some(error.unwrap_or_default());
        } else if !has_data {
            return Err(A::Error::missing_field("data"));
        }
        Ok(())
    }
}

/// The field `data`, and within it the field `result`.
struct Data<'t> {
    taker: &'t mut dyn Take,
    remarks: &'t mut Remarks,
}

impl<'de> DeserializeSeed<'de> for Data<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Data<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a result")
    }
    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut has_result = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == "result" {
                has_result = true;
                map.next_value_seed(Rows { taker: &mut *self.taker, remarks: &mut *self.remarks })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if has_result { Ok(()) } else { Err(A::Error::missing_field("result")) }
    }
}

struct Rows<'t> {
    taker: &'t mut dyn Take,
    remarks: &'t mut Remarks,
}

impl<'de> DeserializeSeed<'de> for Rows<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of series")
    }
    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while rows.next_element_seed(OneRow { taker: &mut *self.taker, remarks: &mut *self.remarks })?.is_some() {}
        Ok(())
    }
}

struct OneRow<'t> {
    taker: &'t mut dyn Take,
    remarks: &'t mut Remarks,
}

impl<'de> DeserializeSeed<'de> for OneRow<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OneRow<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a series")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut labels, mut is_wanted, mut points) = (None, true, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "metric" => {
                    let Sorted(sorted) = map.next_value()?;
                    is_wanted = self.taker.wants(&sorted);
                    labels = Some(sorted);
                }
                "values" if is_wanted => points = Some(map.next_value::<Vec<Point>>()?),
                "histograms" => {
                    self.remarks.histograms += 1;
                    map.next_value::<IgnoredAny>()?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let labels = labels.ok_or_else(|| A::Error::missing_field("metric"))?;
        if let Some(points) = points.filter(|_| is_wanted) {
            self.taker.take(labels, points);
        }
        Ok(())
    }
}

struct Sorted(Labels);

impl<'de> Deserialize<'de> for Sorted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Sorted;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Sorted, A::Error> {
                let mut labels = Labels::new();
                while let Some(label) = map.next_entry::<String, String>()? {
                    if label.0 != "__name__" {
                        labels.push(label);
                    }
                }
                labels.sort_unstable();
                labels.dedup_by(|later, earlier| later.0 == earlier.0);
                Ok(Sorted(labels))
            }
        }
        deserializer.deserialize_map(Map)
    }
}

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pair;
        impl<'de> Visitor<'de> for Pair {
            type Value = Point;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time and a value")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Point, A::Error> {
                let missing = || A::Error::invalid_length(2, &"a time and a value");
                let at = seq.next_element::<f64>()?.ok_or_else(missing)?;
                let Number(value) = seq.next_element()?.ok_or_else(missing)?;
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Point(at, value))
            }
        }
        deserializer.deserialize_seq(Pair)
    }
}

/// A number, usually as text because JSON has no NaN.
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
                self.visit_f64(text.parse().unwrap_or(f64::NAN))
            }
            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Number, E> {
                Ok(Number(if value.is_finite() { value } else { f64::NAN }))
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }
            fn visit_unit<E: serde::de::Error>(self) -> Result<Number, E> {
                Ok(Number(f64::NAN))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Series as text; wants all but those of `shy`.
    #[derive(Default)]
    struct Told(Vec<String>);

    impl Take for Told {
        fn wants(&mut self, labels: &Labels) -> bool {
            labels.iter().all(|(_, value)| value != "shy")
        }
        fn take(&mut self, labels: Labels, points: Vec<Point>) {
            let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let points: Vec<String> = points.iter().map(|Point(at, value)| format!("{at}:{value}")).collect();
            self.0.push(format!("{} {}", labels.join(","), points.join(",")));
        }
    }

    /// The series of an answer with this result, and how many are histograms.
    fn check(result: &str, expected: &[&str], histograms: usize) {
        let body = format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":{result}}},"infos":[]}}"#);
        let mut told = Told::default();
        let remarks = range(body.as_bytes(), &mut told).unwrap();
        assert_eq!((told.0, remarks.histograms), (expected.iter().map(|row| (*row).to_owned()).collect(), histograms));
        assert!(remarks.error.is_none() && remarks.warnings.is_empty());
    }

    #[test]
    fn values_that_are_no_numbers_are_missing_and_the_rest_is_read() {
        check(
            r#"[{"metric":{"__name__":"x","b":"2","a":"1"},
                "values":[[1,"1.5"],[2.5,"NaN"],[3,"+Inf"],[4,"-Inf"],[5,"1e999"],[6,"x"],[7,7],[8,null],[9,"9",0]]}]"#,
            &["a=1,b=2 1:1.5,2.5:NaN,3:NaN,4:NaN,5:NaN,6:NaN,7:7,8:NaN,9:9"],
            0,
        );
    }

    #[test]
    fn native_histograms_are_counted_and_their_neighbours_read() {
        check(
            r#"[{"metric":{"a":"1"},"histograms":[[1,{"count":"1","sum":"2","buckets":[[0,"1","2","1"]]}]]},
                {"metric":{"a":"2"},"values":[[1,"3"]]}]"#,
            &["a=2 1:3"],
            1,
        );
    }

    #[test]
    fn series_that_nobody_wants_are_skipped_wherever_their_labels_stand() {
        check(r#"[{"metric":{"a":"shy"},"values":[[1,"3"]]},{"values":[[1,"3"]],"metric":{"a":"shy"}}]"#, &[], 0);
    }

    #[test]
    fn nothing_may_be_written_as_null() {
        check("null", &[], 0);
        let body = br#"{"status":"success","data":null,"warnings":null}"#;
        assert!(range(body, &mut Told::default()).is_ok());
        assert!(names(body).unwrap().names.is_empty());
    }

    #[test]
    fn errors_and_partial_answers_with_a_status_of_success_are_told() {
        let body = br#"{"status":"error","errorType":"timeout","error":"too slow"}"#;
        assert_eq!(range(body, &mut Told::default()).unwrap().error.unwrap(), "too slow");
        assert_eq!(names(body).unwrap().remarks.error.unwrap(), "too slow");
        let body = br#"{"status":"success","isPartial":true,"data":{"result":[]},"warnings":["store down"]}"#;
        assert_eq!(range(body, &mut Told::default()).unwrap().warnings, [PARTIAL, "store down"]);
        let body = br#"{"status":"success","isPartial":true,"data":["up"]}"#;
        assert_eq!(names(body).unwrap().remarks.warnings, [PARTIAL]);
    }

    #[test]
    fn what_is_cut_short_or_is_something_else_is_no_answer() {
        for body in [
            "",
            "<html>",
            "[]",
            "null",
            "{}",
            r#"{"status":"success"}"#,
            r#"{"status":"success","data":{}}"#,
            r#"{"status":"success","data":[1]}"#,
            r#"{"status":"success","data":{"result":[{"values":[[1,"2"]]}]}}"#,
            r#"{"status":"success","data":{"result":[{"metric":{},"values":[["x","2"]]}]}}"#,
            r#"{"status":"success","data":{"result":[{"metric":{},"values":[[1,"2"]"#,
            r#"{"status":"success","data":{"result":[]}} and more"#,
        ] {
            assert!(range(body.as_bytes(), &mut Told::default()).is_err(), "{body}");
            assert!(names(body.as_bytes()).is_err(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn an_answer_cut_anywhere_is_an_error_and_no_panic(at in 0_usize..110) {
            let body = r#"{"status":"success","data":{"result":[{"metric":{"a":"ü"},"values":[[1,"2"],[3,"4"]]}]},"warnings":["w"]}"#;
            prop_assume!(at < body.len());
            prop_assert!(range(&body.as_bytes()[..at], &mut Told::default()).is_err());
        }
    }
}
