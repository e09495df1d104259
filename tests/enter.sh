#!/bin/sh
# Runs a command in a tree as if that were the machine. Usage: tests/enter.sh TREE COMMAND [ARGUMENT ...]
#
# The command takes the place of this shell: its process number, signals and output are those of the caller's child. It
# sees the folders of temporary files, this repository and the other trees under their own names, so that sockets, mail
# and config files are the same inside and outside; processes and network are the machine's. What it writes elsewhere
# stays in memory. The mounts are its own and go with it. Needs root.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
tree=$1 path=$PATH
shift
export MAILREG_TREE="$tree"
PATH=/usr/sbin:/usr/bin:/sbin:/bin
# shellcheck disable=SC2016 # the inner shell is to expand it
exec unshare -m sh -euc '
tree=$1 top=$2 path=$3
shift 3
mount -t tmpfs tmpfs "$tree/mnt"
root=$tree/mnt/root
mkdir "$root" "$tree/mnt/written" "$tree/mnt/work"
mount -t overlay -o "lowerdir=$tree,upperdir=$tree/mnt/written,workdir=$tree/mnt/work" overlay "$root"
for dir in "${TMPDIR:-/tmp}" "$top" "${MAILREG_TREES:-$top/build/.trees}"; do
	mkdir -p "$root$dir"
	mount --bind "$dir" "$root$dir"
done
cat /etc/resolv.conf >"$root/etc/resolv.conf"
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
exec chroot "$root" env -C "$PWD" PATH="$path" "$@"' enter "$tree" "$top" "$path" "$@"
