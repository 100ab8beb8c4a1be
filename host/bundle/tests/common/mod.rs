//! A small whole bundle as text, for tests that break it.

use std::fs;
use std::path::{Path, PathBuf};

use lagdoctor_bundle::{Recorded, read};
use tempfile::TempDir;

pub(crate) const HEADER: &str =
    "schema = 1\nsource = \"by hand\"\n[window]\nstart_ms = 0\nnow_ms = 60000\nstep_ms = 15000\n";
pub(crate) const TOPOLOGY: &str = r#"{"nodes": [
  {"id":"group:g"},
  {"id":"service:s","labels":{"owner":"team-a","tier":1}}
], "edges": [
  {"dependent":"group:g","kind":"worked-by","dependency":"service:s"}
]}
"#;
pub(crate) const SERIES: &str = r#"{"node":"group:g","signal":"kafka.consumer_group.backlog","start_ms":0,"step_ms":15000,"values":[1,2,null,4]}
{"node":"group:g","signal":"kafka.consumer_group.members","unit":"{member}","times_ms":[0,30000],"values":[3,4]}
"#;
pub(crate) const LOGS: &str = r#"{"time_ms":1000,"node":"service:s","level":"warn","message":"slow"}
{"time_ms":2000,"node":"service:s","level":17,"message":"slower"}
"#;
pub(crate) const EVENTS: &str = r#"{"time_ms":500,"node":"service:s","kind":"deploy","what":"version 2"}
"#;

/// A folder with all files, some of them replaced; `None` takes one away.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn with(replaced: &[(&str, Option<&[u8]>)]) -> Self {
        let folder = Self(TempDir::new().unwrap());
        let whole = [
            ("bundle.toml", HEADER),
            ("topology.json", TOPOLOGY),
            ("series.ndjson", SERIES),
            ("logs.ndjson", LOGS),
            ("events.ndjson", EVENTS),
        ];
        for (name, content) in whole {
            fs::write(folder.path().join(name), content).unwrap();
        }
        for (name, content) in replaced {
            match content {
                Some(content) => fs::write(folder.path().join(name), content).unwrap(),
                None => fs::remove_file(folder.path().join(name)).unwrap(),
            }
        }
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    #[allow(dead_code, reason = "not every test crate reads through it")]
    pub(crate) fn read(&self) -> Recorded {
        read(self.path()).unwrap()
    }

    #[allow(dead_code, reason = "not every test crate looks beside it")]
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }
}
