//! A file in the format of sops, which the program reads and writes.

use std::path::Path;

use nix8s_core::secret::Redacted;
use nix8s_core::tool::Command;
use nix8s_core::tool::Output;
use nix8s_core::tool::sops;
use nix8s_core::tool::sops::Places;
use nix8s_core::tool::sops::Why;
use nix8s_engine::port::Exec as _;

use crate::commands::here;
use crate::error::CliError;
use crate::error::Exit;

/// What a file holds.
pub fn decrypt(path: &Path, places: &Places) -> Result<Redacted, CliError> {
    run(&sops::decrypt(places, &path.display().to_string()))
}

/// The text of a file of this name.
pub fn encrypt(
    path: &Path,
    places: &Places,
    recipients: &[String],
    plain: &Redacted,
) -> Result<String, CliError> {
    let command = sops::encrypt(places, &path.display().to_string(), recipients, plain.clone());
    let text = run(&command)?;
    // A program that is called sops and does not encrypt would put the secrets into the repository.
    let leaks = plain.expose().lines().any(|line| line.len() >= 40 && text.expose().contains(line.trim()));
    if leaks || !sops::is_encrypted(text.expose()) {
        let message = "what sops printed is not encrypted, and was not written";
        return Err(CliError::new(Exit::Program, message).hint("Is the `sops` on your PATH that of getsops?"));
    }
    Ok(text.expose().to_owned())
}

fn run(command: &Command) -> Result<Redacted, CliError> {
    let asked = async { tokio::time::timeout(command.timeout, here::programs().run(command)).await };
    let output = match here::wait(asked)? {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(CliError::new(Exit::Program, "could not run sops").because(error)),
        Err(_) => return Err(CliError::new(Exit::Failed, "sops does not answer")),
    };
    if output.status == 0 {
        return Ok(Redacted::new(output.stdout));
    }
    let why = sops::why(&output);
    let (exit, message) = match why {
        Why::NotInstalled => (Exit::Program, "sops is not installed".to_owned()),
        Why::NoIdentity => (Exit::Refused, "no identity here decrypts it".to_owned()),
        Why::Changed => (Exit::Refused, "it was changed without sops".to_owned()),
        Why::NoRecipients => (Exit::Configuration, "nobody says to whom it is to be encrypted".to_owned()),
        Why::Other => (Exit::Failed, format!("sops ended with {}", output.status)),
    };
    let error = CliError::new(exit, message).said(said(why, &output));
    Err(why.advice().into_iter().fold(error, CliError::hint))
}

/// The end of what it complained about.
fn said(why: Why, output: &Output) -> Vec<String> {
    /// Enough for its explanation of a failure.
    const LINES_MAX: usize = 10;
    if why == Why::NotInstalled {
        return Vec::new();
    }
    let lines: Vec<&str> = output.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES_MAX)..].iter().map(|line| (*line).to_owned()).collect()
}
