// Package daemon tests mailreg-listener as a process: what it says to systemd, how it ends, what it refuses.
package daemon
