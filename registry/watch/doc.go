// Package watch notices edits that people make by hand to layer files, templates, declarations and the files that
// templates include, and commits them when mailreg/autocommit is true.
//
// Reads: the folders of registry.Inputs by inotify; what counts is the content, as registry.Edited compares it, so that it
// does not matter how an editor writes, and a transaction's own writing is no edit.
//
// Does: when nothing has moved for a moment it looks. With autocommit it commits everything, values checked by their
// types; without it says what a commit would do. What is refused is refused once: the same content is tried again only
// when a disk or the like was at fault.
//
// Registry keys: mailreg/autocommit, read anew at each look.
//
// Failure: an edit that is broken stays where it is and is reported, in the log and by Notes; the last good settings and
// files stay in force. Without inotify, or when its watches are used up, it looks at intervals and says so.
package watch
