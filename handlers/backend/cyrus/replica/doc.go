// Package replica makes the store of a user on one Cyrus equal to that on another one, by the commands with which Cyrus replicates
// itself (docs of Cyrus, "Replication"; imap/sync_support.c): each imapd takes them from an administrator. UIDVALIDITY, UIDs,
// flags, dates, annotations, rights, subscriptions, Sieve scripts and the quota go along; a checksum of Cyrus's own says at the
// end of each mailbox whether all has. What is there already is not sent again, so that a pass over what has not changed takes
// a few round trips.
//
// Nothing else may change the copy: it is made equal. Mailboxes keep the unique id that they have on their server, since the
// store may have been there before, and lie in the trash.
//
// Commands and answers are lists of Cyrus's own form (imap/dlist.c):
//
//	a1 SYNCGET USER anna@example.test
//	* MAILBOX %(UNIQUEID 8a3f... MBOXNAME example.test!user.anna LAST_UID 7 SYNC_CRC 123 ...)
//	* LSUB (example.test!user.anna.Spam)
//	a1 OK success
//	a2 SYNCAPPLY MESSAGE (%{default da39... 120}
//	<120 bytes>)
package replica
