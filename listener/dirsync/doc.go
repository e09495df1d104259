// Package dirsync follows an Active Directory, Microsoft's or Samba's, by its DirSync control (MS-ADTS 3.1.1.3.4.1.3).
//
// DirSync says what has changed since a cookie, of the whole naming context, and searches of the usual kind say what it is
// now: each changed entry is read anew under its objectGUID. So nothing has to be merged from the parts of entries that
// the control brings, it does not matter in what order or how often they come, and the server itself says what matches the
// filter. The control's flag of object security is always set: no right to replicate is needed, which would show passwords.
//
// Deletions are told by tombstones, and those are shown to who may read the container of deleted objects. For others the
// entries are counted through: at the start of each session, and in it every minute in which the server has written.
package dirsync
