// Package domain keeps the list of hosted mail domains.
//
// Reads: univentionMailDomainname entries; cn.
//
// Does: keeps mail/hosteddomains equal to the names of these entries: sorted, separated by single blanks, written only when
// the set has changed. Changes are collected; a burst costs one transaction.
//
// Registry keys: mail/hosteddomains, which it writes in layer normal.
//
// Failure: a name that is no domain is schema.ErrInvalid. A refused transaction is an error of all entries of the burst. A
// service action that stays pending is the registry's to retry, the list is in force. While layer files cannot be read
// everything waits.
package domain
