# No address that moves: machines join by the first control plane.
{
  imports = [ ./own-port.nix ];
}
