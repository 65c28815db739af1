# Templates with all that they extend, and members with their templates: what Rust resolves the same way. One corpus
# (crates/nix8s-core/tests/resolve) pins both.
{ lib }:
let
  inherit (builtins)
    attrNames
    elem
    isAttrs
    isList
    isString
    ;

  # Keys of a member that say which machine it is, and are no settings of the machine.
  memberKeys = [
    "node"
    "ip"
    "provisioner"
    "name"
    "skip"
    "scripts"
    "role"
  ];

  # What maps are: not packages, and not values of the module system such as `mkForce`.
  isMap = value: isAttrs value && !(value ? _type) && !(lib.isDerivation value);

  withoutNulls =
    value:
    if isMap value then
      lib.mapAttrs (_: withoutNulls) (lib.filterAttrs (_: below: below != null) value)
    else
      value;

  # Lays one value over the one further up.
  lay =
    adds: above: below:
    if isMap above && isMap below then
      mergeMaps above below
    else if adds && isList above && isList below then
      above ++ builtins.filter (item: !(elem item above)) below
    else
      withoutNulls below;

  mergeMaps = layAll (_: false);

  layAll =
    adds: above: below:
    let
      gone = builtins.filter (key: below.${key} == null) (attrNames below);
      kept = removeAttrs below gone;
    in
    removeAttrs above gone
    // lib.mapAttrs (
      key: value: if above ? ${key} then lay (adds key) above.${key} value else withoutNulls value
    ) kept;

  # Settings of a machine over those from further up; `path` is where they stand.
  merge =
    path: above: below:
    let
      gives = key: (below.${key} or null) != null;
      custom = (below.install.profile or null) == "custom";
      dropped = [
        "extends"
      ]
      ++ lib.optional (gives "disko") "install"
      ++ lib.optional (gives "install" && !custom) "disko";
    in
    if gives "disko" && gives "install" && !custom then
      throw "${path}: install and disko are both given, and either lays out the disks; take one away, or write install.profile = \"custom\""
    else
      layAll (key: key == "profiles") (removeAttrs above dropped) (removeAttrs below [ "extends" ]);

  names = known: lib.concatStringsSep ", " (attrNames known);

  # A template with all that it extends; `from` are those that extend it.
  template =
    nodes: from: path: name:
    let
      own =
        nodes.${name}
          or (throw "${path}: there is no template \"${name}\" in nodes; there are: ${names nodes}");
      circle = lib.concatStringsSep " → " (from ++ [ name ]);
    in
    if elem name from then
      throw "nodes.${builtins.head from}.extends: the templates extend each other in a circle: ${circle}"
    else
      inline nodes (from ++ [ name ]) "nodes.${name}" own;

  # The same of a template that stands where its name could stand.
  inline =
    nodes: from: path: own:
    let
      parent = own.extends or null;
    in
    merge path (if parent == null then { } else template nodes from "${path}.extends" parent) own;
in
{
  inherit isMap;

  # The settings of a member; `path` is where it stands.
  member =
    nodes: path: member:
    let
      node = member.node or null;
      base =
        if node == null then
          { }
        else if isString node then
          template nodes [ ] "${path}.node" node
        else
          inline nodes [ ] "${path}.node" node;
      role =
        if (member.role or null) != null then
          member.role
        else
          base.role
            or (throw "${path}: no role is given, neither here nor in its template; write role: control-plane, worker or none");
    in
    merge path base (removeAttrs member memberKeys) // { inherit role; };
}
