# Something that is not ours holds the address: nothing runs here for it.
{
  imports = [ ./vip.nix ];
}
