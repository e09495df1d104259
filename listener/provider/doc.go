// Package provider chooses how a directory is followed: by what the server that was reached says of itself in its root DSE,
// or by ldap/source.
//
// Content synchronisation goes first, for only it has positions and tells of everything; DirSync is that of Active
// Directory; a persistent search tells at once, but without positions; polling is left where there is nothing else. What
// identifies the entries goes with the choice: the sync control of 389-ds carries nsUniqueId, whatever other attributes an
// entry has.
package provider
