//! What a run logs in with besides what OpenSSH finds: the deploy key, in an agent of our own, and the password that sudo wants.

use std::collections::BTreeSet;
use std::io;
use std::sync::Mutex;
use std::sync::PoisonError;

use nix8s_core::model::MachineName;
use nix8s_core::model::Ssh;
use nix8s_core::model::Sudo;
use nix8s_core::secret::Redacted;
use nix8s_core::tool::Command;
use nix8s_core::tool::secrets;
use nix8s_core::tool::ssh::SUDO_ASKS;
use nix8s_core::tool::ssh::SUDO_REFUSES;

use super::Processes;
use super::agent::Agent;
use crate::port::Exec;
use crate::port::ExecError;

/// What a run was given to log in with.
#[derive(Debug, Default)]
pub struct Given {
    /// What prints the keys to log in with ([`secrets::logins`]).
    pub keys: Option<Command>,
    /// The password for sudo, where that asks for one.
    pub password: Option<Redacted>,
}

/// What a run logs in with.
#[derive(Debug, Default)]
pub struct Login {
    given: Given,
    agent: tokio::sync::Mutex<Held>,
    /// Machines whose sudo did not take the password: it is not offered again and again, which locks accounts.
    refused: Mutex<BTreeSet<MachineName>>,
}

/// The deploy key, as far as it was asked for.
#[derive(Debug, Default)]
enum Held {
    /// Not yet, or it may have changed.
    #[default]
    Unasked,
    /// An agent has it.
    Agent(Box<Agent>),
    /// There is none, for this reason if there should be.
    Nothing(Option<String>),
}

impl Login {
    /// With what a run was given.
    pub fn new(given: Given) -> Self {
        Self { given, ..Self::default() }
    }

    /// Where the agent with the deploy key is reached; none: there is no such key.
    pub async fn socket(
        &self,
        here: &Processes,
        completed: impl FnOnce(&Command) -> io::Result<Command>,
    ) -> Option<String> {
        let command = self.given.keys.as_ref()?;
        let mut held = self.agent.lock().await;
        if let Held::Unasked = &*held {
            *held = match completed(command) {
                Ok(command) => load(here, &command).await,
                Err(error) => Held::Nothing(Some(error.to_string())),
            };
        }
        match &*held {
            Held::Agent(agent) => Some(agent.socket().display().to_string()),
            Held::Unasked | Held::Nothing(_) => None,
        }
    }

    /// Why the deploy key cannot be used, if that is so.
    pub async fn why_not(&self) -> Option<String> {
        match &*self.agent.lock().await {
            Held::Nothing(why) => why.clone(),
            Held::Unasked | Held::Agent(_) => None,
        }
    }

    /// Notes that a command which ran here may have made another deploy key.
    pub async fn noted(&self, command: &Command) {
        let [program, verb, what, ..] = command.argv.as_slice() else { return };
        if program == "nix8s" && verb == "secrets" && (what == "generate" || what == "rotate") {
            *self.agent.lock().await = Held::Unasked;
        }
    }

    /// What sudo on a machine is given.
    ///
    /// # Errors
    /// When it wants a password and there is none that it takes.
    pub fn password(&self, name: &MachineName, ssh: &Ssh) -> Result<Option<&str>, ExecError> {
        let denied = |said: &str| Err(ExecError::Denied { said: said.to_owned() });
        match ssh.sudo {
            Sudo::None | Sudo::Passwordless => Ok(None),
            Sudo::Password if self.refused.lock().unwrap_or_else(PoisonError::into_inner).contains(name) => {
                denied(SUDO_REFUSES)
            }
            Sudo::Password => match &self.given.password {
                Some(password) => Ok(Some(password.expose())),
                None => denied(SUDO_ASKS),
            },
        }
    }

    /// Notes that sudo on a machine did not let a command begin.
    pub fn refused(&self, name: &MachineName) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
    }
}

async fn load(here: &Processes, command: &Command) -> Held {
    let output = match tokio::time::timeout(command.timeout, here.run(command)).await {
        Ok(Ok(output)) if output.status == 0 => output,
        Ok(Ok(output)) => return Held::Nothing(Some(crate::execute::last_lines(&output.stderr))),
        Ok(Err(error)) => return Held::Nothing(Some(error.to_string())),
        Err(_) => return Held::Nothing(Some("reading the secrets takes too long".to_owned())),
    };
    let keys = match secrets::logins_printed(&output.stdout.into()) {
        Ok(keys) if keys.is_empty() => return Held::Nothing(None),
        Ok(keys) => keys,
        Err(error) => return Held::Nothing(Some(error.to_string())),
    };
    match Agent::start(keys).await {
        Ok(agent) => Held::Agent(Box::new(agent)),
        Err(error) => Held::Nothing(Some(error.to_string())),
    }
}
