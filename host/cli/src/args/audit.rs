//! What can be asked of the audit.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// What `audit --help` ends with.
pub const EXAMPLES: &str = "Examples:
  lagdoctor audit list                      the last diagnoses
  lagdoctor audit show 12                   one: what it saw, who said what, what it answered
  lagdoctor audit show 12 --bundle incident its input, to diagnose with other plugins
  lagdoctor audit verify                    is the chain whole, and do the last 10 come out the same again?
  lagdoctor audit anchor                    the head of the chain, to be noted elsewhere

Exit codes: 0 fine, 1 something was altered or comes out otherwise, 2 could not do the job.";

/// Which audit.
#[derive(Debug, Clone, Default, Args)]
pub struct AuditPlace {
    /// The configuration that says where it lies.
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The database. Default: that of the configuration, else the user's.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// What to do with the audit.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// The last diagnoses, one a line.
    List {
        /// Which audit.
        #[command(flatten)]
        place: AuditPlace,
        /// How many.
        #[arg(long, value_name = "N", default_value_t = 20)]
        last: usize,
        /// How to print.
        #[arg(long, value_enum, default_value_t = AuditFormat::Text)]
        format: AuditFormat,
    },
    /// One diagnosis: what it saw, what each plugin said and was granted, who was late, what was answered.
    Show {
        /// Its number, or 8 or more digits of the `body_sha256` in a report.
        record: String,
        /// Which audit.
        #[command(flatten)]
        place: AuditPlace,
        /// Write its input as a bundle into this folder.
        #[arg(long, value_name = "DIR")]
        bundle: Option<PathBuf>,
        /// How to print.
        #[arg(long, value_enum, default_value_t = AuditFormat::Text)]
        format: AuditFormat,
    },
    /// Check the whole chain against its anchor, and make diagnoses again from their records.
    ///
    /// A replay takes input, components, configuration and limits from the record and must give the same bytes on the
    /// same build. What the moment decided (a plugin that was late) is told again as it was.
    Verify(VerifyArgs),
    /// The head of the chain, to be noted where nobody who can write the database can: `audit verify --anchor HASH`.
    Anchor {
        /// Which audit.
        #[command(flatten)]
        place: AuditPlace,
    },
}

/// Arguments of `audit verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Which audit.
    #[command(flatten)]
    pub place: AuditPlace,
    /// What to check against: an anchor file, or the hash that `audit anchor` said. Default: the anchor of the
    /// configuration, else the one beside the database.
    #[arg(long, value_name = "FILE|HASH")]
    pub anchor: Option<String>,
    /// Replay the last so many; 0 for none.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub last: usize,
    /// Replay all.
    #[arg(long, conflicts_with_all = ["last", "record"])]
    pub all: bool,
    /// Replay this one.
    #[arg(long, value_name = "ID", conflicts_with = "last")]
    pub record: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = AuditFormat::Text)]
    pub format: AuditFormat,
}

/// How to print what the audit says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AuditFormat {
    /// For people, at a terminal.
    Text,
    /// For programs.
    Json,
}
