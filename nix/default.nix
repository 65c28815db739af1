# The flake modules: `default` has all of them, and each part is one of its own.
{ nix8sLib, package }:
let
  modules = {
    # The document as options.
    core = ./options;
    # NixOS configurations, and what nix8s reads.
    outputs = import ./outputs { inherit nix8sLib; };
    # The program, apps, a shell.
    tools = import ./outputs/tools.nix { inherit nix8sLib package; };
    # For which computers there are tools; a flake may say so itself.
    systems =
      { lib, ... }:
      {
        systems = lib.mkDefault [
          "x86_64-linux"
          "aarch64-linux"
        ];
      };
  };
  parts = builtins.attrValues modules;
  # Parts of v0.6 whose work the program does now, from the same document.
  older = builtins.listToAttrs (
    map
      (name: {
        inherit name;
        value.imports = [
          modules.core
          modules.tools
        ];
      })
      [
        "pxe"
        "helm"
        "manifests"
        "upgrade"
        "cozystack"
        "devshell"
        "gen-secrets"
        "fetch-kubeconfig"
      ]
  );
in
modules // older // { default.imports = parts; }
