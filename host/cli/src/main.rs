//! The program `lagdoctor`: reads the command line, asks the crates below, prints what they answer, and says by its exit
//! code how it went. Only this crate prints and exits. Start at [`run`]; each command is a file in `commands/`.

// A program has no one to export to; `pub` here marks what a module offers the others.
#![allow(unreachable_pub)]

mod args;
mod bundled;
mod client;
mod commands;
mod host;
mod outbox;
mod output;
mod recorder;
mod scenarios;
mod serve;
mod session;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command, PluginCommand};
use crate::output::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.color);
    output::log_to_stderr(cli.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.error(&miette::miette!(
                help = "raise the limit of threads or file descriptors of this process",
                "cannot start worker threads: {error}"
            ));
            return output::exit(output::COULD_NOT);
        }
    };
    let done = runtime.block_on(run(cli, &output)).and_then(|code| output.written().map(|()| code));
    let code = match done {
        Ok(code) => code,
        Err(error) => {
            output.error(&error);
            output::exit(output::COULD_NOT)
        }
    };
    // A thread that is stuck in a far side's answer must not keep the program from ending.
    runtime.shutdown_background();
    code
}

async fn run(cli: Cli, output: &Output) -> miette::Result<ExitCode> {
    match cli.command {
        Command::Demo(args) => Box::pin(commands::demo::run(args, output)).await,
        Command::Status(args) => Box::pin(commands::status::run(args, output)).await,
        Command::Diagnose(args) => Box::pin(commands::diagnose::run(args, output)).await,
        Command::Run(args) => Box::pin(commands::service::run(args, output)).await,
        Command::Simulate(args) => commands::simulate::run(args, output).await,
        Command::Evaluate(args) => commands::evaluate::run(args, output).await,
        Command::Baseline { command } => commands::baseline::run(command, output).await,
        Command::Import(args) => commands::import::run(args, output).await,
        Command::Record(args) => commands::record::run(args, output).await,
        Command::Audit { command } => commands::audit::run(command, output).await,
        Command::Plugin { command: PluginCommand::List { config: Some(file), format, .. } } => {
            commands::plugin::configured::list(&file, format, output).await
        }
        Command::Plugin { command: PluginCommand::List { server: Some(server), format, .. } } => {
            commands::plugin::standings(&server, format, output).await
        }
        Command::Plugin { command: PluginCommand::List { format, .. } } => commands::plugin::list(format, output).await,
        Command::Plugin { command: PluginCommand::Inspect { plugin, format } } => {
            commands::plugin::inspect(&plugin, format, output).await
        }
        Command::Plugin { command: PluginCommand::Author(command) } => {
            Box::pin(commands::author::run(command, output)).await
        }
    }
}
