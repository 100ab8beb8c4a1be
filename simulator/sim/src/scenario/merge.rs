//! `use`: a scenario that stands on a shared topology. Tables are merged key by key, nodes and faults by their `id`, and
//! what the scenario itself says wins.

use toml::{Table, Value};

use super::{ScenarioError, copies};

/// The text with all that it uses, as one table. `chain` are the files that led here, the outermost first.
pub(super) fn read(
    name: &str,
    text: &str,
    resolve: &dyn Fn(&str) -> Option<String>,
    chain: &[&str],
) -> Result<Table, ScenarioError> {
    let mut own: Table = toml::from_str(text)
        .map_err(|source| ScenarioError::Toml { file: name.to_owned(), source: Box::new(source) })?;
    let wrong = |why: String| ScenarioError::Wrong { file: name.to_owned(), why };
    copies::expand(&mut own).map_err(wrong)?;
    let used = match own.remove("use") {
        None => vec![],
        Some(Value::Array(names)) => names,
        Some(other) => return Err(wrong(format!("`use` is a list of files, not {}", other.type_str()))),
    };
    let chain = [chain, &[name]].concat();
    let mut all = Table::new();
    for file in used {
        let file = file.as_str().ok_or_else(|| wrong("`use` is a list of file names".into()))?.to_owned();
        if let Some(place) = chain.iter().position(|known| *known == file) {
            let circle = [&chain[place..], &[file.as_str()]].concat().join("` uses `");
            return Err(wrong(format!("`use` goes in a circle: `{circle}`; leave one of them out")));
        }
        let text =
            resolve(&file).ok_or_else(|| ScenarioError::NotFound { file: name.to_owned(), used: file.clone() })?;
        all = merged(all, read(&file, &text, resolve, &chain)?);
    }
    Ok(merged(all, own))
}

pub(super) fn merged(mut base: Table, over: Table) -> Table {
    for (key, value) in over {
        let value = match (base.remove(&key), value) {
            (Some(Value::Table(base)), Value::Table(over)) if !is_distribution(&over) => {
                Value::Table(merged(base, over))
            }
            (Some(Value::Array(base)), Value::Array(over)) if matches!(key.as_str(), "node" | "fault") => {
                Value::Array(by_id(base, over))
            }
            (_, value) => value,
        };
        base.insert(key, value);
    }
    base
}

/// A distribution replaces another as a whole.
fn is_distribution(table: &Table) -> bool {
    ["dist", "uniform", "choice"].iter().any(|key| table.contains_key(*key))
}

fn by_id(mut base: Vec<Value>, over: Vec<Value>) -> Vec<Value> {
    for value in over {
        let id = |value: &Value| value.get("id").and_then(Value::as_str).map(str::to_owned);
        let known = id(&value).and_then(|own| base.iter().position(|base| id(base).as_ref() == Some(&own)));
        match (known, value) {
            (Some(place), Value::Table(over)) => {
                if let Value::Table(base) = &mut base[place] {
                    *base = merged(std::mem::take(base), over);
                }
            }
            (_, value) => base.push(value),
        }
    }
    base
}
