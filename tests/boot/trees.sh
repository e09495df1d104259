#!/bin/sh
# Makes the trees that the machines of tests/boot are booted from, one per Debian release. Usage: tests/boot/trees.sh DIR
# A tree that is newer than this script is kept: remove DIR to have them made afresh.
set -eu

packages=systemd,systemd-sysv,dbus,postfix,postfix-ldap,dovecot-imapd,dovecot-lmtpd,dovecot-ldap,spamd
dir=$1
mkdir -p "$dir"

make_tree() {
	[ ! "$dir/$1" -nt "$0" ] || return 0
	echo "boot: making the tree of Debian $1" >&2
	rm -rf "$dir/$1.part"
	mmdebstrap --quiet --variant=minbase --include="$packages" "$1" "$dir/$1.part" >"$dir/$1.log" 2>&1 || {
		tail -n 30 "$dir/$1.log" >&2
		return 1
	}
	rm -rf "${dir:?}/$1"
	mv "$dir/$1.part" "$dir/$1"
}

# Side by side: each mostly waits for the network and for dpkg's fsync.
make_tree bookworm &
make_tree trixie
wait $!
