#!/bin/sh -eu
# What the name server and the receiver have on top of the base tree; each starts only its own services.
# $1: the base tree, $2: a folder whose upper/ becomes the layer. Run in a mount and PID namespace of its own.

base=$1
work=$2
services="knot unbound postfix rspamd"

mkdir -p "$work/upper" "$work/work" "$work/root"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/upper,workdir=$work/work" "$work/root"
cd "$work/root"
mount -t proc proc proc
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
cp --remove-destination -L /etc/resolv.conf etc/resolv.conf

export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
chroot . apt-get update -qq
chroot . apt-get install -qq --no-install-recommends knot-dnsutils publicsuffix $services
chroot . systemctl disable --quiet $services
