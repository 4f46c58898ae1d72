#!/bin/sh -eu
# What an apply installs, on top of the base tree: as a host is on which another has installed it, nothing configured.
# $1: the base tree, $2: a folder whose upper/ becomes the layer. Run in a mount and PID namespace of its own.

base=$1
work=$2
packages="chrony dns-root-data dovecot-core nftables opendkim openssl postfix unbound"

mkdir -p "$work/upper" "$work/work" "$work/root"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/upper,workdir=$work/work" "$work/root"
cd "$work/root"
mount -t proc proc proc
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
cp --remove-destination -L /etc/resolv.conf etc/resolv.conf

export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
chroot . apt-get update -qq
printf '#!/bin/sh\nexit 101\n' > usr/sbin/policy-rc.d
chmod 755 usr/sbin/policy-rc.d
chroot . apt-get install -qq --no-install-recommends $packages
rm usr/sbin/policy-rc.d
# Not started at boot either: in a real first apply they wait for their configuration.
chroot . systemctl disable --quiet chrony dovecot opendkim postfix unbound
