# What every machine of ours has, whatever it does.
{
  imports = [
    ../options/nixos.nix
    ./firewall.nix
    ./membership.nix
    ./system.nix
  ];
}
