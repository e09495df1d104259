// Package psearch follows a provider by persistent search (draft-ietf-ldapext-psearch-03), which 389-ds, OpenDJ, DSEE and
// others serve.
//
// It has no positions, and no sign of where the present ends and the future begins. So each session begins the persistent
// search for changes only, scans everything on a second connection while changes are kept in a bounded buffer, ends the
// refresh as a snapshot, and then hands out what the buffer holds, of each entry the last. What leaves the filter is told
// because the search is for all entries and the filter is applied here; what leaves the base is not told at all: from
// time to time everything is scanned again.
package psearch
