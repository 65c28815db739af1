# Durations of the document (6h, 1h30m, 90s) as what timers take.
{ lib }:
let
  units = {
    h = 3600;
    m = 60;
    s = 1;
  };
  seconds =
    text:
    let
      parts = builtins.filter builtins.isList (builtins.split "([0-9]+)([hms])" text);
    in
    lib.foldl' (
      sum: part: sum + lib.toIntBase10 (builtins.elemAt part 0) * units.${builtins.elemAt part 1}
    ) 0 parts;
in
{
  inherit seconds;

  # Null: there is no such expression.
  cron =
    text:
    let
      all = seconds text;
      minutes = all / 60;
      hours = all / 3600;
      divides = part: whole: part > 0 && whole / part * part == whole;
    in
    if divides 60 all && minutes < 60 && divides minutes 60 then
      "*/${toString minutes} * * * *"
    else if divides 3600 all && hours < 24 && divides hours 24 then
      "0 */${toString hours} * * *"
    else if all == 86400 then
      "0 0 * * *"
    else
      null;
}
