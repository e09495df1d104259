// Package ds389 tests the ways to follow a directory without OpenLDAP's syncprov: content synchronisation and persistent
// search of a real 389 Directory Server, and polling of it and of slapd.
package ds389
