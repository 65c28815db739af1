# The folders that pod networks install themselves into, with the reference plugins, of which every runtime needs one (loopback).
{ pkgs, ... }:
{
  systemd.tmpfiles.settings.nix8s = {
    "/opt/cni/bin".d.mode = "0755";
    "/etc/cni/net.d".d.mode = "0755";
  };

  # Copies, because in a pod that has this folder links to the store lead nowhere. Files of the store are of the first second of
  # 1970; so a plugin that a DaemonSet put here is told apart, and stays.
  systemd.services.nix8s-cni = {
    description = "Reference plugins for pod networks";
    wantedBy = [ "multi-user.target" ];
    before = [
      "containerd.service"
      "k3s.service"
    ];
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
}
