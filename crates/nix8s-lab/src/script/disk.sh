#!/bin/sh
# A root of its own, in memory, over the one that all begin with: disk.sh NAME SIZE
set -eu
at=/run/lab/$1
mkdir -p "$at/disk" "$at/root"
mount -t tmpfs -o "size=$2,mode=755" tmpfs "$at/disk"
mkdir "$at/disk/upper" "$at/disk/work"
mount -t overlay overlay -o "lowerdir=/run/lab/base,upperdir=$at/disk/upper,workdir=$at/disk/work" "$at/root"
