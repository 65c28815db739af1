//! Where a cluster's secrets are: an encrypted file in the project, the environment, or the configuration itself.

pub mod age;
mod env;
pub mod key;
mod recipients;
mod sops;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use nix8s_core::model::Cluster;
use nix8s_core::model::Machine;
use nix8s_core::model::MachineName;
use nix8s_core::model::SecretProvider;
use nix8s_core::observed::Secret;
use nix8s_core::secret::Kept;
use nix8s_core::secret::Publics;
use nix8s_core::secret::Redacted;
use nix8s_core::secret::Value;
use nix8s_core::secret::document;
use nix8s_core::secret::known_hosts;
use nix8s_engine::state::dir::Durability;
use nix8s_engine::state::dir::Kind;
use nix8s_engine::state::file;
use nix8s_engine::state::layout::KNOWN_HOSTS;

use crate::commands::Cx;
use crate::commands::identity;
use crate::commands::project;
use crate::commands::world;
use crate::error::CliError;
use crate::error::Exit;

/// The most that a secrets file may be: keys of some ten thousand machines.
const FILE_MAX: u64 = 16 << 20;

/// The place of a cluster's secrets.
pub struct Vault {
    cluster: Arc<Cluster>,
    /// The folder of the configuration.
    folder: PathBuf,
    /// The file, as people name it.
    pub shown: String,
    path: PathBuf,
    /// Where the age identity is, if there is one.
    identity: Option<PathBuf>,
    /// The state directory of the real cluster.
    state: PathBuf,
}

/// What a vault holds.
pub struct Held {
    /// What the file holds.
    pub kept: Kept,
    /// What stands elsewhere and counts more: in the configuration or the environment.
    pub fixed: BTreeMap<Secret, Redacted>,
    /// What encrypted the file; `None`: there is none.
    pub form: Option<SecretProvider>,
}

impl Held {
    /// All of it together.
    pub fn all(&self) -> Kept {
        let mut all = self.kept.clone();
        for (secret, text) in &self.fixed {
            all.values.insert(secret.clone(), Value { text: text.clone(), made: None, before: None });
        }
        all
    }
}

/// Nobody else changes the file as long as this is kept.
pub struct Lock {
    _folder: File,
}

/// The vault of a cluster.
pub fn open(cx: &Cx<'_>, cluster: &Arc<Cluster>) -> Result<Vault, CliError> {
    if cx.global.simulate {
        let message = "simulated machines have no secrets that are worth keeping";
        return Err(
            CliError::new(Exit::Usage, message).hint("Leave --simulate out to work on the real ones.")
        );
    }
    let settings = &cluster.secrets;
    match settings.provider {
        SecretProvider::Age | SecretProvider::Sops | SecretProvider::Env => {}
        SecretProvider::SopsNix | SecretProvider::Agenix => {
            let message = format!(
                "`secrets.provider: {}` comes with a later version of nix8s",
                settings.provider.as_str()
            );
            return Err(CliError::new(Exit::Program, message).hint("There are age, sops and env."));
        }
    }
    let folder = project::folder(cx).map_err(|error| {
        CliError::new(Exit::Failed, "could not tell the current directory").because(error)
    })?;
    Ok(Vault {
        path: folder.join(&settings.file),
        folder,
        shown: settings.file.clone(),
        identity: identity::there(),
        state: world::state_base(cx.global)?.join(Kind::Real.folder(&cluster.name)),
        cluster: Arc::clone(cluster),
    })
}

impl Vault {
    /// What encrypts the file when it is written, or where secrets come from instead.
    pub fn provider(&self) -> SecretProvider {
        self.cluster.secrets.provider
    }

    /// Everything that is there.
    pub fn read(&self) -> Result<Held, CliError> {
        let mut fixed = self.inline();
        if self.provider() == SecretProvider::Env {
            fixed.extend(env::read(&self.cluster)?);
            return Ok(Held { kept: Kept::default(), fixed, form: None });
        }
        let Some(text) = self.text()? else {
            return Ok(Held { kept: Kept::default(), fixed, form: None });
        };
        let (form, plain) = if age::is_encrypted(&text) {
            (SecretProvider::Age, age::decrypt(&text, self.identity.as_deref()))
        } else if nix8s_core::tool::sops::is_encrypted(&text) {
            (SecretProvider::Sops, sops::decrypt(&self.path, &self.places()))
        } else {
            let message = format!("{} is not encrypted, neither by age nor by sops", self.shown);
            let hint = "If there are secrets in it, they were open to everybody who has the file: move it away and let `nix8s secrets generate` make new ones.";
            return Err(CliError::new(Exit::Refused, message).hint(hint));
        };
        let plain = plain.map_err(|error| self.unreadable(error))?;
        let kept = document::read(&self.cluster.name, &plain).map_err(|wrong| self.misunderstood(&wrong))?;
        Ok(Held { kept, fixed, form: Some(form) })
    }

    /// Tokens that stand in the configuration.
    fn inline(&self) -> BTreeMap<Secret, Redacted> {
        let settings = &self.cluster.secrets;
        let all = [(Secret::Token, &settings.token), (Secret::AgentToken, &settings.agent_token)];
        all.into_iter().filter_map(|(secret, text)| Some((secret, text.clone()?))).collect()
    }

    fn text(&self) -> Result<Option<String>, CliError> {
        let failed = |error: io::Error| {
            CliError::new(Exit::Failed, format!("could not read {}", self.shown)).because(error)
        };
        match std::fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
            Ok(found) if !found.is_file() || found.len() > FILE_MAX => {
                return Err(CliError::new(Exit::Failed, format!("{} is no file of secrets", self.shown)));
            }
            Ok(_) => {}
        }
        std::fs::read_to_string(&self.path).map(Some).map_err(failed)
    }

    fn unreadable(&self, error: CliError) -> CliError {
        let message = format!("could not decrypt {}: {}", self.shown, error.message);
        CliError { message, ..error }
    }

    /// Says what is wrong with the document by its lines.
    pub fn misunderstood(&self, wrong: &[document::Wrong]) -> CliError {
        let said = wrong.iter().map(ToString::to_string).collect();
        let message = format!("what {} holds cannot be used", self.shown);
        CliError::new(Exit::Configuration, message).said(said)
    }

    /// The public halves of all keys, which also says that they are keys.
    pub fn publics(&self, kept: &Kept) -> Result<Publics, CliError> {
        kept.publics(key::public).map_err(|(secret, why)| {
            let message = format!("{secret} in {} is no key that nix8s can use: {why}", self.shown);
            CliError::new(Exit::Configuration, message)
        })
    }

    /// Keeps others from changing the file; waits for those who do.
    pub fn lock(&self) -> Result<Lock, CliError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        file::hold(folder).map(|folder| Lock { _folder: folder }).map_err(|error| self.unwritten(error))
    }

    fn unwritten(&self, error: io::Error) -> CliError {
        CliError::new(Exit::Failed, format!("could not write {}", self.shown)).because(error)
    }

    /// To whom the file is encrypted when it is written now.
    pub fn recipients(&self) -> Result<Vec<String>, CliError> {
        let own = self.identity.as_deref().map(age::own_recipients).transpose()?.unwrap_or_default();
        recipients::of(self, &own)
    }

    /// Encrypts and writes, whole or not at all; where a key of ours is known, the new one is too.
    pub fn write(&self, kept: &Kept, _lock: &Lock) -> Result<Kept, CliError> {
        let kept = Kept { recipients: self.recipients()?, ..kept.clone() };
        let publics = self.publics(&kept)?;
        let plain = document::write(&self.cluster.name, &kept);
        let text = match self.provider() {
            SecretProvider::Age => age::encrypt(&plain, &kept.recipients)?,
            SecretProvider::Sops => {
                // What `.sops.yaml` says is for sops to read: it may name keys of other kinds.
                let given = if self.sops_yaml().is_some() && self.cluster.secrets.recipients.is_empty() {
                    &[][..]
                } else {
                    &kept.recipients
                };
                sops::encrypt(&self.path, &self.places(), given, &plain)?
            }
            SecretProvider::Env | SecretProvider::SopsNix | SecretProvider::Agenix => {
                return Err(self.read_only());
            }
        };
        // A link stays one.
        let path = std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        file::replace(&[(path, text.as_bytes())], Durability::Fsync)
            .map_err(|error| self.unwritten(error))?;
        self.know_hosts(&publics, None)?;
        Ok(kept)
    }

    /// The refusal to change what only stands in the environment.
    pub fn read_only(&self) -> CliError {
        let message = "secrets come from the environment, where nix8s does not change them";
        CliError::new(Exit::Refused, message).hint("`secrets.provider: age` keeps them in a file.")
    }

    /// Whether secrets only come from the environment.
    pub fn is_read_only(&self) -> bool {
        self.provider() == SecretProvider::Env
    }

    /// The name of a variable, if secrets come from the environment.
    pub fn variable(&self, secret: &Secret) -> String {
        env::variable(&self.cluster.name, secret)
    }

    /// Host keys that are ours go where ssh looks for them: of the machine that is given its own now, and of those that
    /// have it. Machines that are installed side by side are each given theirs by a process of its own.
    pub fn know_hosts(&self, publics: &Publics, given: Option<&MachineName>) -> Result<(), CliError> {
        self.change_hosts(|existing| known_hosts::merge(existing, &self.cluster, publics, given))
    }

    /// What was accepted of a machine that shows its own key by now counts no more.
    pub fn settle(&self, machine: &Machine) -> Result<(), CliError> {
        self.change_hosts(|existing| known_hosts::settled(existing, machine))
    }

    fn change_hosts(&self, change: impl FnOnce(&str) -> String) -> Result<(), CliError> {
        let path = self.state.join(KNOWN_HOSTS);
        let _held = file::hold(&self.state).map_err(|error| {
            CliError::new(Exit::Failed, format!("could not lock {}", self.state.display())).because(error)
        })?;
        let existing = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(
                    CliError::new(Exit::Failed, format!("could not read {}", path.display())).because(error)
                );
            }
        };
        let text = change(&existing);
        if text == existing {
            return Ok(());
        }
        file::replace(&[(path.clone(), text.as_bytes())], Durability::Fsync).map_err(|error| {
            CliError::new(Exit::Failed, format!("could not write {}", path.display())).because(error)
        })
    }

    fn sops_yaml(&self) -> Option<PathBuf> {
        Some(self.folder.join(".sops.yaml")).filter(|path| path.is_file())
    }

    fn places(&self) -> nix8s_core::tool::sops::Places {
        nix8s_core::tool::sops::Places {
            identity: self.identity.as_ref().map(|path| path.display().to_string()),
            config: self.sops_yaml().map(|path| path.display().to_string()),
        }
    }
}

/// A new value.
pub fn make(secret: &Secret) -> Result<Redacted, CliError> {
    let made =
        if nix8s_core::secret::is_key(secret) { key::private(&secret.to_string()) } else { key::token() };
    made.map_err(|error| CliError::new(Exit::Failed, "the system gives no random numbers").because(error))
}

/// The present, in whole seconds.
pub fn now() -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second()).expect("the present is a time")
}
