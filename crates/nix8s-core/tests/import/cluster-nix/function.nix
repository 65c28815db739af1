# What the operator of that design wrote: a function, without an address for the API, with the token inside.
{ config, lib, ... }:
{
  name = "home";
  clusterToken = "not-a-real-token";
  controlPlane = [
    { name = "cp-01"; ip = "10.0.0.11"; }
  ];
  workers = [ ];
}
