// Package mailbox gives each mail user a mailbox and keeps it with the user.
//
// Reads: univentionMail entries with mailPrimaryAddress; uid, mailAlternativeAddress, univentionMailHomeServer.
//
// Does: makes the store of a user whose home server is this host or empty; on a change of the address lets it follow, or
// leaves it behind and makes a new one; moves it to the trash when the user is gone, has lost the address or has another
// home server and delete=yes; around such a move, ends sessions and flushes authentication caches.
//
// Registry keys, read anew for each change: hostname, domainname, mail/dovecot/mailbox/{rename,delete},
// mail/dovecot/location/{key,home,uid,gid}, mail/mailbox/{backend,reuse,trash/keep,welcome}, mail/dovecot/sieve/{spam,path}, mail/dovecot/folder/spam,
// mail/antispam/requiredhits.
//
// Failure: bad data is schema.ErrInvalid and names DN and reason; a Dovecot that runs and does not answer is
// schema.TargetDown, and so are layer files that cannot be read. Each action looks at the disk first, so a change that was done in part is done to its end.
package mailbox
