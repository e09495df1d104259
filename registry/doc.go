// Package registry changes the settings of the mail system and brings them into force: transactions that are all or
// nothing, from the keys to the reload. What is set, and how it is read, is the matter of package settings.
//
// # For other programs
//
// Open gives the registry of a host. View reads it; Change, Undo and Commit change it; Diff, History and Status tell about
// it. Nothing is printed, and nothing is kept open: a Registry may be used from many goroutines, beside other processes.
// A context that ends lets a call give up while it waits or checks; once the journal is written the call goes on to its end.
// Errors are values. Refusals tells which keys are at fault and how; ErrPending means that all is written but a service
// could not be told; ErrNested that a program which a commit has started has called back. After any other error nothing has
// changed.
//
// # The way of a transaction
//
// Change (an edit), Commit (no edit, all files), Undo, Register, Unregister and ImportUCR go the same way, told by Registry.run:
//
//	lock       one transaction at a time; readers never wait
//	finish     complete what a killed predecessor has begun           complete.go
//	module     what comes or goes with one, imported files too        register.go, package adopt
//	edit       keys, types and cross-checks, in memory                edit.go, crosscheck.go, package crosscheck
//	plan       which files are to be rendered anew, and removed       package generate
//	check      a staged copy, shown to the servers' own programs      stage.go
//	journal    all new files beside their targets, then the note      transaction.go, files.go, package swap
//	-------    the point of no return: from here the only way is forward
//	swap       every file into place, and the lines into the log      complete.go, package history
//	act        each service once, and a look whether it works         actions.go, package hook
//	settle     what is done leaves the list of what is pending
//
// Up to the line an error means that no byte has changed. Below it, a killed process leaves the rest to whoever comes
// next; an action that fails stays pending, which is no error of the files; and a server that does not work with the new
// files gets the former ones back, by a transaction of its own that goes the same way.
//
// Package state is the memory from one transaction to the next: what was written and what it depends on. It is swapped
// together with the files that it speaks of, so that it never disagrees with them.
package registry
