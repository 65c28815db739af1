# The program.
{ rustPlatform, lib }:
let
  root = ../..;
  inherit ((lib.importTOML (root + "/Cargo.toml")).workspace.package) version;
in
rustPlatform.buildRustPackage {
  pname = "nix8s";
  inherit version;
  # Our own Nix files are in the program.
  src = lib.fileset.toSource {
    inherit root;
    fileset = lib.fileset.unions [
      (root + "/Cargo.toml")
      (root + "/Cargo.lock")
      (root + "/crates")
      (root + "/xtask")
      (root + "/nix")
      (root + "/templates")
      (root + "/examples")
      (root + "/docs")
    ];
  };
  cargoLock.lockFile = root + "/Cargo.lock";
  cargoBuildFlags = [
    "--package"
    "nix8s"
  ];
  # `make test` runs them: they want a network namespace, a systemd and an API server, and a build has none.
  doCheck = false;
  meta = {
    description = "From bare metal to a Ready Kubernetes cluster on NixOS, from one declaration";
    mainProgram = "nix8s";
    license = lib.licenses.asl20;
    platforms = lib.platforms.linux;
  };
}
