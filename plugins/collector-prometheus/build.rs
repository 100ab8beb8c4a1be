//! Turns `dialects.toml` of the contract into a table, so that the component holds no parser and a mistake in the file is
//! found when it is built. What each field means is written at the top of that file.

use std::fmt::Write;
use std::path::PathBuf;
use std::{env, fs};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    dialect: Vec<Dialect>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dialect {
    name: String,
    #[serde(rename = "of")]
    _of: String,
    #[serde(rename = "nodes")]
    _nodes: String,
    #[serde(default)]
    rename: std::collections::BTreeMap<String, String>,
    entry: Vec<Entry>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum Form {
    #[default]
    Gauge,
    Counter,
    Share,
    Mean,
    Ratio,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    signal: String,
    #[serde(default)]
    form: Form,
    metric: Option<Vec<String>>,
    sum: Option<String>,
    count: Option<String>,
    part: Option<Vec<String>>,
    whole: Option<Vec<String>>,
    #[serde(default, rename = "where")]
    matchers: String,
    #[serde(default = "one")]
    scale: f64,
    #[serde(default)]
    invert: bool,
    #[serde(default)]
    unknown: Vec<f64>,
    floor: Option<f64>,
    without: Option<Vec<String>>,
    by: Option<Vec<String>>,
    #[serde(default)]
    combine: Combine,
    #[serde(default)]
    unless: Vec<String>,
    #[serde(default)]
    lazy: bool,
    #[serde(default, rename = "note")]
    _note: String,
}

#[derive(Deserialize, Default, Debug)]
#[serde(rename_all = "lowercase")]
enum Combine {
    #[default]
    Sum,
    Max,
    Min,
    Mean,
}

fn one() -> f64 {
    1.0
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let file: File = toml::from_str(lagdoctor_wit::DIALECTS).expect("dialects.toml is well-formed");
    let mut table = String::from(
        "/// The exporters that are known, in the order of the contract.\npub(crate) static DIALECTS: &[Dialect] = &[\n",
    );
    for dialect in &file.dialect {
        let rename: Vec<(&String, &String)> = dialect.rename.iter().collect();
        writeln!(table, "Dialect {{ name: {:?}, rename: &{rename:?}, entries: &[", dialect.name).expect("text grows");
        for entry in &dialect.entry {
            table += &row(entry, &dialect.name);
        }
        table += "] },\n";
    }
    table += "];\n";
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("dialects.rs");
    fs::write(out, table).expect("cargo's OUT_DIR can be written");
}

fn row(entry: &Entry, dialect: &str) -> String {
    let missing = |field: &str| -> ! { panic!("{dialect}: `{}` lacks `{field}`", entry.signal) };
    let several = |field: &str, list: &Option<Vec<String>>| list.clone().unwrap_or_else(|| missing(field));
    let single = |field: &str, name: &Option<String>| vec![name.clone().unwrap_or_else(|| missing(field))];
    let form = match entry.form {
        Form::Gauge => format!("Form::Gauge(&{:?})", several("metric", &entry.metric)),
        Form::Counter => format!("Form::Counter(&{:?})", several("metric", &entry.metric)),
        Form::Share => format!("Form::Share(&{:?})", several("metric", &entry.metric)),
        Form::Mean => ratio(&single("sum", &entry.sum), &single("count", &entry.count)),
        Form::Ratio => ratio(&several("part", &entry.part), &several("whole", &entry.whole)),
    };
    let keep = match (&entry.without, &entry.by) {
        (None, None) => "Keep::All".to_owned(),
        (Some(labels), None) => format!("Keep::Without(&{labels:?})"),
        (None, Some(labels)) => format!("Keep::By(&{labels:?})"),
        (Some(_), Some(_)) => panic!("{dialect}: `{}` has both `without` and `by`", entry.signal),
    };
    format!(
        "    Entry {{ signal: {:?}, form: {form}, matchers: {:?}, scale: {:?}, invert: {}, unknown: &{:?}, floor: {:?}, \
         keep: {keep}, combine: Combine::{:?}, unless: &{:?}, lazy: {} }},\n",
        entry.signal,
        entry.matchers,
        entry.scale,
        entry.invert,
        entry.unknown,
        entry.floor,
        entry.combine,
        entry.unless,
        entry.lazy
    )
}

fn ratio(part: &[String], whole: &[String]) -> String {
    format!("Form::Ratio {{ part: &{part:?}, whole: &{whole:?} }}")
}
