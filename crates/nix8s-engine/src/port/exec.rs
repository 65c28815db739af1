//! Runs commands, here or on a machine.

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use nix8s_core::tool::Command;
use nix8s_core::tool::Output;

/// Runs commands.
#[async_trait]
pub trait Exec: Send + Sync {
    /// Runs one command to its end. A command that ran and failed is an [`Output`] with its status; an error means
    /// that nobody knows whether or how it ran. Dropping the future stops the command as far as that is possible;
    /// `command.timeout` is kept by the caller.
    async fn run(&self, command: &Command) -> Result<Output, ExecError>;

    /// Runs one command to its end, or until `stop` is over: then it is asked to end and given a moment for it, and
    /// there is no answer.
    async fn run_until(
        &self,
        command: &Command,
        stop: BoxFuture<'_, ()>,
    ) -> Option<Result<Output, ExecError>> {
        tokio::select! {
            biased;
            result = self.run(command) => Some(result),
            () = stop => None,
        }
    }
}

/// Why there is no exit status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExecError {
    /// Nobody listens.
    #[error("connection refused")]
    Refused,
    /// Silence.
    #[error("no answer")]
    TimedOut,
    /// The machine shows another host key.
    #[error("the machine shows another host key: {fingerprint}")]
    WrongKey {
        /// What it showed, as `SHA256:…`.
        fingerprint: String,
    },
    /// Nobody knows which host key the machine should show.
    #[error("nobody knows its SSH host key yet: it shows {fingerprint}")]
    UnknownKey {
        /// What it showed, as `SHA256:…`.
        fingerprint: String,
    },
    /// It does not let us in.
    #[error("the machine does not let us in: {said}")]
    Denied {
        /// What it says.
        said: String,
    },
    /// The connection broke while the command ran: it may have done everything, part or nothing.
    #[error("the connection broke before the answer came")]
    Lost,
    /// The machine's address is not known yet.
    #[error("the machine's address is not known")]
    NoAddress,
    /// The program is not installed.
    #[error("{program} is not installed")]
    Missing {
        /// Which.
        program: String,
    },
}
