#!/bin/bash
# A stand-in for nixos-anywhere 1.13: the same command line, the same defaults, the same steps, for hosts of the lab and
# systems of the toy flake. Like the real one it checks no host key unless the `ssh` that it finds does.
set -euo pipefail

flake='' target='' system='' extra='' copy_host_keys=n phases=kexec,disko,install,reboot
ssh_port=22 post_kexec_port=22
ssh_options=() nix_options=() keys=() chowns=()

abort() {
  echo "aborted: $*" >&2
  exit 1
}

while [ $# -gt 0 ]; do
  case $1 in
    --help) echo "Usage: nixos-anywhere [options] [<ssh-host>]"; exit ;;
    -f | --flake) flake=$2; shift ;;
    --target-host) target=$2; shift ;;
    -i) ssh_options+=(-i "$2"); shift ;;
    -p | --ssh-port) ssh_port=$2; shift ;;
    --post-kexec-ssh-port) post_kexec_port=$2; shift ;;
    --ssh-option) ssh_options+=(-o "$2"); shift ;;
    -s | --store-paths) system=$3; shift 2 ;;
    --extra-files) extra=$2; shift ;;
    --copy-host-keys) copy_host_keys=y ;;
    --chown) chowns+=("$2" "$3"); shift 2 ;;
    --disk-encryption-keys) keys+=("$2" "$3"); shift 2 ;;
    --phases) phases=$2; shift ;;
    --option) nix_options+=(--option "$2" "$3"); shift 2 ;;
    --build-on)
      case $2 in auto | local) ;; *) abort "the stand-in builds here: --build-on $2" ;; esac
      shift
      ;;
    # What changes nothing between hosts of the lab.
    --kexec | --kexec-extra-flags | --disko-mode) shift ;;
    --debug | --show-trace | -L | --print-build-logs | --no-substitute-on-destination | --no-disko-deps) ;;
    --no-use-machine-substituters) ;;
    -*) abort "the stand-in does not know the option $1" ;;
    *) [ -z "$target" ] || abort "two target hosts"; target=$1 ;;
  esac
  shift
done
target=${target#ssh://}
[ -n "$target" ] || abort "--target-host is needed"
[ -n "$flake$system" ] || abort "--flake or --store-paths is needed"
has() { [[ ,$phases, == *,$1,* ]]; }

# The first value that ssh is given for an option is the one that counts: as the real one says it, no --ssh-option brings back
# the checks of host keys.
options=(-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no "${ssh_options[@]}" -o ConnectTimeout=10)
host=$target
remote() { ssh "${options[@]}" -p "$port" "$host" -- "$@"; }
port=$ssh_port

# Without limit, as the real one does.
until remote true; do sleep 3; done
facts=$(remote 'cat /etc/os-release; test -e /etc/NIXOS || echo NO_NIXOS=1; id -u')
is_installer=n
if grep -q '^VARIANT_ID="\?installer' <<< "$facts"; then is_installer=y; fi

if has kexec && [ "$is_installer" = n ]; then
  echo '### Installing NixOS: starting the installer ###' >&2
  # The installer runs from memory; what the disk has stays until disko.
  remote 'touch /etc/is-nixos-installer; rm /etc/os-release
    printf "ID=nixos\nNAME=NixOS\nVARIANT_ID=installer\nVERSION_ID=\"26.05\"\nPRETTY_NAME=\"NixOS 26.05 installer\"\n" > /etc/os-release'
  port=$post_kexec_port
fi
case $phases in *kexec*) host=root@${target#*@} ;; esac

for ((at = 0; at < ${#keys[@]}; at += 2)); do
  remote "umask 077; cat > '${keys[at]}'" < "${keys[at + 1]}"
done

if [ -z "$system" ]; then
  [[ $flake =~ ^(.*)\#([^\#\"]*)$ ]] || abort "Please specify the name of the NixOS configuration to be installed"
  attribute=${flake#*#}
  case $attribute in nixosConfigurations.*) ;; *) attribute="nixosConfigurations.\"$attribute\"" ;; esac
  system=$(nix "${nix_options[@]}" build --no-link --print-out-paths "${flake%%#*}#$attribute.config.system.build.toplevel")
fi

if has disko; then
  echo '### Formatting hard drive with disko ###' >&2
  # shellcheck disable=SC2016
  remote 'rm -rf /boot/entry /nix/var/nix/profiles/system* /var/lib/nix8s /var/lib/rancher /var/lib/kubelet /etc/rancher /etc/NIXOS
    rm -f /etc/systemd/system/multi-user.target.wants/k3s.service /etc/systemd/system/k3s.service
    disks=$(jq ".blockdevices[0] |= (.pttype = \"gpt\" | .children = [{path: (.path + \"1\"), type: \"part\", size: .size,
      serial: null, wwn: null, fstype: \"ext4\", pttype: \"gpt\", parttype: null, partlabel: \"nix8s-root\", label: null}])" \
      /etc/lab/disks.json)
    printf "%s\n" "$disks" > /etc/lab/disks.json'
fi

if has install; then
  echo '### Uploading the system closure ###' >&2
  NIX_SSHOPTS="${options[*]} -p $port" nix "${nix_options[@]}" copy --to "ssh://$host" "$system"
  # The new root is where the old one is: what is put on it waits in /mnt for the first boot.
  remote 'rm -rf /mnt/*; mkdir -p /mnt/extra'
  if [ "$copy_host_keys" = y ]; then remote 'touch /mnt/copy-host-keys'; fi
  if [ -n "$extra" ]; then
    echo '### Copying extra files ###' >&2
    tar -C "$extra" -cpf- . | remote 'tar -C /mnt/extra -xpf- --no-same-owner --no-overwrite-dir'
  fi
  for ((at = 0; at < ${#chowns[@]}; at += 2)); do
    remote "chown -R '${chowns[at + 1]}' '/mnt/extra${chowns[at]}'"
  done
  echo '### Installing NixOS ###' >&2
  remote "nix-env -p /nix/var/nix/profiles/system --set '$system' && '$system/bin/switch-to-configuration' boot"
fi

if has reboot; then
  echo '### Waiting for the machine to become unreachable due to reboot ###' >&2
  remote 'nohup sh -c "sleep 1; systemctl reboot" > /dev/null 2>&1 &'
  while timeout 5 ssh "${options[@]}" -o ConnectTimeout=2 -p "$port" "$host" -- true 2> /dev/null; do sleep 0.2; done
fi
echo '### Done! ###' >&2
