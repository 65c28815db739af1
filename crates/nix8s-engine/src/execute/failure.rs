//! Failures as events want them: whether trying again can help, what came back, what to try.

use nix8s_core::event::Failure;
use nix8s_core::model::StorePath;
use nix8s_core::plan::FailureClass;
use nix8s_core::tool::Command;
use nix8s_core::tool::Output;
use nix8s_core::tool::known::known;

use crate::port::ExecError;
use crate::port::KubeError;
use crate::world::World;

/// It may work next time.
pub fn transient(message: impl Into<String>) -> Failure {
    Failure { class: FailureClass::Transient, message: message.into(), hint: None, bad_system: None }
}

/// It will not work until somebody changes something.
pub fn permanent(message: impl Into<String>) -> Failure {
    Failure { class: FailureClass::Permanent, ..transient(message) }
}

/// A system is to blame: it is not rolled out again by itself.
pub fn bad_system(system: &StorePath, message: impl Into<String>) -> Failure {
    let hint = Some("change the configuration, or forgive the system with `nix8s node retry`".to_owned());
    Failure { bad_system: Some(system.clone()), hint, ..permanent(message) }
}

/// The same failure with advice.
pub fn hint(failure: Failure, hint: impl Into<String>) -> Failure {
    Failure { hint: Some(hint.into()), ..failure }
}

/// A command that has no exit status: nobody knows what it did, and the next look at the world tells.
pub fn no_answer(doing: &str, error: &ExecError) -> Failure {
    let message = format!("{doing}: {error}");
    match error {
        ExecError::Missing { program } => {
            hint(permanent(message), format!("install {program}; `nix8s doctor` lists what is needed"))
        }
        ExecError::WrongKey { .. } | ExecError::UnknownKey { .. } => hint(
            permanent(message),
            "compare it with what the machine's console shows; then run again with `--accept-host-key NODE=FINGERPRINT`",
        ),
        ExecError::Denied { said } => hint(permanent(message), nix8s_core::tool::ssh::denied_advice(said)),
        ExecError::Refused | ExecError::TimedOut | ExecError::Lost | ExecError::NoAddress => {
            transient(message)
        }
    }
}

/// A call to the API server that was not carried out.
pub fn from_kube(doing: &str, error: &KubeError) -> Failure {
    let failure = transient(format!("{doing}: {error}"));
    match error {
        KubeError::NotAccepted { .. } => {
            hint(failure, "its certificate may have run out: `nix8s kubeconfig` fetches a new one")
        }
        KubeError::Forbidden { .. } => hint(
            failure,
            "the kubeconfig has to be the administrator's (`nix8s kubeconfig` fetches it), and no admission policy of the cluster in the way",
        ),
        KubeError::Unreachable
        | KubeError::NotReached { .. }
        | KubeError::NotFound { .. }
        | KubeError::Refused { .. } => failure,
    }
}

/// A command that ran and failed: its last lines, and what is known about such lines.
pub fn from_output(doing: &str, command: &Command, output: &Output) -> Failure {
    let failure = unknown_output(doing, output);
    match known(command, output) {
        Some(known) => Failure { class: known.class, ..hint(failure, known.hint) },
        None => failure,
    }
}

/// A command that ran and failed with a status of its own: its last lines.
pub fn unknown_output(doing: &str, output: &Output) -> Failure {
    let tail = last_lines(&output.stderr);
    let message = match tail.as_str() {
        "" => format!("{doing}: exit code {}", output.status),
        tail => format!("{doing}: exit code {}: {tail}", output.status),
    };
    transient(message)
}

/// Runs a command that must succeed.
///
/// # Errors
/// When it did not.
pub async fn run(world: &World, doing: &str, command: &Command) -> Result<Output, Failure> {
    match world.exec(command).await {
        Ok(output) if output.status == 0 => Ok(output),
        Ok(output) => Err(from_output(doing, command, &output)),
        Err(error) => Err(no_answer(doing, &error)),
    }
}

/// The last lines of what a program complained about, as one line of bounded length.
pub fn last_lines(stderr: &str) -> String {
    const LINES: usize = 5;
    const CHARS: usize = 600;
    let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let tail = lines[lines.len().saturating_sub(LINES)..].join("; ");
    let skip = tail.chars().count().saturating_sub(CHARS);
    tail.chars().skip(skip).collect()
}
