#!/bin/sh
# A network namespace with one card, on the lab's bridge: plug.sh NAMESPACE LINK ADDRESS MAC
set -eu
ip netns add "$1"
ip link add "$2" type veth peer name eth0 netns "$1"
ip link set "$2" master lab up
ip -n "$1" link set lo up
ip -n "$1" link set eth0 address "$4"
ip -n "$1" address add "$3/24" dev eth0
ip -n "$1" link set eth0 up
