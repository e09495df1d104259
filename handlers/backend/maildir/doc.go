// Package maildir keeps mail homes as directories of a spool. It needs no server, and the Dovecot backend builds on it.
//
// A spool has a fixed part, such as /var/spool/dovecot/private, and beside it, on the same file system, what was moved
// aside:
//
//	private/.mailreg-layout         {"version":1,"layout":"uuid","time":"2026-11-24T05:37:15Z"}; during a conversion
//	                                also "to":"address", and a link at the old or the new place of each store
//	private/by-id/<entryUUID>/      a mail home in layout uuid; Maildir/{cur,new,tmp} in it
//	private/by-address/<address>    in layout uuid, a link for people: ../by-id/<entryUUID>
//	private/<domain>/<local>/       a mail home in layout address (mail/dovecot/location/home)
//	private/.mailreg-owners/<uuid>  in layout address, a link whose text is the owner's home: <domain>/<local>
//	private/.incoming/<uuid>/       the copy of a store that comes from another host; nothing else reaches it there
//	.trash/<id>/{info,home}         a store that delete=yes took, until mail/mailbox/trash/keep is over
//	.quarantine/<id>/{info,home}    a store kept out of reach until a person decides
//	.quarantine/.aside/<entryUUID>  in layout address, a store on its way from one address to another
//	.quarantine/.vacated/*          the intent to look at a place that the owner's store has left
//	.quarantine/.swept/<uuid>.<n>   a home that Dovecot has made at such a place, being merged into the owner's store
//	.trash/.new-*                   a store being made, under a flock of its own
//	.trash/.dead-*                  a store being removed, in .quarantine as well
//	.mailreg-lock                   flock of whoever changes the spool, daemon or command line
//
// Where the indexes are kept apart (mail/dovecot/location/separate_index), they lie in /var/lib/dovecot/index under by-id/<uuid>
// or <domain>/<local>, and under .away/<id> or .away/<uuid> while their store is aside.
//
// Each home holds its owner mark .mailreg-owner, on disk before the home can be seen:
//
//	{"version":1,"uuid":"4a1c...","address":"a@example.test","time":"2026-11-24T05:37:15Z"}
//
// A new home may hold .mailreg-welcome, the word "due" or "sending", until its owner has been sent the first mail,
// and .mailreg-sieve, the SHA-256 of the Sieve script that we gave it: while the script has that, it is ours to replace.
//
// A Dovecot that serves the spool may deliver to a place after the store has left it, and so make a home there anew. So an
// intent is on the disk before a store leaves a place where mail is delivered:
//
//	{"version":1,"uuid":"4a1c...","path":"private/example.test/a","time":"2026-11-24T05:37:15Z"}
//
// Sweep looks there 0.3 s, 5 s, 60 s and 15 min later, and once after a restart; then the intent goes. An unmarked home that
// it finds is renamed out of Dovecot's reach, for only then is it complete, and merged into the store that the owner has by
// then, in place or moved aside; but it stays when the server knows somebody with that address, who is to have it. The same way goes what Dovecot has made at a place that a store is about to take.
//
// The homes belong to the mail user, so nothing in them is trusted: every step opens one name below an open directory
// and never follows a symbolic link. Links are hints only; the mark decides.
//
// A new store is made without the lock of the spool, so that many are made at once, and brought to the disk as a whole before
// it moves to its place under the lock; then all that was decided before is decided anew.
//
// Every change decides from the disk whether it is done already, so each may be repeated, also after a crash half-way.
package maildir
