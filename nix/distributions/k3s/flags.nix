# Settings of k3s, by the names in its configuration file, as flags; and which of them are not for the document to set.
{ lib }:
let
  # What an agent knows; a server knows all.
  agent = [
    "airgap-extra-registry"
    "alsologtostderr"
    "container-runtime-endpoint"
    "debug"
    "default-runtime"
    "disable-apiserver-lb"
    "disable-default-registry-endpoint"
    "flannel-cni-conf"
    "flannel-conf"
    "flannel-iface"
    "kube-proxy-arg"
    "kubelet-arg"
    "lb-server-port"
    "log"
    "node-external-dns"
    "node-external-ip"
    "node-internal-dns"
    "node-ip"
    "node-label"
    "node-name"
    "node-taint"
    "nonroot-devices"
    "pause-image"
    "prefer-bundled-bin"
    "private-registry"
    "protect-kernel-defaults"
    "resolv-conf"
    "selinux"
    "snapshotter"
    "v"
    "vmodule"
    "vpn-auth-file"
    "with-node-id"
  ];

  flag =
    name: value:
    let
      dashes = if builtins.stringLength name == 1 then "-" else "--";
    in
    if value == null || value == [ ] then
      [ ]
    else if builtins.isList value then
      lib.concatMap (flag name) (lib.unique value)
    else if value == true then
      [ "${dashes}${name}" ]
    else
      [ "${dashes}${name}=${if value == false then "false" else toString value}" ];
in
{
  render =
    isServer: settings:
    lib.concatLists (
      lib.mapAttrsToList flag (lib.filterAttrs (name: _: isServer || builtins.elem name agent) settings)
    );

  # Each with what is there instead.
  refused = {
    token = "nix8s makes the tokens and puts them on the machines; a flag would be in the Nix store";
    token-file = "nix8s makes the tokens and puts them on the machines";
    agent-token = "nix8s makes the tokens and puts them on the machines; a flag would be in the Nix store";
    agent-token-file = "nix8s makes the tokens and puts them on the machines";
    etcd-s3-access-key = "it would be in the Nix store; put it on the control planes in /var/lib/nix8s/secrets/etcd-s3.env";
    etcd-s3-secret-key = "it would be in the Nix store; put it on the control planes in /var/lib/nix8s/secrets/etcd-s3.env";
    vpn-auth = "it would be in the Nix store; name a file on the machines in vpn-auth-file";
    server = "nix8s says to each machine when and by whom it joins";
    cluster-init = "nix8s chooses the machine that begins the cluster";
    cluster-reset = "it would reset the cluster at every start";
    config = "nix8s gives the configuration file";
    data-dir = "nix8s looks for k3s's state in /var/lib/rancher/k3s";
    datastore-endpoint = "nix8s keeps members of k3s's own etcd";
    disable-etcd = "nix8s keeps members of k3s's own etcd";
    disable-agent = "nix8s waits for the Node of each control plane";
    https-listen-port = "machines join at port 6443";
    node-name = "Nodes have the names of their machines (members.*.name)";
    with-node-id = "Nodes have the names of their machines (members.*.name)";
    rootless = "the unit is the system's";
  };
}
