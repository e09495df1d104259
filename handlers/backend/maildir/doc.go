// Package maildir keeps mail homes as directories of a spool. It needs no server, and the Dovecot backend builds on it.
//
// A spool has a fixed part, such as /var/spool/dovecot/private, and beside it, on the same file system, what was moved
// aside:
//
//	private/.mailreg-layout         {"version":1,"layout":"uuid","time":"2026-11-24T05:37:15Z"}
//	private/by-id/<entryUUID>/      a mail home in layout uuid; Maildir/{cur,new,tmp} in it
//	private/by-address/<address>    in layout uuid, a link for people: ../by-id/<entryUUID>
//	private/<domain>/<local>/       a mail home in layout address (mail/dovecot/location/home)
//	private/.mailreg-owners/<uuid>  in layout address, a link whose text is the owner's home: <domain>/<local>
//	.trash/<id>/{info,home}         a store that delete=yes took, until mail/mailbox/trash/keep is over
//	.quarantine/<id>/{info,home}    a store kept out of reach until a person decides
//	.quarantine/.aside/<entryUUID>  in layout address, a store on its way from one address to another
//	.trash/.new-*                   a store being made
//	.trash/.dead-*                  a store being removed, in .quarantine as well
//	.mailreg-lock                   flock of whoever changes the spool, daemon or command line
//
// Each home holds its owner mark .mailreg-owner, on disk before the home can be seen:
//
//	{"version":1,"uuid":"4a1c...","address":"a@example.test","time":"2026-11-24T05:37:15Z"}
//
// The homes belong to the mail user, so nothing in them is trusted: every step opens one name below an open directory
// and never follows a symbolic link. Links are hints only; the mark decides.
//
// Every change decides from the disk whether it is done already, so each may be repeated, also after a crash half-way.
package maildir
