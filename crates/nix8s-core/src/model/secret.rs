//! `secrets` of a cluster: where they are and who can read them.

use serde::Serialize;

use super::ClusterName;
use crate::secret::Redacted;

/// `secrets`.
#[derive(Debug, Clone, Serialize)]
pub struct SecretSettings {
    /// What encrypts the file, or where secrets come from instead. age.
    pub provider: SecretProvider,
    /// The encrypted file, relative to the folder of the configuration. secrets/CLUSTER.yaml.
    pub file: String,
    /// Who can decrypt it; none: what `.sops.yaml` says.
    pub recipients: Vec<String>,
    /// The server token, when it stands in the configuration, which is a warning.
    pub token: Option<Redacted>,
    /// The same for the agent token.
    pub agent_token: Option<Redacted>,
    /// A public key that may log in besides the deploy key.
    pub ssh_pub_key: Option<String>,
}

impl SecretSettings {
    /// What holds when nothing is said.
    pub fn of(cluster: &ClusterName) -> Self {
        Self {
            provider: SecretProvider::Age,
            file: format!("secrets/{cluster}.yaml"),
            recipients: Vec::new(),
            token: None,
            agent_token: None,
            ssh_pub_key: None,
        }
    }
}

/// `secrets.provider`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretProvider {
    /// One file, encrypted as a whole in the format of age.
    Age,
    /// One file in the format of sops, read and written by sops.
    Sops,
    /// Variables of the environment, which are read and never written.
    Env,
    /// Machines decrypt their own: carried out by a later version.
    SopsNix,
    /// The same, with agenix.
    Agenix,
}

impl SecretProvider {
    /// The name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Sops => "sops",
            Self::Env => "env",
            Self::SopsNix => "sops-nix",
            Self::Agenix => "agenix",
        }
    }
}
