# An argument of a unit's command line: what systemd would read as something else goes in quotes.
{ utils }:
argument:
if builtins.match "[-A-Za-z0-9@_./:=,+]+" argument != null then
  argument
else
  utils.escapeSystemdExecArg argument
