// Package cyrus keeps mail stores on a Cyrus IMAP server, all over IMAP as its administrator: as user/<local>@<domain> in
// layout address, the only one there is. Cyrus has its own files; nothing here looks at them.
//
// What was moved aside is a user of a domain that no directory entry can have, since such a local part is no address:
//
//	user/a@example.test                                     a store in place, with folders user/a/Spam@example.test
//	user/.deleted-20261124t053715z-4a1c9e02@mailreg.invalid      in the trash, until mail/mailbox/trash/keep is over
//	user/.quarantined-20261124t053715z-4a1c9e02@mailreg.invalid  out of reach until a person decides, or early mail on its way
//	user/.aside-<entryUUID>@mailreg.invalid                  on its way from one address to another
//
// A store is renamed as a whole, which takes its folders, rights of the owner, quota, subscriptions and scripts along. Cyrus
// does not do that in one step, though: the mark of a store that moves names where it came from until all folders have
// followed, so that whoever finds it goes on.
//
// The owner mark is the annotation /private/comment of the inbox (RFC 5464): what is private to the administrator no user
// can read or write, it needs no definition in imapd.conf, and it moves along. That of the server itself holds the time of
// the first store. A new store is marked at once, as one whose folders may be missing.
//
//	{"mailreg":1,"uuid":"4a1c...","address":"a@example.test","time":"2026-11-24T05:37:15Z"}
//
// Which store an owner has is remembered from a look at all marks at the first call; each use looks at the mark again. Every
// change decides from the server whether it is done already, so each may be repeated, also after a crash half-way.
//
// Cyrus 3.10 announces IMAP4rev2, after which go-imap writes names in UTF-8: it must be enabled for Cyrus to read them so.
package cyrus
