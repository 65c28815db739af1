# Turns a value into one that `nix eval --json` prints without copying any path into the store.
# Modules are called with arguments that fail when they are looked at, so that what is written out can be read and
# what depends on other things is marked.
value:
let
  mark = what: { _nix8s = what; };
  stub = name: throw "nix8s: ${name} is not known here";
  usual = [ "config" "lib" "pkgs" "options" "modulesPath" "name" "nodes" "inputs" "self" "specialArgs" ];
  # A machine's function is told the machine's name, which is the key that it stands under.
  arguments = key: function:
    let
      named = builtins.functionArgs function;
      given = argument: if argument == "name" && key != null then key else stub argument;
    in
    if named == { } then builtins.listToAttrs (map (name: { inherit name; value = given name; }) usual)
    else builtins.mapAttrs (argument: _: given argument) named;
  attempt = value: builtins.tryEval value;
  plain = depth: key: value:
    let
      forced = attempt value;
      kind = builtins.typeOf forced.value;
      called = attempt (forced.value (arguments key forced.value));
    in
    if !forced.success then mark "a value that depends on other settings"
    else if depth > 60 then mark "a value without end"
    else if kind == "path" then toString forced.value
    else if kind == "lambda" then
      if called.success && builtins.isAttrs called.value then plain (depth + 1) null called.value else mark "a function"
    else if kind == "set" then
      if forced.value ? type && (attempt (forced.value.type == "derivation")).value == true then
        mark "the package ${builtins.unsafeDiscardStringContext (forced.value.name or "without name")}"
      else if forced.value ? _type then mark "a value of the Nix module system"
      # A hive names a whole package set there: looking into it would evaluate all of it.
      else if depth == 1 && (key == "meta" || key == "network") then
        builtins.mapAttrs (key: value: if key == "nixpkgs" || key == "nodeNixpkgs" then mark "a set of packages"
          else plain (depth + 1) key value) forced.value
      else builtins.mapAttrs (key: plain (depth + 1) key) forced.value
    else if kind == "list" then map (plain (depth + 1) null) forced.value
    else if kind == "string" then builtins.unsafeDiscardStringContext forced.value
    else forced.value;
in
plain 0 null value
