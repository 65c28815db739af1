# Reads a folder in which each Nix file, and each folder with one, describes a machine.
path:
let
  root = /. + path;
  entries = builtins.readDir root;
  stem = file: builtins.replaceStrings [ ".nix" ] [ "" ] file;
  inside = name: builtins.filter (file: builtins.pathExists (root + "/${name}/${file}")) [
    "default.nix"
    "configuration.nix"
  ];
  machine = name:
    if entries.${name} == "directory" && inside name != [ ] then
      [ { name = name; value = { file = root + "/${name}/${builtins.head (inside name)}"; }; } ]
    else if entries.${name} == "regular" && stem name != name then
      [ { name = stem name; value = { file = root + "/${name}"; }; } ]
    else [ ];
in
builtins.mapAttrs (_: machine: { _file = machine.file; _value = import machine.file; })
  (builtins.listToAttrs (builtins.concatMap machine (builtins.attrNames entries)))
