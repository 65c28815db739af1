# A small system, as nixpkgs has it: no manuals, no default packages, nothing for screens.
{ modulesPath, ... }:
{
  imports = [ "${modulesPath}/profiles/minimal.nix" ];
}
