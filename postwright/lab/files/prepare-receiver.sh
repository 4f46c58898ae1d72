# Run inside the receiver's tree before it boots.
install -d -o _rspamd -g postfix -m 0750 /var/spool/postfix/rspamd
systemctl --quiet enable postfix rspamd
