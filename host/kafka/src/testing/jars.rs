//! Where do the jars come from? From Maven Central, once; then they stay. Start at [`resolve`].

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{RealKafkaError, failed, io_error, run};

/// Where everything about the real Kafka is kept: jars, and a directory for each broker that runs.
pub(super) fn lab() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target")).join("kafka-lab")
}

/// The directory of the jars. Downloads them where they are not there yet.
pub(super) fn resolve() -> Result<PathBuf, RealKafkaError> {
    let java = version("java", "-version").ok_or_else(|| unavailable("there is no `java`"))?;
    if java < 17 {
        return Err(unavailable(&format!("`java` is version {java}")));
    }
    let pom = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/pom.xml");
    let pom_text = fs::read_to_string(&pom).map_err(io_error("read its pom.xml"))?;
    fs::create_dir_all(lab()).map_err(io_error("make a directory"))?;
    // Tests run at the same time, and one download is enough. The lock goes with the file.
    let lock = File::create(lab().join("lock")).map_err(io_error("lock its directory"))?;
    lock.lock().map_err(io_error("lock its directory"))?;

    let (jars, done) = (lab().join("jars"), lab().join("jars.done"));
    // What was asked for is kept beside the jars, so that another version is noticed, and half a download too.
    if fs::read_to_string(&done).is_ok_and(|asked_for| asked_for == pom_text) {
        return Ok(jars);
    }
    if version("mvn", "-version").is_none() {
        return Err(unavailable("there is no `mvn`"));
    }
    fs::remove_file(&done).ok();
    fs::remove_dir_all(&jars).ok();
    let mut maven = Command::new("mvn");
    maven.args(["-q", "-B", "-f"]).arg(&pom).arg("dependency:copy-dependencies").arg("-DincludeScope=runtime");
    maven.arg(format!("-DoutputDirectory={}", jars.display())).stdin(Stdio::null());
    run(&mut maven, "be downloaded")?;
    if !jars.is_dir() {
        return Err(failed("be downloaded", "Maven left no jars"));
    }
    fs::write(&done, pom_text).map_err(io_error("note that the jars are there"))?;
    Ok(jars)
}

fn unavailable(why: &str) -> RealKafkaError {
    RealKafkaError::Unavailable(why.to_owned())
}

/// The major version that a program says it has.
fn version(program: &str, flag: &str) -> Option<u32> {
    let output = Command::new(program).arg(flag).stdin(Stdio::null()).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let digits = text.split(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty())?;
    digits.parse().ok()
}
