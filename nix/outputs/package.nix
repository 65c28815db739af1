# The program. `forMachines`: linked statically, as machines are given it, which have no library at the path of ours. Not with musl: nixpkgs
# would have to build a compiler first (NixOS/nixpkgs#207435), and what runs on machines looks up no names, which a static glibc cannot.
{
  rustPlatform,
  lib,
  stdenv,
  glibc,
  forMachines ? false,
  # Those for machines, one for each architecture; without the one for theirs nothing can be put on NixOS.
  onMachines ? [ ],
}:
let
  root = ../..;
  inherit ((lib.importTOML (root + "/Cargo.toml")).workspace.package) version;
  target = "CARGO_TARGET_${stdenv.hostPlatform.rust.cargoEnvVarTarget}_RUSTFLAGS";
in
rustPlatform.buildRustPackage {
  pname = if forMachines then "nix8s-on-machines" else "nix8s";
  inherit version;
  buildInputs = lib.optional forMachines glibc.static;
  env = lib.optionalAttrs forMachines { ${target} = "-C target-feature=+crt-static"; };
  # Where the program looks for them.
  postInstall = lib.concatMapStrings (program: ''
    install -D ${lib.getExe program} \
      $out/libexec/nix8s/nix8s-${program.stdenv.hostPlatform.uname.processor}-linux
  '') onMachines;
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
