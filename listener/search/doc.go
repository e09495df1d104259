// Package search is LDAP searches over the wire layer, as the sources use them: one that goes on for ever, whole scans in
// pages, and the reading of single entries.
package search
