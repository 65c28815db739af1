# Whether a package is the Kubernetes version that the document wants.
{ lib }:
{
  cluster,
  package,
  # Minor releases that the package set has; none is an error that lists them.
  available,
}:
let
  # 1.34.1 and v1.34.1 are one version.
  written = "v${lib.removePrefix "v" package.version}";
  path = "clusters.${cluster.name}.version";
  list = if available == [ ] then "none" else lib.concatStringsSep ", " available;
in
{
  text = written;
  assertions = [
    {
      assertion = lib.versions.majorMinor package.version == cluster.minor;
      message = "${path}: there is no package of ${cluster.distribution} ${cluster.minor} in this nixpkgs. There are: ${list}. Ask for one of these, or take the nixpkgs of another release.";
    }
  ];
  # Only versions with a patch level are compared; a minor release alone means any.
  warnings = lib.optional (
    lib.versions.majorMinor package.version == cluster.minor
    && cluster.version != cluster.minor
    && cluster.version != written
  ) "${path}: ${cluster.version} is asked for, and this nixpkgs has ${written}, which is what runs.";
}
