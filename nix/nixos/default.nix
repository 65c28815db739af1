# What every machine of ours has, whatever it does.
{
  imports = [
    ../options/nixos.nix
    ./base.nix
    ./boot.nix
    ./network.nix
    ./swap.nix
    ./system.nix
    ./users.nix
  ];
}
