// Package transfer moves the mail of a user along when the directory names another mail home server
// (mail/homeserver/transfer). The handler mailbox says who leaves and who comes; Run does the rest.
//
// The host that the user leaves drives. It goes on serving the user, and copies the mail with passes of "doveadm backup"
// until one is short; then it lets nobody in for a moment, makes the last pass, compares, and asks the other host to open.
// That it has opened is the commit point:
//
//	here (source)                            there (target)
//	copying     served by the table staying  awaiting    mail and logins get a temporary error
//	            passes of backup             receiving   the copy grows in private/.incoming/<uuid>
//	frozen      temporary error, last pass
//	committing  open!                        opening     the copy moves into place, early mail is merged into it
//	committed   temporary error for a while  opened      served here
//	            whatever changed: "sync -1"
//	            store set aside
//
// Nothing but the copy ever reaches .incoming, so that backup never meets mail of its target. Before committing, everything
// may be given up and begun anew; from committing on only the target's word counts, and backup never runs again.
//
// Each state is a file of var/lib/mailreg/transfer/{out,in}, on the disk before the step after it begins. The tables for
// Dovecot (handlers/backend/dovecot, Tables) are made of these files alone, and work while the daemon is down:
//
//	staying           whoever leaves: userdb fields, and who may log in with the password of the directory
//	moving-PROTOCOL   whoever gets a temporary error
//	incoming-doveadm  where doveadm finds the copy of whoever comes
//
// The hosts speak HTTP over TLS 1.3. Both sides prove by their certificate that they hold the key that is made of
// mail/homeserver/transfer/secret. The copy goes through the same connection: doveadm here talks to a unix socket of ours,
// which leads to the doveadm socket there, for the users alone who are on their way; Dovecot itself needs no port.
//
// Registry keys: mail/homeserver/transfer and those below it, mail/dovecot/mailbox/delete, mail/dovecot/location/*.
package transfer
