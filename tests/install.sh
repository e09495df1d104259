#!/bin/sh
# Installs the Debian packages that the tests and the demo need. Usage: tests/install.sh PACKAGE ...
#
# Installed packages are left alone. The installation is simulated first and stops with a message when a package of the
# user's would be removed. No service is started by it, neither now (policy-rc.d says no while it runs) nor at the next
# boot (those that are new are disabled).
set -eu
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

fail() {
	echo "install: $*" >&2
	exit 1
}

missing=
for package in "$@"; do
	if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
		missing="$missing $package"
	fi
done
[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null || fail "this is no Debian, so please install these by hand:$missing"
[ "$(id -u)" = 0 ] || fail "these packages are missing, and installing them needs root:$missing"

scratch=$(mktemp -d)
policy=/usr/sbin/policy-rc.d
clean() {
	rm -rf "$scratch"
	[ ! -e "$policy" ] || ! grep -q "^# mailreg $$\$" "$policy" || rm -f "$policy"
}
trap clean EXIT
trap 'exit 1' HUP INT TERM

apt() { apt-get -o DPkg::Lock::Timeout=600 -o APT::Get::AutomaticRemove=false "$@"; }

# update fetches the lists of packages. Another update, as systems run one when they have come up, is waited for.
update() {
	for _ in $(seq 60); do
		if apt update -qq >"$scratch/update" 2>&1 || ! grep -q 'Could not get lock' "$scratch/update"; then
			return 0
		fi
		sleep 2
	done
}

# shellcheck disable=SC2086 # word splitting is meant
simulate() { apt install -s --no-install-recommends $missing >"$scratch/plan" 2>"$scratch/error"; }

# plan simulates, and refuses what would take a package away from the user.
plan() {
	simulate || {
		update
		simulate
	} || {
		cat "$scratch/update" "$scratch/error" >&2
		fail "apt-get finds no way to install$missing (is there a network, and a Debian 12 or 13 in its sources?); nothing was changed"
	}
	removed=$(sed -n 's/^Remv \([^ ]*\).*/ \1/p' "$scratch/plan" | tr -d '\n')
	[ -z "$removed" ] || fail "installing$missing would remove$removed; nothing was changed. Remove them first if you do not need them."
}

# shellcheck disable=SC2086
install() { apt install -y -qq --no-remove --no-install-recommends $missing >"$scratch/log" 2>&1; }

plan

# A policy of the user's stays. Ours forbids only as long as this process lives, lest a crash forbids for ever.
if [ ! -e "$policy" ] || grep -q '^# mailreg ' "$policy"; then
	printf '#!/bin/sh\n# mailreg %s\nkill -0 %s 2>/dev/null && exit 101\nexit 0\n' $$ $$ >"$policy"
	chmod 755 "$policy"
elif "$policy" slapd start >/dev/null 2>&1; then
	fail "$policy lets services start, and installing$missing could start some; nothing was changed"
fi

echo "install:$missing" >&2
if ! install; then
	# The lists may be older than what the servers of the distribution still have.
	update
	plan
	install || {
		tail -n 30 "$scratch/log" >&2
		fail "apt-get could not install$missing"
	}
fi

# Each package that brings a service, with the service where it has another name.
for pair in slapd dovecot-core:dovecot postfix cyrus-common:cyrus-imapd rspamd nginx spamd clamav-daemon clamav-freshclam fetchmail; do
	if grep -q "^Inst ${pair%:*} (" "$scratch/plan"; then
		# It calls a service without a unit, which it disables all the same, a failure.
		update-rc.d "${pair#*:}" disable >"$scratch/disable" 2>&1 || {
			cat "$scratch/disable" >&2
			fail "${pair#*:} may start at the next boot: it could not be disabled"
		}
	fi
done
# Those of a domain controller; which package brings them depends on the release, and nmbd may be missing.
if grep -q '^Inst samba' "$scratch/plan"; then
	for service in samba-ad-dc smbd nmbd winbind; do
		update-rc.d "$service" disable >/dev/null 2>&1 || :
	done
fi
# A socket starts its service, and a timer fetches rules: nobody has asked for either.
for unit in clamav-daemon.socket spamassassin-maintenance.timer; do
	package=${unit%.*}
	if grep -q "^Inst ${package%-maintenance} (" "$scratch/plan" && command -v systemctl >/dev/null; then
		systemctl disable "$unit" >/dev/null 2>&1 || : # there need not be one
	fi
done
