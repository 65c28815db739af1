//! An ssh-agent of our own: programs log in with the deploy key and never see it.

use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;

use nix8s_core::secret::Redacted;
use nix8s_core::tool::ssh_agent;
use rustix::process::Pid;
use rustix::process::Signal;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::BufReader;
use tokio::process::Child;

use super::Processes;
use super::private::Private;
use crate::port::Exec;

/// An agent, for as long as this is kept. If we are killed, it ends by itself within ten seconds.
#[derive(Debug)]
pub struct Agent {
    /// What the agent watches: it ends with this process, whose stdin we hold.
    child: Child,
    pid: Option<Pid>,
    socket: PathBuf,
    _private: Private,
}

/// Why there is no agent, or why it does not have a key.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The folder of its socket could not be made, or it could not be started.
    #[error("could not start ssh-agent")]
    Start(#[source] io::Error),
    /// It ended at once.
    #[error("ssh-agent did not start: {0}")]
    Ended(String),
    /// It refused a key.
    #[error("ssh-agent does not take the deploy key: {0}")]
    Refused(String),
}

impl Agent {
    /// Starts one that has these keys.
    ///
    /// # Errors
    /// When OpenSSH's ssh-agent or ssh-add is not there, or they say no.
    pub async fn start(keys: Vec<Redacted>) -> Result<Self, AgentError> {
        let private = Private::new().map_err(AgentError::Start)?;
        let socket = private.path().join("agent");
        let argv = ssh_agent::start(&socket.display().to_string());
        let mut child = tokio::process::Command::new(&argv[0])
            .args(&argv[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(AgentError::Start)?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).await.map_err(AgentError::Start)?;
        }
        let Some(pid) = line.trim().parse().ok().and_then(Pid::from_raw) else {
            let mut said = String::new();
            if let Some(mut stderr) = child.stderr.take() {
                stderr.read_to_string(&mut said).await.map_err(AgentError::Start)?;
            }
            return Err(AgentError::Ended(said.trim().to_owned()));
        };
        let agent = Self { child, pid: Some(pid), socket, _private: private };
        for key in keys {
            agent.add(key).await?;
        }
        Ok(agent)
    }

    async fn add(&self, key: Redacted) -> Result<(), AgentError> {
        let command = ssh_agent::add(&self.socket.display().to_string(), key);
        let folder = Processes::in_folder(".".into());
        let refused = |said: &str| AgentError::Refused(said.trim().to_owned());
        match tokio::time::timeout(command.timeout, folder.run(&command)).await {
            Ok(Ok(output)) if output.status == 0 => Ok(()),
            Ok(Ok(output)) => Err(refused(&output.stderr)),
            Ok(Err(error)) => Err(refused(&error.to_string())),
            Err(_) => Err(refused("it does not answer")),
        }
    }

    /// `SSH_AUTH_SOCK` for programs that shall log in with its keys.
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Its stdin is closed with the child; without the signal the agent would notice only after some seconds.
        if let Some(pid) = self.pid.take() {
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
        let _ = self.child.start_kill();
    }
}

#[cfg(test)]
mod tests {
    use nix8s_core::tool::Command;

    use super::*;

    fn is_there(program: &str) -> bool {
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .any(|dir| dir.join(program).exists())
    }

    async fn listed(socket: &Path) -> nix8s_core::tool::Output {
        let socket = format!("SSH_AUTH_SOCK={}", socket.display());
        let list = Command::here(["env", &socket, "ssh-add", "-L"], nix8s_core::tool::SHORT);
        Processes::in_folder(".".into()).run(&list).await.unwrap()
    }

    #[tokio::test]
    async fn an_agent_has_the_keys_and_is_gone_with_its_owner() {
        if !is_there("ssh-agent") || !is_there("ssh-add") {
            eprintln!("SKIPPED: OpenSSH's ssh-agent and ssh-add are not on the PATH");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path.to_str().unwrap()];
        Processes::in_folder(".".into()).run(&Command::here(argv, nix8s_core::tool::SHORT)).await.unwrap();
        let key = std::fs::read_to_string(&path).unwrap();
        let agent = Agent::start(vec![key.into()]).await.unwrap();
        let socket = agent.socket().to_owned();
        let output = listed(&socket).await;
        assert!(output.stdout.starts_with("ssh-ed25519 "), "{output:?}");
        let pid = agent.pid.unwrap();
        drop(agent);
        assert!(!socket.exists());
        assert_ne!(listed(&socket).await.status, 0);
        // The kernel takes it away at once, and may need a moment to say so.
        while is_alive(pid) {
            tokio::task::yield_now().await;
        }
        let refused = Agent::start(vec!["no key".into()]).await.unwrap_err();
        assert!(matches!(refused, AgentError::Refused(_)), "{refused}");
    }

    fn is_alive(pid: Pid) -> bool {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
    }
}
