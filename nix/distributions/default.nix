# What runs Kubernetes: one row for each distribution, by its name. Rows have the same attributes in the same order.
{
  k3s = import ./k3s.nix;
  kubeadm = import ./kubeadm.nix;
  k0s = import ./k0s.nix;
}
