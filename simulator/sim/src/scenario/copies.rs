//! `count`: one table that stands for many alike. A `[[node]]` or a `[workload.NAME]` with `count = 40` becomes forty, and
//! in each of their texts `{n}` is the number of the copy, from 1 on. `{n%8}` goes round: from 1 to 8 and again from 1,
//! so that forty services spread over eight hosts; `{n/5}` goes up every five: five services of one team.
//!
//! ```toml
//! [[node]]
//! id = "audit-{n}"
//! kind = "service"
//! count = 40
//! host = "worker-{n%8}"
//! ```
//!
//! Copies are made before files are merged, so that a scenario can still change one of them by its `id`.

use toml::{Table, Value};

/// Most copies of one table.
const MOST: i64 = 2000;

/// Puts copies in the place of every table of this file that asks for them.
pub(super) fn expand(table: &mut Table) -> Result<(), String> {
    if let Some(Value::Array(nodes)) = table.get_mut("node") {
        let mut all = Vec::with_capacity(nodes.len());
        for node in std::mem::take(nodes) {
            match node {
                Value::Table(mut node) => {
                    let id = node.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
                    match count(&mut node).map_err(|why| format!("node `{id}`: {why}"))? {
                        None => all.push(Value::Table(node)),
                        Some(_) if !id.contains("{n") => {
                            return Err(format!("node `{id}`: copies need ids of their own; write `{{n}}` into it"));
                        }
                        Some(count) => {
                            for number in 1..=count {
                                all.push(Value::Table(
                                    copy(&node, number).map_err(|why| format!("node `{id}`: {why}"))?,
                                ));
                            }
                        }
                    }
                }
                other => all.push(other),
            }
        }
        *nodes = all;
    }
    if let Some(Value::Table(workloads)) = table.get_mut("workload") {
        let mut all = Table::new();
        for (topic, load) in std::mem::take(workloads) {
            let at = |why: String| format!("workload `{topic}`: {why}");
            let Value::Table(mut load) = load else {
                all.insert(topic, load);
                continue;
            };
            match count(&mut load).map_err(at)? {
                None => drop(all.insert(topic, Value::Table(load))),
                Some(count) => {
                    for number in 1..=count {
                        let name = filled(&topic, number).map_err(at)?;
                        all.insert(name, Value::Table(copy(&load, number).map_err(at)?));
                    }
                }
            }
        }
        *workloads = all;
    }
    Ok(())
}

fn count(table: &mut Table) -> Result<Option<i64>, String> {
    match table.remove("count") {
        None => Ok(None),
        Some(Value::Integer(count)) if (1..=MOST).contains(&count) => Ok(Some(count)),
        Some(other) => Err(format!("`count` is a whole number from 1 to {MOST}, not {other}")),
    }
}

fn copy(table: &Table, number: i64) -> Result<Table, String> {
    let entry = |(key, value): (&String, &Value)| Ok((key.clone(), copied(value, number)?));
    table.iter().map(entry).collect()
}

fn copied(value: &Value, number: i64) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(filled(text, number)?),
        Value::Array(values) => {
            Value::Array(values.iter().map(|value| copied(value, number)).collect::<Result<_, _>>()?)
        }
        Value::Table(table) => Value::Table(copy(table, number)?),
        other => other.clone(),
    })
}

/// A text of a copy. Braces around anything but `n`, `n%K` and `n/K` stay as they are.
fn filled(text: &str, number: i64) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find("{n") {
        let end = rest[begin..].find('}').map(|length| begin + length);
        let Some(end) = end else { break };
        filled.push_str(&rest[..begin]);
        let inside = &rest[begin + 2..end];
        let by = |digits: &str| {
            let by = digits.parse::<i64>().ok().filter(|by| *by > 0);
            by.ok_or_else(|| format!("`{{n{inside}}}` in `{text}`: there are {{n}}, {{n%8}} and {{n/5}}"))
        };
        match (inside.chars().next(), inside) {
            (None, _) => filled.push_str(&number.to_string()),
            (Some('%'), _) => filled.push_str(&((number - 1) % by(&inside[1..])? + 1).to_string()),
            (Some('/'), _) => filled.push_str(&((number - 1) / by(&inside[1..])? + 1).to_string()),
            _ => filled.push_str(&rest[begin..=end]),
        }
        rest = &rest[end + 1..];
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<Table, String> {
        let mut table: Table = toml::from_str(text).unwrap();
        expand(&mut table).map(|()| table)
    }

    #[test]
    fn a_table_with_a_count_stands_for_so_many() {
        let table = expanded(
            "[[node]]\nid = \"w-{n}\"\ncount = 5\nhost = \"h-{n%2}\"\nowner = \"team-{n/3}\"\nuri = \"/v1/{name}/{sku}\"\n\
             calls = [{ to = \"db-{n}\" }]\n[[node]]\nid = \"one\"\n\
             [workload.\"t-{n}\"]\ncount = 2\nproducers = [\"p-{n}\"]\n",
        )
        .unwrap();
        let nodes = table["node"].as_array().unwrap();
        let of = |place: usize, key: &str| nodes[place][key].as_str().unwrap();
        assert_eq!(nodes.len(), 6);
        assert_eq!([of(0, "id"), of(4, "id"), of(5, "id")], ["w-1", "w-5", "one"]);
        assert_eq!([of(0, "host"), of(1, "host"), of(2, "host")], ["h-1", "h-2", "h-1"]);
        assert_eq!([of(2, "owner"), of(3, "owner")], ["team-1", "team-2"]);
        assert_eq!((of(3, "uri"), nodes[3]["calls"][0]["to"].as_str()), ("/v1/{name}/{sku}", Some("db-4")));
        assert_eq!(table["workload"]["t-2"]["producers"][0].as_str(), Some("p-2"));
        assert!(nodes[0].get("count").is_none() && table["workload"].get("t-{n}").is_none());
    }

    #[test]
    fn copies_that_cannot_be_are_refused() {
        let check = |text: &str, part: &str| {
            let error = expanded(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        check("[[node]]\nid = \"w\"\ncount = 3\n", "write `{n}` into it");
        check("[[node]]\nid = \"w-{n}\"\ncount = 0\n", "from 1 to 2000");
        check("[[node]]\nid = \"w-{n%x}\"\ncount = 2\n", "there are {n}, {n%8}");
        check("[workload.\"t-{n}\"]\ncount = \"two\"\n", "workload `t-{n}`");
    }
}
