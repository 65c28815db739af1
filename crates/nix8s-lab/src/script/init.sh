#!/bin/sh
# The first process of a lab's namespaces: init.sh FOLDER BASE
# Prints its process number, and ends, and with it everything in the lab, when its input ends.
set -eu
base=$2
# By the computer's own numbers, which /proc still has.
read -r number _ < /proc/self/stat
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lab/base /run/netns
mount --bind "$base" /run/lab/base
ip link set lo up
ip link add lab type bridge
ip link set lab up
echo "$number"
# Not `exec`: a shell that waits takes in what is orphaned.
cat > /dev/null
