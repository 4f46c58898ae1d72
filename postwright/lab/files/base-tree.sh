#!/bin/sh -eu
# The tree hosts share: a minimal Debian with ssh and python3, as a fresh server has.
# $1: the folder to make; $2: the release's code name; the rest: apt lines. Run in a mount and PID namespace of its own.

tree=$1
release=$2
shift 2

# What a first apply installs waits as .deb files, so that a test does not fetch them anew for each fresh host.
warm="postfix opendkim dovecot-core unbound dns-root-data chrony nftables fail2ban python3-systemd"

mmdebstrap --mode=root --variant=minbase --format=directory --quiet \
  --include=systemd-sysv,dbus,openssh-server,python3,iproute2,ca-certificates \
  --dpkgopt=force-unsafe-io \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --aptopt='Acquire::Languages "none"' \
  --skip=cleanup/apt/lists,cleanup/apt/cache \
  --customize-hook='chroot "$1" apt-get clean' \
  --customize-hook="chroot \"\$1\" apt-get install -qq --download-only --no-install-recommends $warm" \
  "$release" "$tree" "$@"

# Every host brings its own; and nothing may take the package lock by the clock.
rm -f "$tree"/etc/ssh/ssh_host_*
rm -f "$tree"/etc/systemd/system/timers.target.wants/apt-daily*.timer
