# Apps under the names of the older designs: each is one line that calls the program. What they work on is the flake in the current
# folder.
{
  lib,
  pkgs,
  nix8s,
  fleet,
}:
let
  app = name: line: {
    type = "app";
    program = toString (
      pkgs.writeShellScript "nix8s-${name}" ''
        exec ${lib.getExe nix8s} ${line} "$@"
      ''
    );
    meta.description = "nix8s ${line}";
  };

  everywhere = {
    default = "apply";
    bootstrap = "apply";
    validate = "validate";
    dry-run = "plan";
    status = "status";
    kubeconfig = "kubeconfig";
    reset = "reset";
    node-delete = "node delete";
    node-rebuild = "node rebuild";
    gen-secrets = "secrets generate";
    # The folder of secrets is made with them.
    init-secrets = "secrets generate";
    fetch-kubeconfig = "kubeconfig";
  };

  ofCluster = name: {
    "kubeconfig-${name}" = "kubeconfig ${name}";
    "rebuild-${name}-all" = "node rebuild --cluster ${name} --all";
    "nixos-anywhere-${name}-all" = "apply ${name}";
    "pxe-server-${name}" = "pxe serve ${name}";
    "lima-up-${name}" = "lima up ${name}";
    "lima-down-${name}" = "lima down ${name}";
    "lima-status-${name}" = "lima status ${name}";
  };

  ofMachine =
    cluster: node:
    {
      "deploy-${node.name}" = "apply ${cluster} --node ${node.name}";
      "rebuild-${node.name}" = "node rebuild ${node.name}";
    }
    // lib.mapAttrs' (app: lib.nameValuePair "${app}-${cluster}-${node.member}") {
      # A machine that is installed stays as it is: erasing is asked for by name, with --erase.
      nixos-anywhere = "apply ${cluster} --node ${node.name}";
      rebuild = "node rebuild ${node.name}";
      ssh = "ssh ${node.name}";
    };
in
lib.mapAttrs app (
  everywhere
  // lib.concatMapAttrs (
    name: cluster: ofCluster name // lib.concatMapAttrs (_: ofMachine name) cluster.machines
  ) fleet.clusters
)
