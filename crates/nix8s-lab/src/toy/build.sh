#!/bin/sh
# Makes a system. Everything is in the environment.
# shellcheck disable=SC2154,SC2086
mkdir -p "$out/bin" "$out/etc/units" "$out/etc/nix8s" "$out/sw/bin"
ln -s "$kernel" "$out/kernel"
ln -s "$initrd" "$out/initrd"
ln -s "$kernel" "$out/kernel-modules"
echo "$release" > "$out/nixos-version"
echo "$kernelParameters" > "$out/kernel-params"
echo "$facts" > "$out/etc/nix8s/system.json"
echo "$exit" > "$out/exit"
echo "$hostname" > "$out/etc/hostname"
printf '%s\n' "$activation" > "$out/activation"
printf 'ID=nixos\nNAME=NixOS\nPRETTY_NAME="NixOS %s"\nVERSION_ID="%s"\n' "$release" "$release" > "$out/etc/os-release"
set -- $unitFiles
for name in $unitNames; do
  ln -s "$1" "$out/etc/units/$name"
  shift
done
for program in $programs; do
  name=${program##*/}
  install -m 755 "$program" "$out/sw/bin/${name#*-}"
done
if [ -n "$k3s" ]; then
  sed "s#@version@#$version#g" "$k3s" > "$out/sw/bin/k3s"
  cp "$k3sEtcd" "$out/sw/bin/k3s-etcd"
  # What k3s brings to stop all that it left running.
  printf '#!/bin/sh\nexec systemctl stop k3s.service\n' > "$out/sw/bin/k3s-killall.sh"
  chmod 755 "$out/sw/bin/k3s" "$out/sw/bin/k3s-etcd" "$out/sw/bin/k3s-killall.sh"
fi
for script in activate init; do
  eval "sed \"s#@out@#$out#g\" \"\$$script\"" > "$out/$script"
done
sed "s#@out@#$out#g" "$switch" > "$out/bin/switch-to-configuration"
chmod 755 "$out/activate" "$out/init" "$out/bin/switch-to-configuration"
