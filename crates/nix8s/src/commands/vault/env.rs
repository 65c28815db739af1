//! Secrets from variables of the environment, which somebody else keeps: read, and never written.

use std::collections::BTreeMap;

use nix8s_core::model::Cluster;
use nix8s_core::model::ClusterName;
use nix8s_core::observed::Secret;
use nix8s_core::secret::Redacted;
use nix8s_core::secret::document::token_problem;
use nix8s_core::secret::is_key;
use nix8s_core::secret::wanted;

use crate::error::CliError;
use crate::error::Exit;

/// The variable of a secret: `NIX8S_SECRET_PROD_TOKEN`, `NIX8S_SECRET_PROD_HOST_KEY_PROD_CP1`.
pub fn variable(cluster: &ClusterName, secret: &Secret) -> String {
    let name = format!("NIX8S_SECRET_{cluster}_{secret}");
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// Those that are set.
pub fn read(cluster: &Cluster) -> Result<BTreeMap<Secret, Redacted>, CliError> {
    let mut all = BTreeMap::new();
    for secret in wanted(cluster) {
        let name = variable(&cluster.name, &secret);
        let Some(value) = std::env::var_os(&name).filter(|value| !value.is_empty()) else { continue };
        let wrong = |why: &str| CliError::new(Exit::Configuration, format!("${name} {why}"));
        let text = value.into_string().map_err(|_| wrong("is no UTF-8"))?;
        let text = if is_key(&secret) && !text.ends_with('\n') { text + "\n" } else { text };
        let text = Redacted::new(text);
        if let Some(why) = (!is_key(&secret)).then(|| token_problem(text.expose())).flatten() {
            return Err(wrong(why));
        }
        all.insert(secret, text);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_named_after_the_cluster_and_the_secret() {
        let cluster = "prod-eu".parse().unwrap();
        let all = [Secret::AgentToken, Secret::HostKey("prod-eu-cp1".parse().unwrap())];
        let names = all.map(|secret| variable(&cluster, &secret));
        assert_eq!(names, ["NIX8S_SECRET_PROD_EU_AGENT_TOKEN", "NIX8S_SECRET_PROD_EU_HOST_KEY_PROD_EU_CP1"]);
    }
}
