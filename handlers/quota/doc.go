// Package quota tells Dovecot of the quotas that policies of the directory give to users; those of the users' own entries it
// reads itself.
//
// Reads: univentionMailQuota policies (univentionMailQuotaMB, fixedAttributes, emptyAttributes, requiredObjectClasses,
// prohibitedObjectClasses); univentionPolicyReference of mail users and of the containers above them; of users also
// mailPrimaryAddress, mailAlternativeAddress, uid, univentionMailHomeServer and univentionMailUserQuota.
//
// Does: writes the table quota of Dovecot (var/lib/mailreg/dovecot), with each user who is at home here and has a quota by a
// policy alone, and flushes the authentication cache for whom it changes. While there is no policy it does nothing.
//
// Registry keys: hostname, domainname.
//
// Failure: a policy whose quota is no number says nothing; entries that cannot be read have none. A Dovecot that does not answer
// is schema.TargetDown.
package quota
