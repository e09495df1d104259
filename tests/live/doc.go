// Package live proves that mail is neither lost nor mixed up when stores move while a Dovecot serves them.
package live
