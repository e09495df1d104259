// Package quota decides what users may keep: what their own entries say, else what policies of the directory give them, else
// what is for all. It tells Dovecot of the policies, which reads the rest itself, and sets each limit on Cyrus.
//
// Reads: univentionMailQuota policies (univentionMailQuotaMB, fixedAttributes, emptyAttributes, requiredObjectClasses,
// prohibitedObjectClasses); univentionPolicyReference of mail users and of the containers above them; of users also
// mailPrimaryAddress, mailAlternativeAddress, uid, univentionMailHomeServer and univentionMailUserQuota.
//
// Does: on Cyrus, limits the stores of those to whom policies give something else than before; for handler mailbox, that of a
// user whose store it has looked after. On Dovecot, writes the table quota (var/lib/mailreg/dovecot), with each user who is at
// home here and has a quota by a policy alone, and flushes the authentication cache for whom it changes. While there is no
// policy it does nothing.
//
// Registry keys: hostname, domainname, mail/mailbox/backend, mail/cyrus/imap/quota, mail/cyrus/imap/quota/default.
//
// Failure: a policy whose quota is no number says nothing; entries that cannot be read have none. A server that does not answer
// is schema.TargetDown. Who has no store gets the limit with it.
package quota
