//! ssh-agent and ssh-add (ssh-agent(1), ssh-add(1)): keys that programs use without seeing them.

use super::Command;
use super::SHORT;
use crate::secret::Redacted;

/// Starts an agent that lives as long as its stdin is open, and prints its process id.
///
/// The agent ends by itself when the program that it was given has ended, whatever became of us: `cat` ends when nobody
/// is left who could write to it. A signal at the parent's death would not do: on Debian the agent is set-group-id, and
/// the kernel forgets such a request then.
pub fn start(socket: &str) -> Vec<String> {
    ["ssh-agent", "-a", socket, "sh", "-c", "echo \"$SSH_AGENT_PID\"; exec cat"].map(str::to_owned).to_vec()
}

/// Gives a key to an agent, by stdin.
pub fn add(socket: &str, key: Redacted) -> Command {
    let socket = format!("SSH_AUTH_SOCK={socket}");
    Command::here(["env", &socket, "ssh-add", "-q", "-"], SHORT).reading(key)
}
