//! The names of secrets on the command line and in reports: `token`, `agent-token`, `deploy-key`, `host-key/NAME`.

use std::fmt;
use std::str::FromStr;

use crate::observed::Secret;

const HOST_KEY: &str = "host-key/";

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token => f.write_str("token"),
            Self::AgentToken => f.write_str("agent-token"),
            Self::DeployKey => f.write_str("deploy-key"),
            Self::HostKey(machine) => write!(f, "{HOST_KEY}{machine}"),
        }
    }
}

/// A text that names no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is none of token, agent-token, deploy-key, host-key/NAME")]
pub struct NoSecret;

impl FromStr for Secret {
    type Err = NoSecret;

    fn from_str(text: &str) -> Result<Self, NoSecret> {
        match text {
            "token" => Ok(Self::Token),
            "agent-token" => Ok(Self::AgentToken),
            "deploy-key" => Ok(Self::DeployKey),
            other => {
                let machine = other.strip_prefix(HOST_KEY).ok_or(NoSecret)?;
                Ok(Self::HostKey(machine.parse().map_err(|_| NoSecret)?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written() {
        for secret in
            [Secret::Token, Secret::AgentToken, Secret::DeployKey, Secret::HostKey("cp1".parse().unwrap())]
        {
            assert_eq!(secret.to_string().parse(), Ok(secret));
        }
        for wrong in ["", "tokens", "host-key", "host-key/", "host-key/../x"] {
            assert_eq!(wrong.parse::<Secret>(), Err(NoSecret), "{wrong}");
        }
    }
}
