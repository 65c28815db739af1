# Systems that are started to install others, by name. `installer` and `iso` are one machine's, in place of its own system (beside
# nix/nixos); `discovery` is for machines that nobody knows yet, and stands alone.
#
# Handed to them as `_module.args`, each null unless said:
#   nix8sPackage   nix8s itself, which says there what the machine is made of
#   nix8sTarget    the configuration that is installed: it travels along, so that no network is needed
#   nix8sKeys      further SSH public keys that let in
{
  discovery = ./discovery.nix;
  installer = ./installer.nix;
  iso = ./iso.nix;
}
