//! Which little of a scenario is it that fails? A case that fails is made smaller as long as it still does: first fault by
//! fault, then its noise, then its nodes, then its length; at last what is left is made as bad as it can be. The same case
//! always shrinks to the same one. Start at [`shrink`].

use toml::{Table, Value};

use crate::scenario::{Scenario, ScenarioError};
use crate::units::quantity;

/// A case that fails and cannot be made smaller.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// All of it, in one file that uses no other.
    pub text: String,
    /// The seed of its run.
    pub seed: u64,
    /// What was left out or changed, in order.
    pub changes: Vec<String>,
    /// How many cases were tried.
    pub tried: u32,
}

impl Shrunk {
    /// The command that runs it again, once its text is in this file.
    pub fn replay(&self, file: &str) -> String {
        format!("lagdoctor simulate {file} --seed {}", self.seed)
    }
}

/// Makes a scenario smaller as long as `still_fails` says so of the run with this seed, and tries at most `most` cases.
/// `None` when the scenario does not fail as it is.
///
/// # Errors
/// When the text is no scenario.
pub fn shrink(
    text: &str,
    seed: u64,
    resolve_use: impl Fn(&str) -> Option<String>,
    most: u32,
    still_fails: impl FnMut(&Scenario, u64) -> bool,
) -> Result<Option<Shrunk>, ScenarioError> {
    let table = Scenario::table(text, &resolve_use)?;
    let mut search = Search { table, seed, changes: vec![], tried: 0, most, still_fails };
    let same = search.table.clone();
    if !search.fails(&same) {
        return Ok(None);
    }
    loop {
        let before = search.changes.len();
        search.drop_faults();
        search.drop_noise();
        search.drop_nodes();
        search.shorten();
        search.raise();
        if search.changes.len() == before || search.tried >= most {
            break;
        }
    }
    let text = toml::to_string(&search.table).unwrap_or_default();
    Ok(Some(Shrunk { text, seed, changes: search.changes, tried: search.tried }))
}

struct Search<F> {
    table: Table,
    seed: u64,
    changes: Vec<String>,
    tried: u32,
    most: u32,
    still_fails: F,
}

/// Where noise is told, and what is none.
const NOISE: [(&[&str], f64); 10] = [
    (&["telemetry", "scrape", "gap_prob"], 0.0),
    (&["telemetry", "scrape", "reset_prob"], 0.0),
    (&["telemetry", "metric_noise"], 0.0),
    (&["telemetry", "logs", "background_per_s"], 0.0),
    (&["telemetry", "logs", "drop"], 0.0),
    (&["telemetry", "logs", "late_p99"], 0.0),
    (&["telemetry", "logs", "unmatched_templates"], 0.0),
    (&["telemetry", "clock_skew"], 0.0),
    (&["telemetry", "topology", "missing_edges"], 0.0),
    (&["telemetry", "topology", "stale_edges"], 0.0),
];
/// Shares of its length that are tried.
const SHORTER: [f64; 3] = [0.5, 0.75, 0.9];

impl<F: FnMut(&Scenario, u64) -> bool> Search<F> {
    /// What cannot be read does not fail: it is another case.
    fn fails(&mut self, table: &Table) -> bool {
        if self.tried >= self.most {
            return false;
        }
        let Ok(scenario) = Scenario::of(table.clone()) else { return false };
        self.tried += 1;
        (self.still_fails)(&scenario, self.seed)
    }

    /// Keeps the change if what is left still fails.
    fn attempt(&mut self, what: String, change: impl FnOnce(&mut Table) -> Option<()>) -> bool {
        let mut table = self.table.clone();
        let is_kept = change(&mut table).is_some() && table != self.table && self.fails(&table);
        if is_kept {
            self.table = table;
            self.changes.push(what);
        }
        is_kept
    }

    /// Names of the entries of a list.
    fn ids(&self, list: &str) -> Vec<String> {
        let all = self.table.get(list).and_then(Value::as_array).into_iter().flatten();
        all.filter_map(|entry| Some(entry.get("id")?.as_str()?.to_owned())).collect()
    }

    fn drop_faults(&mut self) {
        for id in self.ids("fault").into_iter().rev() {
            self.attempt(format!("without the fault {id}"), |table| remove(table, "fault", &id));
        }
    }

    fn drop_noise(&mut self) {
        let all = |table: &mut Table| {
            // Whatever is told of it; what is not told is none.
            for (path, value) in NOISE {
                let _ = set(table, path, value);
            }
            Some(())
        };
        if !self.attempt("without any noise".to_owned(), all) {
            for (path, value) in NOISE {
                self.attempt(format!("{} = {value}", path.join(".")), |table| set(table, path, value));
            }
        }
        let loads: Vec<String> =
            self.table.get("workload").and_then(Value::as_table).into_iter().flat_map(Table::keys).cloned().collect();
        for load in loads {
            self.attempt(format!("an even load of {load}"), |table| {
                let load = table.get_mut("workload")?.get_mut(&load)?.as_table_mut()?;
                load.remove("season");
                load.insert("noise".to_owned(), Value::Float(0.0));
                Some(())
            });
        }
        self.attempt("without a past".to_owned(), |table| table.remove("history").map(drop));
    }

    fn drop_nodes(&mut self) {
        for id in self.ids("node").into_iter().rev() {
            self.attempt(format!("without {id}"), |table| without_node(table, &id));
            self.attempt(format!("one instance of {id}"), |table| {
                let node = entry(table, "node", &id)?;
                (node.get("replicas")?.as_integer()? > 1).then_some(())?;
                node.insert("replicas".to_owned(), Value::Integer(1));
                Some(())
            });
        }
    }

    fn shorten(&mut self) {
        for share in SHORTER {
            let shorter = self.seconds("duration").map(|seconds| libm::floor(seconds * share));
            let Some(seconds) = shorter.filter(|seconds| *seconds >= 1.0) else { return };
            let mut goes_on = true;
            let mut left = seconds;
            while goes_on && left >= 1.0 {
                goes_on = self.attempt(format!("{left} s long"), |table| {
                    table.insert("duration".to_owned(), Value::Float(left));
                    let warmup = table.get("warmup").and_then(number).unwrap_or(0.0);
                    table.insert("warmup".to_owned(), Value::Float(warmup.min(left)));
                    Some(())
                });
                left = libm::floor(left * share);
            }
        }
    }

    fn raise(&mut self) {
        for id in self.ids("fault") {
            self.attempt(format!("{id} as bad as can be"), |table| {
                entry(table, "fault", &id)?.insert("severity".to_owned(), Value::Float(1.0));
                Some(())
            });
        }
    }

    fn seconds(&self, key: &str) -> Option<f64> {
        number(self.table.get(key)?)
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) => Some(*number),
        Value::Integer(number) => Some(*number as f64),
        Value::String(word) => quantity(word),
        _ => None,
    }
}

fn entry<'a>(table: &'a mut Table, list: &str, id: &str) -> Option<&'a mut Table> {
    let all = table.get_mut(list)?.as_array_mut()?.iter_mut();
    all.filter_map(Value::as_table_mut).find(|entry| entry.get("id").and_then(Value::as_str) == Some(id))
}

fn remove(table: &mut Table, list: &str, id: &str) -> Option<()> {
    table.get_mut(list)?.as_array_mut()?.retain(|entry| entry.get("id").and_then(Value::as_str) != Some(id));
    Some(())
}

fn set(table: &mut Table, path: &[&str], value: f64) -> Option<()> {
    let (last, folders) = path.split_last()?;
    let mut at = table;
    for folder in folders {
        at = at.get_mut(*folder)?.as_table_mut()?;
    }
    at.get_mut(*last).map(|known| *known = Value::Float(value))
}

/// Takes a node out, and all that others say of it.
fn without_node(table: &mut Table, id: &str) -> Option<()> {
    remove(table, "node", id)?;
    let is_it = |value: &Value| value.as_str() == Some(id);
    for node in table.get_mut("node")?.as_array_mut()?.iter_mut().filter_map(Value::as_table_mut) {
        if node.get("host").is_some_and(is_it) {
            node.remove("host");
        }
        if let Some(hosts) = node.get_mut("hosts").and_then(Value::as_array_mut) {
            hosts.retain(|host| !is_it(host));
        }
        if let Some(calls) = node.get_mut("calls").and_then(Value::as_array_mut) {
            calls.retain(|call| !call.get("to").is_some_and(is_it));
            for call in calls.iter_mut().filter_map(Value::as_table_mut) {
                if call.get("miss").is_some_and(is_it) {
                    call.remove("miss");
                }
            }
        }
    }
    if let Some(loads) = table.get_mut("workload").and_then(Value::as_table_mut) {
        loads.remove(id);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Simulation;

    const CASE: &str = "schema = 1\nid = \"t\"\nfamily = \"t\"\nduration = \"4m\"\nuse = [\"topo/orders.toml\"]\n\
        [[fault]]\nid = \"a\"\nkind = \"load.burst\"\ntarget = \"checkout-api\"\nat = \"30s\"\nseverity = 0.01\n\
        [[fault]]\nid = \"b\"\nkind = \"security.credentials\"\ntarget = \"fulfilment\"\nat = \"40s\"\nseverity = 0.5\n\
        [[fault]]\nid = \"c\"\nkind = \"logs.flood\"\ntarget = \"fulfilment-1\"\nat = \"50s\"\nseverity = 0.01\n";

    /// Whether the group ends far behind.
    fn is_behind(scenario: &Scenario, seed: u64) -> bool {
        let mut run = Simulation::new(scenario, seed);
        run.advance_to(run.end());
        run.backlog("fulfilment").is_some_and(|backlog| backlog > 10_000)
    }

    #[test]
    fn what_is_left_is_the_one_fault_that_matters_and_little_besides() {
        let shrunk = shrink(CASE, 3, Scenario::builtin_use, 300, is_behind).unwrap().unwrap();
        let left = Scenario::parse(&shrunk.text, |_| None).unwrap();
        assert!(is_behind(&left, 3), "it still fails, read again from its text");
        assert_eq!(left.faults.iter().map(|fault| fault.id.as_str()).collect::<Vec<_>>(), ["b"]);
        assert!(left.nodes.len() <= 6, "{:?}", left.nodes.iter().map(|node| &node.id).collect::<Vec<_>>());
        assert!(left.duration().as_millis() < 110_000, "{:?}", left.duration());
        assert_eq!(left.telemetry.logs.drop, 0.0);
        assert!(shrunk.tried <= 300 && shrunk.changes.len() > 5, "{:?}", shrunk.changes);
        assert_eq!(shrunk.replay("case.toml"), "lagdoctor simulate case.toml --seed 3");
        let again = shrink(CASE, 3, Scenario::builtin_use, 300, is_behind).unwrap().unwrap();
        assert_eq!((again.text, again.changes), (shrunk.text, shrunk.changes));
    }

    #[test]
    fn what_does_not_fail_is_not_shrunk() {
        assert!(shrink(CASE, 3, Scenario::builtin_use, 300, |_, _| false).unwrap().is_none());
    }
}
