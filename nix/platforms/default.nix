# What platforms on top of Kubernetes need of the machines. They are installed by way of the API, and not from here.
{
  imports = [
    ./cozystack.nix
    ./metallb.nix
  ];
}
