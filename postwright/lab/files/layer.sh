#!/bin/sh -eu
# A layer on top of the base tree: packages that are installed and that nothing starts by itself.
# $1: the base tree; $2: a folder whose upper/ becomes the layer; $3: which. Run in a mount and PID namespace of its own.

base=$1
work=$2

case $3 in
  # The name server and the receiver; each starts only its own services.
  services) services="knot unbound postfix rspamd" others="knot-dnsutils pebble publicsuffix" ;;
  # What an apply installs, nothing of it configured: there too services wait until they are.
  installed) services="chrony dovecot fail2ban nginx opendkim postfix postfix-mta-sts-resolver unbound"
    others="dns-root-data dovecot-core dovecot-imapd dovecot-lmtpd dovecot-pop3d lego libsasl2-modules nftables openssl
      python3-dnspython python3-systemd" ;;
esac
# Debian's name for Dovecot's package is not that of its unit.
packages=$(echo "$services $others" | sed 's/\bdovecot\b //')

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
chroot . systemctl disable --quiet $services
