# The container runtime, with the folders that DaemonSets of pod networks write to.
{
  lib,
  pkgs,
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

  systemd.tmpfiles.settings.nix8s = {
    "/opt/cni/bin".d.mode = "0755";
    "/etc/cni/net.d".d.mode = "0755";
  };

  # Copies, because in a pod that has this folder links to the store lead nowhere. Files of the store are of the first second of
  # 1970; so a plugin that a DaemonSet put here is told apart, and stays.
  systemd.services.nix8s-cni = {
    description = "Reference plugins for pod networks";
    wantedBy = [ "multi-user.target" ];
    before = [ "containerd.service" ];
    after = [ "systemd-tmpfiles-setup.service" ];
    serviceConfig.Type = "oneshot";
    script = ''
      mkdir -p /opt/cni/bin
      for plugin in ${pkgs.cni-plugins}/bin/*; do
        to=/opt/cni/bin/''${plugin##*/}
        if [ ! -e "$to" ] || [ "$(stat --format %Y "$to")" = 1 ]; then
          cp --dereference --preserve=timestamps "$plugin" "$to.next"
          chmod 0755 "$to.next"
          mv "$to.next" "$to"
        fi
      done
    '';
  };

  environment.etc."crictl.yaml".text = builtins.toJSON {
    runtime-endpoint = socket;
    image-endpoint = socket;
  };
}
