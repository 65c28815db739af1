# Swap is there as the layout has it, and nowhere else; it is refused where the kubelet would not start with it.
{
  config,
  cluster,
  node,
  ...
}:
let
  allowed =
    node.role == "none"
    || (import ../distributions).${cluster.distribution}.swapAllowed
    || config.nix8s.kubeadm.documents.KubeletConfiguration.failSwapOn or true == false;
in
{
  assertions = [
    {
      assertion = allowed || (config.swapDevices == [ ] && !config.zramSwap.enable);
      message = "clusters.${node.cluster}.members.${node.member}.install.swapSize: ${cluster.distribution}'s kubelet does not start with swap. Remove it, and what makes swap under nixos; or let the kubelet bear it, with clusters.${node.cluster}.${cluster.distribution}.config.KubeletConfiguration.failSwapOn: false";
    }
  ];
}
