// Package registry tests the registry against the real Postfix and Dovecot.
package registry
