#!/bin/sh
# Installs the Debian packages that the tests and the demo need. Usage: tests/install.sh PACKAGE ...
#
# Installed packages are left alone. The installation is simulated first and stops with a message when a package of the
# user's would be removed. No service is started by it: policy-rc.d says no while it runs.
set -eu

missing=
for package in "$@"; do
	if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
		missing="$missing $package"
	fi
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
	echo "install: these packages are missing, and installing them needs root:$missing" >&2
	exit 1
fi

export DEBIAN_FRONTEND=noninteractive
apt="apt-get -o DPkg::Lock::Timeout=600 -o APT::Get::AutomaticRemove=false"

# shellcheck disable=SC2086 # word splitting is meant
plan=$($apt install -s --no-install-recommends $missing 2>/dev/null) || {
	$apt update -qq
	plan=$($apt install -s --no-install-recommends $missing)
}
removed=$(printf '%s\n' "$plan" | sed -n 's/^Remv \([^ ]*\).*/ \1/p' | tr -d '\n')
if [ -n "$removed" ]; then
	echo "install: installing$missing would remove$removed; nothing was changed" >&2
	exit 1
fi

policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT
	trap 'exit 1' HUP INT TERM
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi

echo "install:$missing" >&2
log=$(mktemp)
# shellcheck disable=SC2086
if ! $apt install -y -qq --no-install-recommends $missing >"$log" 2>&1; then
	tail -n 30 "$log" >&2
	rm -f "$log"
	exit 1
fi
rm -f "$log"
