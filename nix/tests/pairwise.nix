# Cases in which every value of a factor meets every value of each other one, in as few cases as a greedy choice finds: `{ factor =
# [ values ]; }` to a list of `{ factor = value; }`. Values are texts.
{ lib }:
factors:
let
  names = builtins.attrNames factors;
  # A pair by its name; the factors are in order.
  key =
    one: two:
    if one.name < two.name then "${one.name}=${one.value}, ${two.name}=${two.value}" else key two one;
  chosen = lib.mapAttrsToList lib.nameValuePair;
  others = name: builtins.filter (other: other > name) names;

  pairs = lib.concatMap (
    one:
    lib.concatMap (
      two:
      lib.concatMap (
        a:
        map (b: [
          (lib.nameValuePair one a)
          (lib.nameValuePair two b)
        ]) factors.${two}
      ) factors.${one}
    ) (others one)
  ) names;
  keyOf = pair: key (builtins.elemAt pair 0) (builtins.elemAt pair 1);

  # How many pairs that are left a value would make with what is chosen.
  gain =
    left: case: choice:
    lib.count (other: left ? ${key choice other}) (chosen case);

  fill =
    left: case: name:
    let
      best = builtins.foldl' (
        best: value:
        let
          points = gain left case (lib.nameValuePair name value);
        in
        if best == null || points > best.points then { inherit value points; } else best
      ) null factors.${name};
    in
    if case ? ${name} then case else case // { ${name} = best.value; };

  made =
    case:
    let
      all = chosen case;
    in
    lib.concatMap (one: map (key one) (builtins.filter (two: two.name > one.name) all)) all;

  # Begins with the first pair that is left.
  next =
    { cases, left }:
    if left == { } then
      cases
    else
      let
        case = builtins.foldl' (fill left) (builtins.listToAttrs (
          builtins.head (builtins.attrValues left)
        )) names;
      in
      next {
        cases = cases ++ [ case ];
        left = removeAttrs left (made case);
      };
in
next {
  cases = [ ];
  left = builtins.listToAttrs (map (pair: lib.nameValuePair (keyOf pair) pair) pairs);
}
