# The container runtime, as the kubelet and pod networks want it.
{
  lib,
  cluster,
  ...
}:
let
  socket = "unix:///run/containerd/containerd.sock";
  # The one that kubeadm of that release expects; another one is fetched beside it.
  pause =
    if lib.versionAtLeast cluster.minor "1.36" then
      "3.10.2"
    else if lib.versionAtLeast cluster.minor "1.34" then
      "3.10.1"
    else if lib.versionAtLeast cluster.minor "1.31" then
      "3.10"
    else
      "3.9";
in
{
  imports = [ ../cni.nix ];

  virtualisation.containerd = {
    enable = true;
    settings.plugins."io.containerd.grpc.v1.cri" = {
      sandbox_image = lib.mkDefault "registry.k8s.io/pause:${pause}";
      containerd.runtimes.runc = {
        runtime_type = "io.containerd.runc.v2";
        # As the kubelet has them: two owners of cgroups let a machine run out of memory.
        options.SystemdCgroup = true;
      };
      # The module's own is a folder of the store, which nobody can write a plugin to.
      cni.bin_dir = lib.mkForce "/opt/cni/bin";
      cni.conf_dir = "/etc/cni/net.d";
    };
  };

  environment.etc."crictl.yaml".text = builtins.toJSON {
    runtime-endpoint = socket;
    image-endpoint = socket;
  };
}
