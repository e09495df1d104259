#!/bin/sh
# Runs a command in a tree as if that were the machine. Usage: tests/enter.sh TREE COMMAND [ARGUMENT ...]
#
# The command takes the place of this shell: its process number, signals and output are those of the caller's child. It
# sees the folders of temporary files, this repository and the other trees under their own names, so that sockets, mail
# and config files are the same inside and outside; processes and network are the machine's. All else of the tree can
# only be read. The mounts are its own and go with it. Needs root.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
tree=$1 path=$PATH
shift
export MAILREG_TREE="$tree"
PATH=/usr/sbin:/usr/bin:/sbin:/bin
# shellcheck disable=SC2016 # the inner shell is to expand it
exec unshare -m sh -euc '
tree=$1 top=$2 path=$3 tmp=${TMPDIR:-/tmp} trees=${MAILREG_TREES:-$2/build/trees}
shift 3
mkdir -p "$tree$top" "$tree$trees" "$tree$tmp"
mount --bind "$tree" "$tree"
mount -o remount,bind,ro "$tree"
for dir in "$tmp" "$top" "$trees"; do
	mount --bind "$dir" "$tree$dir"
done
mount --rbind /dev "$tree/dev"
mount --rbind /proc "$tree/proc"
mount -t tmpfs tmpfs "$tree/run"
exec chroot "$tree" env -C "$PWD" PATH="$path" "$@"' enter "$tree" "$top" "$path" "$@"
