//! One file per verb, and how a verb's end becomes the process's.

pub mod apply;
mod askpass;
mod complete;
pub mod completions;
pub mod config;
mod consent;
pub mod doctor;
pub mod events;
pub mod exec;
pub mod explain;
pub mod graph;
mod here;
mod host_key;
mod identity;
pub mod init;
pub mod kubeconfig;
pub mod logs;
pub mod man;
mod new_file;
pub mod node;
mod permit;
pub mod plan;
mod project;
mod reach;
pub mod rehearse;
mod remembered;
pub mod report;
pub mod reset;
pub mod run;
mod scratch;
pub mod secrets;
mod signal;
pub mod ssh;
pub mod state;
pub mod status;
pub mod support;
pub mod systems;
pub mod validate;
mod vault;
pub mod version;
mod watch;
mod watcher;
mod world;

use clap::Parser;
use serde_json::json;

use crate::cli::Cli;
use crate::cli::Command;
use crate::cli::Global;
use crate::error::CliError;
use crate::error::Exit;
use crate::on_node;
use crate::output::Format;
use crate::output::Output;
use crate::output::clean;

/// What every command is given.
pub struct Cx<'a> {
    /// The global flags.
    pub global: &'a Global,
    /// Where output goes.
    pub out: &'a Output,
}

/// Runs the command line of this process.
pub fn run() -> Exit {
    complete::answer();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too; neither has anywhere to report a failed write to.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    let out = Output::new(cli.global.output, cli.global.detail(), cli.global.color);
    let cx = Cx { global: &cli.global, out: &out };
    let exit = match check(&cli.global, &cli.command).and_then(|()| dispatch(&cx, &cli.command)) {
        Ok(exit) => exit,
        Err(error) => {
            report(&out, &error);
            error.exit
        }
    };
    match out.failure() {
        None => exit,
        Some(error) => {
            let error = CliError::new(Exit::Failed, "could not write to stdout").because(error);
            report(&out, &error);
            if exit == Exit::Done { error.exit } else { exit }
        }
    }
}

fn dispatch(cx: &Cx<'_>, command: &Command) -> Result<Exit, CliError> {
    match command {
        Command::Init(args) => init::run(cx, args),
        Command::Validate(args) => validate::run(cx, args),
        Command::Doctor(args) => doctor::run(cx, args),
        Command::Config(args) => config::run(cx, args),
        Command::Plan(args) => plan::run(cx, args),
        Command::Apply(args) => apply::run(cx, args),
        Command::Rehearse(args) => rehearse::run(cx, args),
        Command::Run(args) => run::run(cx, args),
        Command::Status(args) => status::run(cx, args),
        Command::Events(args) => events::run(cx, args),
        Command::Report(args) => report::run(cx, args),
        Command::Graph(args) => graph::run(cx, args),
        Command::Explain(args) => explain::run(cx, args),
        Command::Node(args) => node::run(cx, args),
        Command::Exec(args) => exec::run(cx, args),
        Command::Ssh(args) => ssh::run(cx, args),
        Command::Logs(args) => logs::run(cx, args),
        Command::Kubeconfig(args) => kubeconfig::run(cx, args),
        Command::Secrets(args) => secrets::run(cx, args),
        Command::Reset(args) => reset::run(cx, args),
        Command::Update(args) => systems::run_update(cx, args),
        Command::State(args) => state::run(cx, args),
        Command::Support(args) => support::run(cx, args),
        Command::Completions(args) => completions::run(cx, args),
        Command::Man(args) => man::run(cx, args),
        Command::Version(args) => version::run(cx, args),
        Command::OnNode(args) => on_node::run(args),
    }
}

/// Refuses combinations of flags that contradict each other wherever they stand on the command line.
fn check(global: &Global, command: &Command) -> Result<(), CliError> {
    let alone = [
        ("--seed", global.seed.is_some()),
        ("--faults", global.faults.is_some()),
        ("--pace", global.pace.is_some()),
    ];
    let given = alone.iter().find(|(_, given)| *given);
    if let Command::Rehearse(_) = command {
        // A rehearsal is simulated whatever it starts from.
        if global.pace.is_some() {
            let message = "--pace is for watching: the time of a rehearsal always jumps";
            return Err(CliError::new(Exit::Usage, message));
        }
    } else if let Some((flag, _)) = given.filter(|_| !global.simulate) {
        let message = format!("{flag} is about the simulated world and needs --simulate");
        return Err(CliError::new(Exit::Usage, message));
    }
    if global.simulate && global.ask_sudo_password {
        let message = "--ask-sudo-password is about real machines: simulated ones have no sudo";
        return Err(CliError::new(Exit::Usage, message));
    }
    if global.quiet && global.verbose {
        return Err(CliError::new(Exit::Usage, "-q and -v contradict each other"));
    }
    Ok(())
}

/// Says what went wrong, and tells programs too.
fn report(out: &Output, error: &CliError) {
    let paint = out.paint_err;
    out.say(&format!("{} {}", paint.red("error:"), clean(&error.to_string())));
    for line in &error.said {
        out.say(&format!("  {}", clean(line)));
    }
    for hint in &error.hints {
        out.say(&format!("{} {}", paint.green("hint:"), clean(hint)));
    }
    if out.format == Format::Json {
        out.json_line(&json!({
            "version": 1,
            "type": "error",
            "error": {
                "kind": error.exit.as_str(),
                "message": error.to_string(),
                "said": error.said,
                "hints": error.hints,
                "problems": error.problems,
            },
        }));
    }
}

/// Writes a file that somebody asked for by name.
fn write_file(path: &std::path::Path, text: &str) -> Result<(), CliError> {
    std::fs::write(path, text).map_err(|error| {
        CliError::new(Exit::Failed, format!("could not write {}", path.display())).because(error)
    })
}
