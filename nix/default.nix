# flakeModules.default: the options and what is made of them. Each part is a flake module of its own.
{ nix8sLib }:
rec {
  options = ./options;
  outputs = import ./outputs { inherit nix8sLib; };
  default = {
    imports = [
      options
      outputs
    ];
  };
}
