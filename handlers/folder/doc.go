// Package folder keeps shared folders: their stores, and who may do what with them.
//
// Reads: univentionMailSharedFolder entries (cn, mailPrimaryAddress, univentionMailHomeServer, univentionMailUserQuota,
// univentionMailACL); of groups who is a member; of mail users address and uid.
//
// Does: makes the store of a folder whose home server is this host, converts it when the folder gets or loses an address,
// moves it to the trash when the folder is gone or at home elsewhere and delete=yes; sets rights and quota.
package folder
