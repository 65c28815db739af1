# A bond's options, which the document names as the kernel does (`miimon`, `lacp_rate`), as systemd-networkd names them.
{ lib }:
let
  as = name: {
    inherit name;
    value = lib.id;
  };
  time = unit: name: {
    inherit name;
    value = value: "${value}${unit}";
  };
  number = name: {
    inherit name;
    value = lib.toInt;
  };
  word = words: name: {
    inherit name;
    value = value: words.${value} or value;
  };
  flag = word {
    "0" = "no";
    "1" = "yes";
  };
  names = {
    ad_actor_sys_prio = number "AdActorSystemPriority";
    ad_select = as "AdSelect";
    ad_user_port_key = number "AdUserPortKey";
    all_slaves_active = flag "AllSlavesActive";
    arp_all_targets = as "ARPAllTargets";
    arp_interval = time "ms" "ARPIntervalSec";
    arp_ip_target = {
      name = "ARPIPTargets";
      value = lib.replaceStrings [ "," ] [ " " ];
    };
    arp_validate = as "ARPValidate";
    downdelay = time "ms" "DownDelaySec";
    fail_over_mac = as "FailOverMACPolicy";
    lacp_rate = word {
      "0" = "slow";
      "1" = "fast";
    } "LACPTransmitRate";
    lp_interval = time "s" "LearnPacketIntervalSec";
    miimon = time "ms" "MIIMonitorSec";
    min_links = number "MinLinks";
    num_grat_arp = number "GratuitousARP";
    num_unsol_na = number "GratuitousARP";
    packets_per_slave = number "PacketsPerSlave";
    primary_reselect = as "PrimaryReselectPolicy";
    resend_igmp = number "ResendIGMP";
    tlb_dynamic_lb = flag "DynamicTransmitLoadBalancing";
    updelay = time "ms" "UpDelaySec";
    xmit_hash_policy = as "TransmitHashPolicy";
  };
in
{
  known = builtins.attrNames names;

  config =
    bond:
    let
      options = bond.options or { };
    in
    # Otherwise a link that is lost is not noticed.
    lib.optionalAttrs (!(options ? arp_interval)) { MIIMonitorSec = "100ms"; }
    // lib.optionalAttrs ((bond.mode or null) != null) { Mode = bond.mode; }
    // lib.mapAttrs' (
      option: value: lib.nameValuePair names.${option}.name (names.${option}.value (toString value))
    ) (lib.filterAttrs (option: _: names ? ${option}) options);
}
