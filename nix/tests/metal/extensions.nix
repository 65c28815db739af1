# Extensions do what they say, and nothing where nothing is said.
{ lib, t, ... }:
let
  first = checks: lib.findFirst (check: check != null) null checks;
  with' = extensions: { member = { inherit extensions; }; };
  disk = "/dev/disk/by-id/ata-other";
  drbd = with' {
    drbd = {
      enable = true;
      devices = [ disk ];
    };
  };
  gpu =
    more:
    with' {
      gpu = {
        enable = true;
      }
      // more;
    };
in
{
  "X-18: drbd is version 9, without a helper" =
    let
      config = t.config drbd;
    in
    first [
      (t.evaluates drbd)
      (t.contains (lib.concatMapStrings lib.getName config.boot.extraModulePackages) "drbd")
      (t.contains config.boot.extraModprobeConfig "options drbd usermode_helper=disabled")
      (t.holds "its modules" (
        lib.all (name: builtins.elem name config.boot.kernelModules) [
          "drbd"
          "drbd_transport_tcp"
        ]
      ))
      (t.equal config.services.drbd.enable false)
      (t.equal (builtins.attrNames config.disko.devices.disk) [ "main" ])
    ];
  "extensions/drbd beside another" = t.refuses (lib.recursiveUpdate drbd {
    member.nixos.services.drbd = {
      enable = true;
      config = "";
    };
  }) "nixos.services.drbd.enable: it is DRBD 8.4";

  "X-18: a GPU of NVIDIA, for containers of k3s" =
    let
      config = t.config (gpu {
        package = "beta";
      });
      template =
        config.services.k3s.containerdConfigTemplate
          or config.systemd.tmpfiles.settings.nix8s-gpu."/var/lib/rancher/k3s/agent/etc/containerd/config.toml.tmpl"."L+".argument;
    in
    first [
      (t.evaluates (gpu { }))
      (t.equal config.services.xserver.videoDrivers [ "nvidia" ])
      (t.equal config.hardware.nvidia.open true)
      (t.contains (lib.getName config.hardware.nvidia.package) "beta")
      (t.holds "containers are told of it" config.hardware.nvidia-container-toolkit.enable)
      (t.holds "k3s is told how they come to it" (template != ""))
      (t.equal config.services.xserver.enable false)
    ];
  "extensions/a GPU of NVIDIA, for containers of kubeadm" =
    let
      said = lib.recursiveUpdate (gpu { }) { cluster.distribution = "kubeadm"; };
      runtimes =
        (t.config said)
        .virtualisation.containerd.settings.plugins."io.containerd.grpc.v1.cri".containerd.runtimes;
    in
    first [
      (t.equal runtimes.nvidia.runtime_type "io.containerd.runc.v2")
      (t.contains runtimes.nvidia.options.BinaryName "nvidia-container-runtime.cdi")
    ];
  "extensions/a GPU of NVIDIA that containers do not see" =
    t.equal
      (t.config (gpu {
        containerRuntime = false;
      })).hardware.nvidia-container-toolkit.enable
      false;
  "extensions/the older word for a GPU of NVIDIA" =
    t.equal
      (t.config (with' {
        nvidia.enable = true;
      })).services.xserver.videoDrivers
      [ "nvidia" ];
  "extensions/an older GPU" =
    t.equal
      (t.config (lib.recursiveUpdate (gpu { }) { member.nixos.hardware.nvidia.open = false; }))
      .hardware.nvidia.open
      false;
  "extensions/a GPU of AMD" =
    let
      config = t.config (gpu {
        vendor = "amd";
      });
    in
    first [
      (t.evaluates (gpu {
        vendor = "amd";
      }))
      (t.holds "its module" (builtins.elem "amdgpu" config.boot.kernelModules))
      (t.equal config.hardware.nvidia-container-toolkit.enable false)
    ];
  "extensions/a driver that AMD has not" = t.refuses (gpu {
    vendor = "amd";
    package = "beta";
  }) "clusters.c.members.m.extensions.gpu.package: AMD's driver";

  "X-18: zfs" =
    let
      config = t.config (with' {
        zfs = {
          enable = true;
          hostId = "8425e349";
        };
      });
    in
    first [
      (t.holds "on" config.boot.zfs.enabled)
      (t.equal config.networking.hostId "8425e349")
      (t.equal config.services.zfs.autoScrub.enable true)
    ];
  "extensions/zfs, because the layout is" =
    t.holds "on"
      (t.config { member.install.profile = "zfs"; }).boot.zfs.enabled;
  "extensions/zfs, because LINSTOR's pools are" =
    t.holds "on"
      (t.config {
        member.extensions.linstor.disk = disk;
        cluster.linstor = {
          enable = true;
          storage.type = "zfs";
        };
      }).boot.zfs.enabled;

  "extensions/monitoring" =
    let
      config = t.config (with' {
        monitoring.enable = true;
      });
    in
    first [
      (t.equal config.services.prometheus.exporters.node.enable true)
      (t.holds "others may ask" (
        builtins.elem 9100 config.networking.firewall.allowedTCPPorts
        || lib.hasInfix "9100" config.networking.firewall.extraCommands
        || lib.hasInfix "9100" config.networking.firewall.extraInputRules
      ))
      (t.equal
        (t.config (with' {
          monitoring = {
            enable = true;
            nodeExporter = false;
          };
        })).services.prometheus.exporters.node.enable
        false
      )
    ];
  "extensions/storage" =
    let
      config = t.config (with' {
        storage.enable = true;
      });
    in
    first [
      (t.evaluates (with' {
        storage.enable = true;
      }))
      (t.equal config.services.openiscsi.enable true)
      (t.equal config.services.lvm.boot.thin.enable true)
      (t.holds "NFS" config.boot.supportedFilesystems.nfs)
      (t.holds "multipath" (builtins.elem "dm_multipath" config.boot.kernelModules))
    ];
  "extensions/linstor has tools for thin pools" =
    t.equal
      (t.config (with' {
        linstor.disk = disk;
      })).services.lvm.boot.thin.enable
      true;

  "extensions/nothing of it where nothing is said" =
    let
      config = t.config { };
    in
    first [
      (t.equal config.boot.extraModulePackages [ ])
      (t.equal config.boot.zfs.enabled false)
      (t.equal config.services.openiscsi.enable false)
      (t.equal config.services.prometheus.exporters.node.enable false)
      (t.holds "no NVIDIA" (!(builtins.elem "nvidia" config.services.xserver.videoDrivers)))
      (t.equal config.services.lvm.boot.thin.enable false)
    ];
  "extensions/a module has another word on them" =
    t.equal
      (t.config {
        member.nixosModules = [ { cozystack.extensions.monitoring.enable = true; } ];
      }).services.prometheus.exporters.node.enable
      true;

  "extensions/the list and the folder are one" =
    let
      folder = ../../extensions;
    in
    t.equal (map baseNameOf (import folder).imports) (
      builtins.filter (name: name != "default.nix") (builtins.attrNames (builtins.readDir folder))
    );
}
