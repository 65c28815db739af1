# The k3s unit: server or agent by role; it waits for the file that says whether it begins the cluster or joins it.
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
  isServer = node.role == "control-plane";
  roleFile = "/var/lib/nix8s/k3s.yaml";
  secrets = "/var/lib/nix8s/secrets";

  # Old minor releases stay in nixpkgs as names that throw.
  packages =
    let
      named = import ./packages.nix { inherit lib; } pkgs;
      works = name: (builtins.tryEval (lib.isDerivation pkgs.${name})).value;
    in
    map (name: pkgs.${name}) (builtins.filter works named);
  every = packages ++ [ pkgs.k3s ];
  package =
    if cluster.package != null then
      cluster.package
    else
      lib.findFirst (found: lib.versions.majorMinor found.version == cluster.minor) pkgs.k3s every;
  version = import ../version.nix { inherit lib; } {
    inherit cluster package;
    available = lib.naturalSort (lib.unique (map (found: lib.versions.majorMinor found.version) every));
  };

  registration = import ../registration.nix { inherit lib; } node;

  flags = import ./flags.nix { inherit lib; };
  argument = import ../argument.nix { inherit utils; };
  extraArgs = cluster.extraArgs.${node.role};
in
{
  imports = [
    ../host.nix
    ./settings.nix
    ./snapshots.nix
  ];

  services.k3s = {
    enable = true;
    inherit package;
    role = if isServer then "server" else "agent";
    tokenFile = "${secrets}/${if isServer then "token" else "agent-token"}";
    configPath = roleFile;
    extraFlags = map argument (flags.render isServer config.nix8s.k3s.settings ++ extraArgs);
    gracefulNodeShutdown = {
      enable = lib.mkDefault true;
      shutdownGracePeriod = lib.mkDefault "30s";
      shutdownGracePeriodCriticalPods = lib.mkDefault "10s";
    };
  };

  systemd.services.k3s = {
    unitConfig.ConditionPathExists = roleFile;
    # To join takes as long as fetching the datastore does; less than nix8s gives a switch (15 minutes).
    serviceConfig.TimeoutStartSec = lib.mkDefault "10min";
  };

  # It starts k3s when the file comes, and does nothing to one that runs. `PathExists` would start it again whenever somebody
  # stops it. By way of a unit that always runs: after one that is skipped a path unit may notice no further change.
  systemd.paths.nix8s-turn = {
    description = "This machine's turn to be in the cluster";
    wantedBy = [ "multi-user.target" ];
    pathConfig.PathChanged = roleFile;
  };
  systemd.services.nix8s-turn = {
    description = "Starts k3s when it is this machine's turn";
    serviceConfig.Type = "oneshot";
    script = ''
      if [ -e ${roleFile} ]; then systemctl --no-block start k3s.service; fi
    '';
  };

  # k3s reads this beside the role file. In flags, a changed label would restart it, for something that it never looks at again.
  environment.etc."nix8s/k3s-registration.yaml".text = builtins.toJSON {
    node-label = registration.labels;
    node-taint = registration.taints;
  };
  systemd.tmpfiles.settings.nix8s = {
    "${roleFile}.d".d.mode = "0755";
    "${roleFile}.d/registration.yaml"."L+".argument = "/etc/nix8s/k3s-registration.yaml";
  };

  nix8s.kubernetes.version = version.text;

  inherit (version) assertions warnings;
}
