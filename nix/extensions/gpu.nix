# Drivers for a GPU, and how containers come to it.
{
  lib,
  config,
  options,
  pkgs,
  cluster,
  node,
  ...
}:
let
  inherit (lib) mkDefault mkIf mkMerge;
  cfg = config.nix8s.extensions.gpu;
  path = "clusters.${node.cluster}.members.${node.member}.extensions.gpu";
  isNvidia = cfg.enable && cfg.vendor == "nvidia";
  inContainers = isNvidia && cfg.containerRuntime && node.role != "none";

  # A package with outputs has it in one of them.
  toolkit = config.hardware.nvidia-container-toolkit.package or pkgs.nvidia-container-toolkit;
  runtime = "${lib.getOutput "tools" toolkit}/bin/nvidia-container-runtime.cdi";
  template = ''
    {{ template "base" . }}

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.nvidia]
      runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.nvidia.options]
      BinaryName = "${runtime}"
      SystemdCgroup = true
  '';
in
mkMerge [
  (mkIf isNvidia {
    hardware = {
      graphics.enable = mkDefault true;
      nvidia = {
        # For Turing and later; older ones need `hardware.nvidia.open: false` under nixos.
        open = lib.mkOverride 900 true;
        package = mkDefault config.boot.kernelPackages.nvidiaPackages.${cfg.package};
        modesetting.enable = mkDefault true;
        # Without a screen nobody else keeps the driver loaded.
        nvidiaPersistenced = mkDefault true;
      };
    };
    # So the driver is chosen, also where there is no X server.
    services.xserver.videoDrivers = [ "nvidia" ];

    # Where somebody else made the package set, they say what may be in it.
    nixpkgs.config = mkIf (!options.nixpkgs.pkgs.isDefined) {
      allowUnfreePredicate = mkDefault (
        package:
        let
          name = lib.getName package;
        in
        lib.any (word: lib.hasInfix word name) [
          "nvidia"
          "cuda"
        ]
      );
    };
  })

  (mkIf inContainers {
    hardware.nvidia-container-toolkit.enable = mkDefault true;
    environment.systemPackages = [ toolkit ];
  })

  # k3s comes with the RuntimeClass `nvidia`, and this is what it means.
  (mkIf (inContainers && cluster.distribution == "k3s") (
    if options.services.k3s ? containerdConfigTemplate then
      { services.k3s.containerdConfigTemplate = mkDefault template; }
    else
      {
        systemd.tmpfiles.settings.nix8s-gpu."/var/lib/rancher/k3s/agent/etc/containerd/config.toml.tmpl"."L+".argument =
          toString (pkgs.writeText "config.toml.tmpl" template);
      }
  ))

  (mkIf (inContainers && cluster.distribution == "kubeadm") {
    virtualisation.containerd.settings.plugins."io.containerd.grpc.v1.cri".containerd.runtimes.nvidia =
      {
        runtime_type = "io.containerd.runc.v2";
        options = {
          BinaryName = runtime;
          SystemdCgroup = true;
        };
      };
  })

  (mkIf (cfg.enable && cfg.vendor == "amd") {
    # The driver is in the kernel; device plugins hand /dev/kfd and /dev/dri to containers, without a runtime of their own.
    boot.kernelModules = [ "amdgpu" ];
    hardware.graphics.enable = mkDefault true;
    assertions = [
      {
        assertion = cfg.package == "stable";
        message = "${path}.package: AMD's driver is in the kernel, and there is one. Remove it";
      }
    ];
  })
]
