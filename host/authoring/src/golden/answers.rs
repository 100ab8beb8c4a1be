//! What a far side answers to a collector, as a file that people write.

use std::path::{Component, Path, PathBuf};
use std::{fs, io};

use lagdoctor_model::{Millis, Timestamp};
use lagdoctor_runtime::CollectQuery;
use toml::{Table, Value};

use crate::stranger::Answer;

/// The file.
pub(super) const FILE: &str = "answers.toml";
/// Noon of the first of March 2026, the end of the hour that is asked for.
const NOON_MS: i64 = 1_772_366_400_000;

/// What the far side answers, request by request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers(Vec<Answer>);

/// A file of answers that makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum AnswersError {
    /// It, or the file of a body, cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not as it should be.
    #[error("{} is no list of answers: {why}", path.display())]
    Form {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl AnswersError {
    /// What to write.
    pub fn help(&self) -> &'static str {
        "write [[answer]] with status = 200 and body = '...', or file = \"page-1.json\" for a body of its own file"
    }
}

impl Answers {
    /// The answers of the case in this folder.
    ///
    /// # Errors
    /// When they cannot be read, or are no answers.
    pub fn read(folder: &Path) -> Result<Self, AnswersError> {
        let path = folder.join(FILE);
        let form = |why: String| AnswersError::Form { path: path.clone(), why };
        let text = read(&path).and_then(|bytes| String::from_utf8(bytes).map_err(|error| form(error.to_string())))?;
        let table: Table = text.parse().map_err(|error: toml::de::Error| form(error.message().to_owned()))?;
        if let Some(field) = table.keys().find(|field| *field != "answer") {
            return Err(form(format!("`{field}` is not known")));
        }
        let entries = table.get("answer").and_then(Value::as_array);
        let entries = entries.ok_or_else(|| form("it holds no [[answer]]".to_owned()))?;
        let answer = |entry: &Value| answer(entry, folder).map_err(|wrong| wrong.unwrap_or_else(&form));
        entries.iter().map(answer).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn all(&self) -> &[Answer] {
        &self.0
    }
}

/// One answer; else what is wrong with it, or with the file that it names.
fn answer(entry: &Value, folder: &Path) -> Result<Answer, Result<AnswersError, String>> {
    let form = |why: &str| Err(Err(why.to_owned()));
    let Some(entry) = entry.as_table() else { return form("an answer is a table") };
    if let Some(field) = entry.keys().find(|field| !["status", "body", "file"].contains(&field.as_str())) {
        return form(&format!("an answer has no `{field}`"));
    }
    let status = match entry.get("status") {
        None => Some(200),
        Some(status) => status.as_integer().and_then(|status| u16::try_from(status).ok()),
    };
    let Some(status) = status.filter(|status| (100..600).contains(status)) else {
        return form("`status` is a number from 100 to 599");
    };
    let body = match (entry.get("body"), entry.get("file")) {
        (None, None) => vec![],
        (Some(Value::String(text)), None) => text.clone().into_bytes(),
        (None, Some(Value::String(file))) => {
            let file = Path::new(file);
            if !file.components().all(|part| matches!(part, Component::Normal(_))) {
                return form("`file` must be a file inside the folder of the case");
            }
            read(&folder.join(file)).map_err(Ok)?
        }
        (Some(_), Some(_)) => return form("an answer has `body` or `file`, not both"),
        _ => return form("`body` and `file` are texts"),
    };
    Ok(Answer::Says(status, body))
}

fn read(path: &Path) -> Result<Vec<u8>, AnswersError> {
    fs::read(path).map_err(|source| AnswersError::Read { path: path.to_path_buf(), source })
}

/// What a collector is asked: the first page of everything in the hour before noon.
pub(super) fn query() -> CollectQuery {
    let noon = Timestamp::from_millis(NOON_MS).unwrap_or(Timestamp::EPOCH);
    CollectQuery::all(noon - Millis::minutes(60), noon, Millis::seconds(15))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said_of(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), text).unwrap();
        fs::write(folder.path().join("page.json"), "[1]").unwrap();
        match Answers::read(folder.path()) {
            Ok(answers) => format!("{:?}", answers.all()),
            Err(error) => error.to_string().rsplit_once(": ").map_or(error.to_string(), |(_, why)| why.to_owned()),
        }
    }

    #[test]
    fn answers_are_given_in_the_file_or_beside_it() {
        assert_eq!(said_of("[[answer]]\nbody = 'x'\n[[answer]]\nstatus = 503\n"), "[Says(200, [120]), Says(503, [])]");
        assert_eq!(said_of("[[answer]]\nfile = 'page.json'\n"), "[Says(200, [91, 49, 93])]");
    }

    #[test]
    fn a_list_that_makes_no_sense_is_told_why() {
        for (text, why) in [
            ("", "it holds no [[answer]]"),
            ("answers = []", "`answers` is not known"),
            ("answer = [1]", "an answer is a table"),
            ("[[answer]]\nstatus = 99", "`status` is a number from 100 to 599"),
            ("[[answer]]\nbody = 1", "`body` and `file` are texts"),
            ("[[answer]]\nbody = ''\nfile = 'a'", "an answer has `body` or `file`, not both"),
            ("[[answer]]\nfile = '../a'", "`file` must be a file inside the folder of the case"),
            ("[[answer]]\nheaders = 1", "an answer has no `headers`"),
        ] {
            assert_eq!(said_of(text), why, "{text}");
        }
        assert!(said_of("[[answer]]\nfile = 'missing'").contains("cannot read"));
        assert!(Answers::read(Path::new("/nowhere")).unwrap_err().help().contains("[[answer]]"));
    }
}
