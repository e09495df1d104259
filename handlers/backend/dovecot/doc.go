// Package dovecot keeps mail homes that a running Dovecot serves: the files are those of package maildir, and Dovecot is
// told by its doveadm protocol to end sessions and to forget who may log in.
//
// The protocol, the same in Dovecot 2.3 and 2.4, is one line each way: fields separated by tabs,
//
//	client  VERSION doveadm-server 1 2
//	server  VERSION doveadm-client 1 N
//	server  +                            (- asks for a password, which a root on the unix socket never needs)
//	client  FLAGS USER COMMAND ARG ...
//	server  data, then a line "+", or "-" and a word such as NOTFOUND
//
// Whoever announces version 1.2, not 1.0, gets what follows the greeting in frames, and in a channel of its own what Dovecot
// writes to its log about the command: that says why something was refused. With 1.3 it does not come.
//
// To flush the authentication cache the service auth is asked on its own socket auth-master: "CACHE-FLUSH 1 NAME ..." after
// "VERSION 1 0", answered by "OK 1 COUNT"; without a name all goes. So is who gets the mail to an address: "USER 1 NAME service=lmtp", answered by USER, NOTFOUND or FAIL.
//
// Each command has a connection of its own: kick sends its count after the status line.
//
// When no Dovecot runs for the root, nobody serves the spool and nothing has to be told: the files are done all the same.
package dovecot
