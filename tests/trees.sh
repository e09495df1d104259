#!/bin/sh
# Makes trees, which are unpacked Debians with servers, and prints the folder of each. Usage: tests/trees.sh NAME ...
#
# NAME is a release with what the tests need (bookworm, trixie), or with something else (trixie-boot, trixie-cyrus): see
# packages below. A tree lies in build/.trees, where go does not look for packages, or in $MAILREG_TREES. Its name ends in a
# sum of its recipe, so that it is made afresh when that has changed. Nothing is written into it later, see tests/enter.sh.
set -eu
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

top=$(cd "$(dirname "$0")/.." && pwd)
trees=${MAILREG_TREES:-$top/build/.trees}

fail() {
	echo "trees: $*" >&2
	exit 1
}

# packages prints what is in a tree.
packages() {
	case $1 in
	*-boot) echo systemd systemd-sysv dbus postfix postfix-ldap dovecot-imapd dovecot-lmtpd dovecot-ldap spamd ;;
	# In a tree of its own, as cyrus-imapd and dovecot-imapd exclude each other.
	*-cyrus) echo cyrus-imapd cyrus-admin sasl2-bin libsasl2-modules libsasl2-modules-ldap postfix postfix-ldap ldap-utils strace ;;
	# What make installs on the host, and what tests find there anyway.
	*) sed -n 's/^\(DEMO\|SERVERS\) = //p' "$top/Makefile" | sed 's/\$(DEMO)/git mmdebstrap/' ;;
	esac
}

# recipe prints the arguments of mmdebstrap. That a crash loses a part of a tree does no harm, so dpkg does not wait for
# the disk.
recipe() {
	echo --variant=minbase --dpkgopt=force-unsafe-io "--dpkgopt=path-exclude=/usr/share/doc/*" \
		"--dpkgopt=path-exclude=/usr/share/locale/*" --include="$(packages "$1" | xargs | tr ' ' ,)" "${1%%-*}"
}

# make_tree makes one, unless somebody else has made it meanwhile.
make_tree() {
	[ ! -d "$2" ] || return 0
	"$top/tests/install.sh" mmdebstrap
	echo "trees: making the tree $1" >&2
	rm -rf "$2.part"
	set -f # the recipe has stars
	# shellcheck disable=SC2046 # word splitting is meant
	mmdebstrap --quiet $(recipe "$1") "$2.part" >"$2.log" 2>&1 || {
		tail -n 30 "$2.log" >&2
		fail "the tree $1 could not be made"
	}
	mv "$2.part" "$2"
}

mkdir -p "$trees"
making= made=
for name in "$@"; do
	sum=$(recipe "$name" | cksum)
	tree=$trees/$name-${sum%% *}
	made="$made $tree"
	# Side by side: each waits for the network some of the time.
	[ -d "$tree" ] || {
		(flock 9 && make_tree "$name" "$tree") 9>"$trees/$name.lock" &
		making="$making $!"
	}
done
for job in $making; do
	wait "$job"
done
for tree in $made; do
	echo "$tree"
done
