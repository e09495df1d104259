// Package dovecot keeps mail homes that a running Dovecot serves.
package dovecot
