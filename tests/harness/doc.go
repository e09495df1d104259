// Package harness runs own instances of the servers that the tests and the demo need, on loopback ports and below a
// scratch root: slapd, Dovecot and Postfix, and the built programs of this module beside them.
//
// Constructors take a T and cannot fail: what goes wrong ends the test with the end of the server's log. Everything
// started is stopped by its process id when the T is done, and the root is removed unless the T has failed.
package harness
