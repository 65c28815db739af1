# One machine's installer, started over the network: it has the machine's own network settings.
{
  imports = [ ./netboot.nix ];
}
