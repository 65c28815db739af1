# kube-vip on the control planes: the machine that holds a lease in the API has the vip. A static pod for kubeadm, whose nodes
# speak to the API by way of the vip from the start; a DaemonSet for k3s, which comes up without.
{
  lib,
  config,
  pkgs,
  cluster,
  node,
  ...
}:
let
  interface = import ./interface.nix {
    inherit
      lib
      pkgs
      cluster
      node
      config
      ;
  };
  isV6 = cluster.ha.vip != null && lib.hasInfix ":" cluster.ha.vip;

  environment = {
    cp_enable = "true";
    cp_namespace = "kube-system";
    svc_enable = "false";
    vip_arp = "true";
    address = toString cluster.ha.vip;
    port = toString cluster.ha.port;
    vip_subnet = if isV6 then "128" else "32";
    vip_leaderelection = "true";
    vip_leasename = "plndr-cp-lock";
    # Kubernetes' own components take as long to give up a lease: a busy etcd does not move the vip.
    vip_leaseduration = "15";
    vip_renewdeadline = "10";
    vip_retryperiod = "2";
    prometheus_server = "127.0.0.1:2112";
  };
  variables = lib.mapAttrsToList (name: value: { inherit name value; });

  container = {
    name = "kube-vip";
    inherit (config.nix8s.kubeVip) image;
    imagePullPolicy = "IfNotPresent";
    args = [ "manager" ];
    securityContext.capabilities = {
      add = [
        "NET_ADMIN"
        "NET_RAW"
      ];
      drop = [ "ALL" ];
    };
  };

  account = {
    name = "kube-vip";
    namespace = "kube-system";
  };
  named =
    apiVersion: kind: name: rest:
    {
      inherit apiVersion kind;
      metadata = name;
    }
    // rest;
  role = "rbac.authorization.k8s.io";
  binding = kind: {
    roleRef = {
      apiGroup = role;
      inherit kind;
      name = "kube-vip";
    };
    subjects = [ (account // { kind = "ServiceAccount"; }) ];
  };
  selector.app = "kube-vip";
  objects = [
    (named "v1" "ServiceAccount" account { })
    (named "${role}/v1" "Role" account {
      rules = [
        {
          apiGroups = [ "coordination.k8s.io" ];
          resources = [ "leases" ];
          verbs = [
            "get"
            "list"
            "watch"
            "create"
            "update"
          ];
        }
      ];
    })
    (named "${role}/v1" "RoleBinding" account (binding "Role"))
    (named "${role}/v1" "ClusterRole" { name = "kube-vip"; } {
      rules = [
        {
          apiGroups = [ "" ];
          resources = [ "nodes" ];
          verbs = [
            "get"
            "list"
            "watch"
          ];
        }
      ];
    })
    (named "${role}/v1" "ClusterRoleBinding" { name = "kube-vip"; } (binding "ClusterRole"))
    (named "apps/v1" "DaemonSet" account {
      spec = {
        selector.matchLabels = selector;
        template = {
          metadata.labels = selector;
          spec = {
            serviceAccountName = "kube-vip";
            hostNetwork = true;
            nodeSelector."node-role.kubernetes.io/control-plane" = "true";
            priorityClassName = "system-node-critical";
            tolerations = [ { operator = "Exists"; } ];
            # The same on every machine, so only what the whole cluster says; without a name kube-vip takes the interface of the
            # default route.
            containers = [
              (
                container
                // {
                  env =
                    variables (
                      environment
                      // lib.optionalAttrs (cluster.ha.interface != null) { vip_interface = cluster.ha.interface; }
                    )
                    ++ [
                      {
                        name = "vip_nodename";
                        valueFrom.fieldRef.fieldPath = "spec.nodeName";
                      }
                    ];
                }
              )
            ];
          };
        };
      };
    })
  ];

  # The pod reads the machine's own kubeconfig, but speaks to the API server beside it: the vip is what it has to bring up.
  pod = named "v1" "Pod" account {
    spec = {
      hostNetwork = true;
      priorityClassName = "system-node-critical";
      hostAliases = [
        {
          ip = "127.0.0.1";
          hostnames = [ "kubernetes" ];
        }
      ];
      containers = [
        (
          container
          // {
            env = variables (environment // { vip_nodename = node.name; });
            volumeMounts = [
              {
                name = "kubeconfig";
                mountPath = "/etc/kubernetes/admin.conf";
                readOnly = true;
              }
            ];
          }
        )
      ];
      volumes = [
        {
          name = "kubeconfig";
          hostPath.type = "File";
        }
      ];
    };
  };

  admin = "/etc/kubernetes/admin.conf";
  # Where the cluster began: at first nobody has given admin.conf its rights.
  superAdmin = "/etc/kubernetes/super-admin.conf";
  # What kubeadm writes last of its kubeconfigs, both where it begins a cluster and where it joins one, before it needs the vip.
  last = "/etc/kubernetes/scheduler.conf";
in
{
  imports = [
    ./vip.nix
    ./own-port.nix
  ];

  options.nix8s.kubeVip.image = lib.mkOption {
    type = lib.types.str;
    # nixpkgs has none whose version could be followed.
    default = "ghcr.io/kube-vip/kube-vip:v1.1.2";
    example = "registry.example.com/kube-vip:v1.1.2";
    description = "The image of kube-vip; the same on all machines of a cluster.";
  };

  config = lib.mkMerge [
    (lib.optionalAttrs (cluster.distribution == "k3s") {
      services.k3s.manifests.kube-vip.content = objects;
    })

    (lib.optionalAttrs (cluster.distribution == "kubeadm") {
      systemd.services.nix8s-kube-vip = {
        description = "The static pod of kube-vip";
        wantedBy = [ "multi-user.target" ];
        path = [ pkgs.jq ];
        serviceConfig.Type = "oneshot";
        script = ''
          if [ ! -e ${last} ]; then exit 0; fi
          kubeconfig=${admin}
          if [ -e ${superAdmin} ]; then kubeconfig=${superAdmin}; fi
          until interface=$(${interface}); do sleep 2; done
          mkdir -p /etc/kubernetes/manifests
          # The kubelet reads every file there, and none that begins with a dot.
          next=/etc/kubernetes/manifests/.kube-vip.yaml
          jq --arg kubeconfig "$kubeconfig" --arg interface "$interface" '
            .spec.volumes[0].hostPath.path = $kubeconfig
            | .spec.containers[0].env += [{ name: "vip_interface", value: $interface }]
          ' ${pkgs.writeText "kube-vip.json" (builtins.toJSON pod)} >"$next"
          mv "$next" /etc/kubernetes/manifests/kube-vip.yaml
        '';
      };
      systemd.paths.nix8s-kube-vip = {
        description = "What kube-vip logs in with";
        wantedBy = [ "multi-user.target" ];
        pathConfig.PathChanged = last;
      };
    })
  ];
}
