# Says that k0s comes later. nixpkgs has neither a package nor a module for it, and nix8s does not plan its machines yet.
{ cluster, ... }:
{
  assertions = [
    {
      assertion = false;
      message = "clusters.${cluster.name}.distribution: this version of nix8s makes no systems with k0s; use k3s or kubeadm.";
    }
  ];
}
