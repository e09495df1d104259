// Package transfer proves that the mail of a user goes along, whole and at once, when the directory names another mail home
// server: two hosts, each with its own Dovecot and listener, and one directory.
package transfer
