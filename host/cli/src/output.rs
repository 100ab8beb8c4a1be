//! Where output goes: answers to stdout, progress and errors to stderr; colour and progress bars only on a terminal.

use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lagdoctor_service::report::{self, Style};
use tracing_subscriber::EnvFilter;

use crate::args::Colour;

/// All is well.
pub const FINE: u8 = 0;
/// Something was found that fails a gate.
pub const FOUND: u8 = 1;
/// The job could not be done.
pub const COULD_NOT: u8 = 2;

/// Of the runs that were asked for some could not be made, so that nothing can be said of them.
pub const INVALID: u8 = 3;
/// There is no baseline, or one of other runs.
pub const NO_BASELINE: u8 = 4;

/// Prints.
pub struct Output {
    colour: bool,
    /// Why an answer was not written.
    lost: Mutex<Option<io::Error>>,
}

impl Output {
    /// Decides about colour once.
    pub fn new(colour: Colour) -> Self {
        let colour = match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        };
        let theme = if colour { miette::GraphicalTheme::unicode() } else { miette::GraphicalTheme::unicode_nocolor() };
        // Fails only when a hook is set already, which is as good.
        let _ = miette::set_hook(Box::new(move |_| {
            // The terminal folds lines itself, and what is not folded here can be copied and pasted.
            Box::new(miette::MietteHandlerOpts::new().graphical_theme(theme.clone()).wrap_lines(false).build())
        }));
        Self { colour, lost: Mutex::default() }
    }

    /// Whether answers may hold colour.
    pub fn colour(&self) -> bool {
        self.colour
    }

    /// How reports are laid out: as wide as the terminal says it is, within 80 and 120.
    pub fn style(&self) -> Style {
        let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        Style::new(
            if self.colour { report::Colour::Ansi } else { report::Colour::Plain },
            columns.unwrap_or(100).clamp(80, 120),
        )
    }

    /// An answer. A reader that has gone away, as `head` does, is no error; a full disk is, and is told at the end: see
    /// [`Output::written`].
    pub fn say(&self, text: &str) {
        let mut stdout = io::stdout().lock();
        let end = if text.ends_with('\n') { "" } else { "\n" };
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.write_all(end.as_bytes()))
            .and_then(|()| stdout.flush());
        if let Err(error) = written
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            self.lost.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }

    /// Whether all answers arrived where they were sent.
    ///
    /// # Errors
    /// What kept the first one from being written.
    pub fn written(&self) -> miette::Result<()> {
        match self.lost.lock().unwrap_or_else(PoisonError::into_inner).take() {
            None => Ok(()),
            Some(error) => Err(miette::miette!(
                help = "look at free space and rights of where standard output leads",
                "the answer could not be written: {error}"
            )),
        }
    }

    /// A remark about how it goes.
    pub fn note(&self, text: &str) {
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// What went wrong, with cause and way out.
    pub fn error(&self, error: &miette::Report) {
        let _ = writeln!(io::stderr(), "{error:?}");
    }

    /// Steps of unknown length. Nothing is shown before the first.
    pub fn steps(&self) -> Steps {
        let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = || ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style);
        Steps { bar: io::stderr().is_terminal().then(bar) }
    }

    /// A progress bar over `steps`, seen on a terminal only.
    pub fn progress(&self, steps: u64, what: &str) -> ProgressBar {
        let target =
            if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("{msg:24} {bar:40} {pos}/{len} {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(steps), target).with_style(style);
        bar.set_message(what.to_owned());
        bar
    }
}

/// What is being done now, of something that takes minutes: on a terminal with the time that it has taken so far, else a
/// line for each step. Ends when it is dropped.
pub struct Steps {
    bar: Option<ProgressBar>,
}

impl Steps {
    /// From now on it is this.
    pub fn now(&self, what: &str) {
        match &self.bar {
            Some(bar) => {
                bar.reset_elapsed();
                bar.set_message(what.to_owned());
                bar.enable_steady_tick(Duration::from_millis(120));
            }
            None => {
                let _ = writeln!(io::stderr(), "{what} ...");
            }
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// What the host and its plugins say of themselves goes to stderr: errors always, more with `-v`.
pub fn log_to_stderr(verbose: u8) {
    let default = match verbose {
        // What has happened to the cache may be somebody's doing, and what a configuration says in vain somebody's slip.
        0 => "error,lagdoctor::cache=warn,lagdoctor::config=warn",
        1 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("LAGDOCTOR_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .with_target(false);
    // Fails only when a subscriber is set already, as in tests.
    let _ = logs.try_init();
}

/// Runs `work` until it ends or the program is told to stop, by Ctrl-C or by whatever supervises it. For what goes on
/// until somebody stops it, being stopped is no failure.
pub async fn until_stopped(work: impl Future<Output = miette::Result<ExitCode>>) -> miette::Result<ExitCode> {
    tokio::select! {
        done = work => done,
        () = stopped() => Ok(exit(FINE)),
    }
}

#[cfg(unix)]
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    // Where a signal cannot be listened to, it ends the program by itself.
    let Ok(mut terminated) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}

#[cfg(not(unix))]
async fn stopped() {
    let _ = tokio::signal::ctrl_c().await;
}

/// `1 line`, `2 lines`.
pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// One word of a command line that people copy into a shell.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The exit code of this number.
pub fn exit(code: u8) -> ExitCode {
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_a_shell_would_make_something_else_of_it() {
        for (word, expected) in [
            ("plugins/gc-watch.wasm", "plugins/gc-watch.wasm"),
            ("my plugins/a.wasm", "'my plugins/a.wasm'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
