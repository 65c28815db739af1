//! `nix8s secrets edit`: in the user's editor, in a folder that nobody else can read.

use std::io;
use std::io::IsTerminal;
use std::path::Path;
use std::process::Child;
use std::process::ExitStatus;

use nix8s_core::model::ClusterName;
use nix8s_core::secret::Kept;
use nix8s_core::secret::Redacted;
use nix8s_core::secret::document;
use nix8s_core::tool::File;
use nix8s_engine::real::private;
use nix8s_engine::real::private::Private;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use signal_hook::consts::SIGCHLD;
use signal_hook::consts::SIGHUP;
use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGQUIT;
use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;

use super::Of;
use crate::commands::Cx;
use crate::commands::vault::Vault;
use crate::error::CliError;
use crate::error::Exit;
use crate::output::Detail;

const EXAMPLES: &str = "\
Example:
  EDITOR=nano nix8s secrets edit prod

The editor gets a file in a private folder, which is removed however it ends; keep its own copies (swap files, undo) in
mind. What is saved is checked before it is encrypted.";

/// Open the secrets in $VISUAL or $EDITOR, check what is saved, and encrypt it again
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct EditArgs {
    #[command(flatten)]
    of: Of,
}

/// Edits them.
pub fn run(cx: &Cx<'_>, args: &EditArgs) -> Result<Exit, CliError> {
    let EditArgs { of } = args;
    let (cluster, vault) = of.open(cx)?;
    if vault.is_read_only() {
        return Err(vault.read_only());
    }
    let lock = vault.lock()?;
    let held = vault.read()?;
    if held.form.is_none() {
        let message = format!("there is no {} yet", vault.shown);
        return Err(CliError::new(Exit::Refused, message).hint("`nix8s secrets generate` makes it."));
    }
    let before = document::write(&cluster.name, &held.kept);
    let edited = edit(cx, &cluster.name, &vault, &before)?;
    let is_changed = edited.as_ref().is_some_and(|kept| *kept != held.kept);
    if let Some(kept) = edited.filter(|_| is_changed) {
        vault.write(&kept, &lock)?;
    }
    if cx.out.detail != Detail::Quiet {
        cx.out.say(&if is_changed {
            format!(
                "{} is encrypted again. Machines do not have what changed until it is delivered.",
                vault.shown
            )
        } else {
            format!("Nothing has changed in {}.", vault.shown)
        });
    }
    Ok(Exit::Done)
}

/// What a person made of it, checked; `None`: they left it as it was.
fn edit(
    cx: &Cx<'_>,
    cluster: &ClusterName,
    vault: &Vault,
    before: &Redacted,
) -> Result<Option<Kept>, CliError> {
    let failed = |error: io::Error| {
        CliError::new(Exit::Failed, "could not open the secrets in an editor").because(error)
    };
    let private = Private::new().map_err(failed)?;
    let path = private.path().join("secrets.yaml");
    private::write(&path, &File::private(before.clone())).map_err(failed)?;
    // From here on no signal may end this process before the folder is removed.
    let mut signals = Signals::new([SIGCHLD, SIGINT, SIGQUIT, SIGTERM, SIGHUP]).map_err(failed)?;
    loop {
        match open(&path, &mut signals).map_err(failed)? {
            None => return Err(CliError::new(Exit::Interrupted, "interrupted; nothing was changed")),
            Some(status) if !status.success() => {
                let message = format!("the editor ended with {status}; nothing was changed");
                return Err(CliError::new(Exit::Failed, message));
            }
            Some(_) => {}
        }
        let text = Redacted::new(std::fs::read_to_string(&path).map_err(failed)?);
        if text == *before {
            return Ok(None);
        }
        let read = document::read(cluster, &text).map_err(|wrong| vault.misunderstood(&wrong));
        let wrong = match read.and_then(|kept| vault.publics(&kept).map(|_| kept)) {
            Ok(kept) => return Ok(Some(kept)),
            Err(wrong) => wrong,
        };
        if !again(cx, &wrong).map_err(failed)? {
            return Err(wrong.hint("Nothing was changed."));
        }
    }
}

/// Asks whether the editor shall open again, if there is somebody to ask.
fn again(cx: &Cx<'_>, wrong: &CliError) -> io::Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    cx.out.say(&wrong.to_string());
    wrong.said.iter().for_each(|line| cx.out.say(&format!("  {line}")));
    cx.out.ask("Open it again? What you wrote is lost otherwise. [Y/n] ");
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer)?;
    Ok(read > 0 && !answer.trim().eq_ignore_ascii_case("n"))
}

/// Runs the editor to its end; `None`: we were asked to end, and it is gone.
fn open(path: &Path, signals: &mut Signals) -> io::Result<Option<ExitStatus>> {
    let from = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let editor = from("VISUAL").or_else(|| from("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    // The variable is shell text, a program with arguments, and the path is one more.
    let mut child = std::process::Command::new("sh")
        .arg("-c")
        .arg(format!("exec {editor} \"$1\""))
        .arg("sh")
        .arg(path)
        .spawn()?;
    let mut asked = 0;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok((asked == 0).then_some(status));
        }
        // Ctrl-C reaches the editor too, which makes of it what it likes.
        let is_end = |signal: &i32| *signal == SIGTERM || *signal == SIGHUP;
        let before = asked;
        asked += signals.wait().filter(is_end).count();
        match asked {
            0 => {}
            // It may put the terminal and its own copies in order.
            1 if before == 0 => end(&child)?,
            1 => {}
            _ => child.kill()?,
        }
    }
}

fn end(child: &Child) -> io::Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process has an id");
    Ok(kill_process(pid, Signal::TERM)?)
}
