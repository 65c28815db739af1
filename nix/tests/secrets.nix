# A fleet with a known value in every place that can hold a secret, and texts of its systems and images to search for it.
# crates/nix8s/tests/nix/secrets.rs does, and searches what the evaluation left in the store too.
{
  lib,
  ours,
  # The minor release of Kubernetes that there is for kubeadm.
  kubernetes,
  # The text that stands wherever a secret may stand, and a folder with files that hold it.
  secret,
  files,
  # Which of them are looked at.
  machines,
}:
let
  system = "/dev/disk/by-id/nvme-system";
  file = name: files + "/${name}";
  member = {
    inherit role;
    ip = "10.0.0.11";
    stateVersion = "24.11";
    install = {
      disk = system;
      encryption = {
        enable = true;
        keyFile = file "key-of-disks";
      };
    };
    ssh.keyFile = file "key-of-deployer";
    terraform.password = secret;
    x-rack.password = secret;
    scripts.note.text = "echo ${secret}";
    extensions.x-licence.key = secret;
  };
  role = "control-plane";
  cluster = {
    domain = "k8s.example.com";
    secrets = {
      token = secret;
      agentToken = secret;
      x-vault = secret;
      encryptionAtRest = true;
    };
    ha.vip = "10.0.0.5";
    etcd.snapshot = {
      interval = "6h";
      s3 = {
        bucket = "snapshots";
        accessKey = secret;
        secretKey = secret;
      };
    };
    helm.charts.app = {
      chart = "oci://ghcr.io/example/app";
      values.password = secret;
    };
    scripts.note = {
      when = "post-join";
      text = "echo ${secret}";
    };
    gates.http = [ { url = "https://user:${secret}@example.com/"; } ];
    x-notes = secret;
    members = {
      first = member // {
        extensions.gpu.enable = true;
      };
      worker = member // {
        role = "worker";
        ip = "10.0.0.21";
      };
    };
  };
  document = {
    clusters = {
      keepalived = cluster;
      haproxy = cluster // {
        ha = cluster.ha // {
          mode = "haproxy";
        };
      };
      kubeadm =
        removeAttrs cluster [
          "etcd"
          "secrets"
        ]
        // {
          distribution = "kubeadm";
          cozystack.enable = true;
          etcd.snapshot.interval = "6h";
          secrets = removeAttrs cluster.secrets [ "encryptionAtRest" ];
        };
      # Where somebody puts it into the system themselves, it is found.
      planted = cluster // {
        members.first = member // {
          nixos.environment.etc.planted.text = secret;
        };
      };
    };
    users.alice = {
      sudo = "password";
      hashedPasswordFile = file "password-of-alice";
    };
    provisioning = {
      nixos-anywhere.ssh.keyFile = file "key-of-deployer";
      terraform = {
        backend.password = secret;
        defaults.password = secret;
      };
    };
    bootstrap.activationScripts.note.text = "echo ${secret}";
    x-all = secret;
  };
  outputs =
    (ours.fromDocument (
      document
      // {
        clusters = lib.mapAttrs (
          _: cluster:
          cluster
          // {
            version = if cluster.distribution or "k3s" == "kubeadm" then kubernetes else "1.32";
            provisioner = "nixos-anywhere";
          }
        ) document.clusters;
      }
    ) { }).nixosConfigurations;

  # Texts that need not be in the closure of the system where packages are never built.
  texts =
    config:
    lib.mapAttrsToList (_: unit: toString (unit.text or "")) config.systemd.units
    ++ lib.concatLists (
      lib.mapAttrsToList (_: file: [
        (toString file.text)
        (toString file.source)
      ]) config.environment.etc
    )
    ++ lib.mapAttrsToList (_: script: toString (script.text or script)) config.system.activationScripts
    ++ lib.mapAttrsToList (
      _: user:
      builtins.toJSON {
        inherit (user) extraGroups hashedPasswordFile openssh;
      }
    ) config.users.users
    ++ [
      (builtins.toJSON config.boot.kernelParams)
      (builtins.toJSON config.nix8s.system)
      config.boot.extraModprobeConfig
    ];

  of = configuration: {
    # All that nix has to make for these is in the store as derivations then.
    made = map (what: configuration.config.system.build.${what}.drvPath or null) [
      "toplevel"
      "diskoScript"
      "isoImage"
      "netbootRamdisk"
    ];
    texts = map builtins.unsafeDiscardStringContext (texts configuration.config);
  };
in
lib.mapAttrs (_: of) (lib.getAttrs machines outputs)
