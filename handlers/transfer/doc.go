// Package transfer moves the mail of a user along when the directory names another mail home server
// (mail/homeserver/transfer). The handler mailbox says who leaves and who comes; Run does the rest.
//
// The host that the user leaves drives. It goes on serving the user, and copies the mail in passes, which make the copy
// equal to the store, until one is short; then it lets nobody in for a moment, makes the last pass, compares, and asks the
// other host to open. That it has opened is the commit point:
//
//	here (source)                            there (target)
//	copying     served as before             awaiting    mail and logins get a temporary error
//	            passes                       receiving   the copy grows in a place of its own
//	frozen      temporary error, last pass
//	committing  open!                        opening     the copy moves into place, early mail is merged into it
//	committed   temporary error for a while  opened      served here
//	            whatever changed is added
//	            store set aside
//
// Nothing but the copy ever reaches its place, so that a pass never meets mail of its target. Before committing, everything
// may be given up and begun anew, as is a copy that was cut off and cannot be completed (anew.go); from committing on only
// the target's word counts, and no pass makes equal again.
//
// Each state is a file of var/lib/mailreg/transfer/{out,in}, on the disk before the step after it begins. What the
// mail server does to users is made of these files alone, and works while the daemon is down. How, and how mail is copied, is
// the matter of a Mover.
//
// Dovecot's (NewDovecot) copies with "doveadm backup" into private/.incoming/<uuid>, and with "sync -1" what is added. It keeps
// users out by tables (handlers/backend/dovecot, Tables):
//
//	staying           whoever leaves: userdb fields, and who may log in with the password of the directory
//	moving-PROTOCOL   whoever gets a temporary error
//	incoming-doveadm  where doveadm finds the copy of whoever comes
//
// Cyrus's (NewCyrus) copies by the commands of Cyrus's replication (handlers/backend/cyrus/replica) into the user's own place, and
// keeps users out by cyr_deny. An inbox is reserved there for whoever comes, since mail without one gets 550.
//
// The hosts speak HTTP over TLS 1.3. Both sides prove by their certificate that they hold the key that is made of
// mail/homeserver/transfer/secret. The copy goes through such a connection as well: doveadm here talks to a unix socket
// of ours, which leads to the doveadm socket there, for the users alone who are on their way; the mail server needs no port.
//
// Registry keys: mail/homeserver/transfer and those below it, mail/{dovecot,cyrus}/mailbox/delete,
// mail/dovecot/location/*.
package transfer
