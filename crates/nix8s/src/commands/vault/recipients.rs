//! To whom a file is encrypted: what the configuration says, else `.sops.yaml`, else whoever makes it.

use nix8s_core::model::SecretProvider;
use nix8s_core::tool::sops_yaml;
use nix8s_core::tool::sops_yaml::Unusable;

use super::Vault;
use crate::error::CliError;
use crate::error::Exit;

/// The recipients of a vault, with `own` those of the identity that is here.
pub fn of(vault: &Vault, own: &[String]) -> Result<Vec<String>, CliError> {
    let given = &vault.cluster.secrets.recipients;
    let is_sops = vault.provider() == SecretProvider::Sops;
    let all = if given.is_empty() { from_sops_yaml(vault, is_sops)? } else { Some(given.clone()) };
    let Some(all) = all else {
        if own.is_empty() {
            let hint = "`nix8s init` makes an identity; or name recipients in `secrets.recipients`.";
            return Err(CliError::new(
                Exit::Configuration,
                "nobody says to whom the secrets are to be encrypted",
            )
            .hint(hint));
        }
        return Ok(own.to_vec());
    };
    // sops may decrypt with keys of other kinds, which nobody can tell from here.
    if !is_sops && !own.iter().any(|key| all.contains(key)) {
        let message = "you could not read the secrets: your recipient is not among those that are named";
        let hint = match own.first() {
            Some(own) => format!("Add {own} to `secrets.recipients`."),
            None => "Say where your age identity is with $SOPS_AGE_KEY_FILE, or let `nix8s init` make one."
                .to_owned(),
        };
        return Err(CliError::new(Exit::Refused, message).hint(hint));
    }
    Ok(all)
}

fn from_sops_yaml(vault: &Vault, is_sops: bool) -> Result<Option<Vec<String>>, CliError> {
    let Some(path) = vault.sops_yaml() else { return Ok(None) };
    let text = std::fs::read_to_string(&path).map_err(|error| {
        CliError::new(Exit::Failed, format!("could not read {}", path.display())).because(error)
    })?;
    match sops_yaml::recipients(&text, &vault.shown) {
        Ok(all) => Ok(Some(all)),
        Err(_) if is_sops => Ok(Some(Vec::new())),
        Err(Unusable::NoRule) => Ok(None),
        Err(error) => {
            let hint = "Name recipients in `secrets.recipients`, or say `secrets.provider: sops`.";
            Err(CliError::new(Exit::Configuration, format!("{} cannot be used", path.display()))
                .because(error)
                .hint(hint))
        }
    }
}
