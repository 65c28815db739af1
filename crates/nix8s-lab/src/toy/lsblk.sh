#!/bin/sh
# A stand-in for lsblk, which would show the disks of the computer that the lab is on: those of /etc/lab/disks.json, which is
# what `lsblk --json` prints.
set -eu
disks=/etc/lab/disks.json
case " $* " in
  *" --json "*) cat "$disks" ;;
  *" NAME,PARTTYPE "*)
    jq -r '.blockdevices[] | (., .children[]?) | "\(.path) \(.parttype // "")"' "$disks"
    ;;
  # Nothing is mounted from them.
  *" MOUNTPOINT "*) ;;
  *)
    echo "lsblk: the stand-in does not know: $*" >&2
    exit 1
    ;;
esac
