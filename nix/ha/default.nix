# How the address of the API moves between control planes: one module for each mode, by its name.
{
  keepalived = ./keepalived.nix;
  kube-vip = ./kube-vip.nix;
  haproxy = ./haproxy.nix;
  external = ./external.nix;
  none = ./none.nix;
}
