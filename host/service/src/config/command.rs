//! A secret that a program prints: a password manager, a cloud's command line. The program is started as it is written,
//! with no shell in between, and given a time. What it printed is kept for a while; after that the old value is used until
//! a new one is there, so that nobody waits for it but the start.

use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that a program may print.
const MAX_OUTPUT: u64 = 64 << 10;
/// Distance of looks at a program that has printed all and not ended yet.
const LOOK: Duration = Duration::from_millis(5);

/// A program and what it printed last.
pub(super) struct SecretCommand {
    /// Program and arguments.
    words: Vec<String>,
    /// Where it is started.
    folder: PathBuf,
    /// Time that it has.
    timeout: Duration,
    /// How long a value is used before a new one is asked for.
    keep: Duration,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    value: Option<(String, Instant)>,
    is_asking: bool,
}

impl fmt::Debug for SecretCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretCommand({})", self.program())
    }
}

impl SecretCommand {
    pub(super) fn new(words: Vec<String>, folder: PathBuf, timeout: Duration, keep: Duration) -> Self {
        Self { words, folder, timeout, keep, kept: Mutex::default() }
    }

    pub(super) fn program(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// What it prints. The first time it is waited for; later a value that has become old is renewed behind the caller's
    /// back.
    pub(super) fn value(self: &Arc<Self>) -> Result<String, String> {
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((value, since)) = &kept.value {
                let value = value.clone();
                if since.elapsed() >= self.keep && !kept.is_asking {
                    kept.is_asking = true;
                    let renewing = self.clone();
                    let thread = std::thread::Builder::new().name("lagdoctor-secret".to_owned());
                    if thread.spawn(move || renewing.renew()).is_err() {
                        kept.is_asking = false;
                    }
                }
                return Ok(value);
            }
        }
        let value = self.run()?;
        self.keep(Some(value.clone()));
        Ok(value)
    }

    fn renew(&self) {
        // The old value goes on being used: a password manager that is away for a minute must not stop everything.
        self.keep(self.run().ok());
    }

    fn keep(&self, value: Option<String>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.is_asking = false;
        let old = kept.value.take().map(|(value, _)| value);
        kept.value = value.or(old).map(|value| (value, Instant::now()));
    }

    fn run(&self) -> Result<String, String> {
        let mut command = Command::new(self.program());
        command.args(self.words.iter().skip(1)).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        if !self.folder.as_os_str().is_empty() {
            command.current_dir(&self.folder);
        }
        let mut child = command.spawn().map_err(|error| format!("it cannot be started: {error}"))?;
        let outcome = self.printed(&mut child);
        // Whatever became of it, it does not stay.
        let _ = child.kill();
        let _ = child.wait();
        outcome
    }

    fn printed(&self, child: &mut Child) -> Result<String, String> {
        let until = Instant::now() + self.timeout;
        let late = || format!("it was not done after {} s", self.timeout.as_secs_f64());
        let Some(stdout) = child.stdout.take() else { return Err("its output cannot be read".to_owned()) };
        let (send, receive) = channel();
        // A pipe has no timeout of its own.
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = stdout.take(MAX_OUTPUT + 1).read_to_end(&mut bytes);
            // Nobody listens any more when it took too long.
            let _ = send.send(read.map(|_| bytes));
        });
        let bytes = receive.recv_timeout(self.timeout).map_err(|_| late())?;
        let bytes = bytes.map_err(|error| format!("its output cannot be read: {error}"))?;
        if bytes.len() as u64 > MAX_OUTPUT {
            return Err(format!("it printed more than {MAX_OUTPUT} bytes"));
        }
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() < until => std::thread::sleep(LOOK),
                Ok(None) => return Err(late()),
                Err(error) => return Err(format!("it cannot be waited for: {error}")),
            }
        };
        if !status.success() {
            return Err(format!("it failed with {status}; run it by hand as the user of this process to see why"));
        }
        // The error of the standard library would hold the bytes.
        String::from_utf8(bytes).map_err(|_| "what it printed is no UTF-8".to_owned())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// Far more than any of these programs takes, unless it hangs.
    const ENOUGH: Duration = Duration::from_secs(60);

    fn within(timeout: Duration, words: &[&str], keep: Duration) -> Arc<SecretCommand> {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Arc::new(SecretCommand::new(words, PathBuf::new(), timeout, keep))
    }

    fn command(words: &[&str], keep: Duration) -> Arc<SecretCommand> {
        within(ENOUGH, words, keep)
    }

    fn said(words: &[&str]) -> String {
        command(words, Duration::MAX).value().unwrap_or_else(|why| format!("error: {why}"))
    }

    fn hangs(script: &str) -> String {
        let short = Duration::from_millis(300);
        within(short, &["sh", "-c", script], Duration::MAX).value().unwrap_err()
    }

    #[test]
    fn what_a_program_prints_is_the_secret() {
        assert_eq!(said(&["printf", "hunter2"]), "hunter2");
    }

    #[test]
    fn there_is_no_shell() {
        assert_eq!(said(&["printf", "%s", "$(id); `id` | $HOME"]), "$(id); `id` | $HOME");
        assert!(said(&["printf hunter2"]).contains("cannot be started"));
    }

    #[test]
    fn a_program_that_fails_hangs_or_babbles_is_told_without_what_it_printed() {
        let failed = said(&["sh", "-c", "echo hunter2; echo hunter2 >&2; exit 3"]);
        assert!(failed.contains("it failed with exit status: 3") && !failed.contains("hunter2"), "{failed}");
        assert_eq!(hangs("echo hunter2; exec sleep 60"), "it was not done after 0.3 s");
        assert_eq!(hangs("exec >&-; exec sleep 60"), "it was not done after 0.3 s");
        assert!(said(&["sh", "-c", "yes"]).contains("more than 65536 bytes"));
        let binary = said(&["printf", "\\377hunter2"]);
        assert!(binary.contains("no UTF-8") && !binary.contains("hunter2"), "{binary}");
    }

    #[test]
    fn a_value_is_kept_and_renewed_behind_the_callers_back() {
        let folder = tempfile::tempdir().unwrap();
        let count = folder.path().join("count");
        let script = format!("echo x >> {0}; wc -l < {0} | tr -d ' '", count.display());
        let kept = command(&["sh", "-c", &script], Duration::MAX);
        assert_eq!((kept.value().unwrap().trim(), kept.value().unwrap().trim()), ("1", "1"));
        let renewed = command(&["sh", "-c", &script], Duration::ZERO);
        assert_eq!(renewed.value().unwrap().trim(), "2");
        // The old value at once, and a new one as soon as it is there.
        let until = Instant::now() + Duration::from_secs(20);
        while renewed.value().unwrap().trim() == "2" {
            assert!(Instant::now() < until, "it was never renewed");
            std::thread::yield_now();
        }
    }

    #[test]
    fn it_prints_neither_arguments_nor_value() {
        let command = command(&["printf", "hunter2"], Duration::MAX);
        command.value().unwrap();
        assert_eq!(format!("{command:?}"), "SecretCommand(printf)");
    }
}
