// Package boot shows mailreg on machines with a booted systemd, one per Debian release: "make boot-test", as root. The
// machines are containers of systemd-nspawn on trees that trees.sh makes; nothing of them is left afterwards.
package boot
