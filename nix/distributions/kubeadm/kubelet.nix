# The kubelet, as kubeadm wants to find it. It runs once kubeadm has written its configuration.
#
# A switch does not restart it by itself: a kubelet must never be newer than the API server, and on a control plane that may be
# so until `kubeadm upgrade` has been there. So `nix8s-kubelet` restarts it, when a new one is in the system and may run.
{
  lib,
  config,
  pkgs,
  utils,
  cluster,
  node,
  ...
}:
let
  inherit (config.nix8s.kubeadm) package;
  apiServer = "/etc/kubernetes/manifests/kube-apiserver.yaml";
  started = "/run/nix8s/kubelet";
  minor = builtins.elemAt (lib.splitVersion package.version) 1;

  # kubeadm takes its settings when the machine joins, and never again. So that later ones count too, the kubelet reads these
  # over what kubeadm wrote. It follows no link to the folder, and older ones know no such folder.
  settings = pkgs.writeTextDir "nix8s.conf" config.nix8s.kubeadm.files."kubelet.json";
  readsSettings = lib.versionAtLeast package.version "1.30";

  command = lib.concatStringsSep " " (
    [
      "${package}/bin/kubelet"
      "$KUBELET_KUBECONFIG_ARGS"
      "$KUBELET_CONFIG_ARGS"
      # From kubeadm-flags.env.
      "$KUBELET_KUBEADM_ARGS"
    ]
    ++ lib.optional readsSettings "--config-dir=${settings}"
    ++ map (import ../argument.nix { inherit utils; }) cluster.extraArgs.${node.role}
  );
  # What tells this kubelet from the one that runs.
  mark = builtins.substring 0 16 (
    builtins.hashString "sha256" (builtins.unsafeDiscardStringContext command)
  );
in
{
  systemd.services.kubelet = {
    description = "Kubernetes' agent on this machine";
    documentation = [ "https://kubernetes.io/docs/" ];
    wantedBy = [ "multi-user.target" ];
    wants = [ "network-online.target" ];
    after = [
      "network-online.target"
      "containerd.service"
    ];
    unitConfig = {
      ConditionPathExists = "/var/lib/kubelet/config.yaml";
      StartLimitIntervalSec = 0;
    };
    restartIfChanged = false;
    path = [
      package
      pkgs.conntrack-tools
      pkgs.e2fsprogs
      pkgs.ethtool
      pkgs.iproute2
      pkgs.iptables
      pkgs.kmod
      pkgs.nftables
      pkgs.socat
      pkgs.thin-provisioning-tools
      pkgs.util-linux
      pkgs.xfsprogs
    ];
    environment = {
      KUBELET_KUBECONFIG_ARGS = "--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf";
      KUBELET_CONFIG_ARGS = "--config=/var/lib/kubelet/config.yaml";
    };
    preStart = ''
      install -d -m 0755 /run/nix8s
      echo ${mark} >${started}
    '';
    serviceConfig = {
      EnvironmentFile = "-/var/lib/kubelet/kubeadm-flags.env";
      ExecStart = command;
      Restart = "always";
      RestartSec = 10;
    };
  };

  systemd.services.nix8s-kubelet = {
    description = "A kubelet that is in the system and does not run yet";
    # At every switch, because then this target is started again.
    wantedBy = [ "multi-user.target" ];
    after = [ "kubelet.service" ];
    serviceConfig.Type = "oneshot";
    script = ''
      if ! systemctl --quiet is-active kubelet.service || [ "$(cat ${started})" = ${mark} ]; then exit 0; fi
      if [ -e ${apiServer} ]; then
        api=$(sed -n 's/.*kube-apiserver:v1\.\([0-9]*\)\..*/\1/p' ${apiServer})
        if [ -n "$api" ] && [ "$api" -lt ${minor} ]; then
          echo "the API server here is 1.$api: the kubelet 1.${minor} is started after kubeadm upgrade"
          exit 0
        fi
      fi
      systemctl --no-block restart kubelet.service
    '';
  };
  systemd.paths.nix8s-kubelet = lib.mkIf (node.role == "control-plane") {
    description = "Upgrades of the API server";
    wantedBy = [ "multi-user.target" ];
    pathConfig.PathChanged = apiServer;
  };
}
