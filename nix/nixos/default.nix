# What every machine of ours has, whatever it does.
{
  imports = [
    ../options/nixos.nix
    ./base.nix
    ./boot.nix
    ./firewall.nix
    ./membership.nix
    ./network.nix
    ./swap.nix
    ./system.nix
    ./users.nix
  ];
}
