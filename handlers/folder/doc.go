// Package folder keeps shared folders: their stores, and who may do what with them.
//
// Reads: univentionMailSharedFolder entries (cn, mailPrimaryAddress, univentionMailHomeServer, univentionMailUserQuota,
// univentionMailACL); of groups the name and who is a member; of mail users address and uid.
//
// Does: makes the store of a folder whose home server is this host, converts it when the folder gets or loses an address,
// moves it to the trash when the folder is gone or at home elsewhere and delete=yes; sets rights and quota; keeps who is in
// the groups that have rights.
//
// A right names somebody by an address or by the name of a group. Whom it means is settled when the right is first seen, and
// kept in /var/lib/mailreg/folders.json by the id of the entry: a right follows who is renamed, and whoever gets an address or
// a name later has nothing of it until the right is given anew.
//
// Registry keys, read anew for each change: hostname, domainname, mail/dovecot/mailbox/delete and what describes the stores.
// It writes mail/dovecot/public/... (dovecot.conf gets its namespaces from there).
//
// Failure: bad data is schema.ErrInvalid and names DN and reason; rights that nobody can make sense of are schema.ErrPartly.
// Flush and Reconcile bring rights in line; a folder that cannot be is a fault of that entry alone.
package folder
