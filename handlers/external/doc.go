// Package external runs programs of a site's own on changes of the directory: one handler for each file
// /etc/mailreg/handlers.d/NAME.ini, one run for each change, the change as JSON on standard input (docs/handlers.md).
//
// Reads: the attributes that the file names, of the entries that its filter selects.
//
// Does: whatever the program does. The promise is that of every handler: at least one run after each change of what the
// program reads, with the newest state and with the one that it has last acknowledged by its status 0.
//
// Registry keys: none.
//
// Failure: status 65 parks the entry; 75 tries again for ever; any other, and a run that takes too long, is tried again and
// then parked. A program that cannot be run at all pauses its handler. A file that cannot be read, or that others could have
// written, is left out and noted; what its handler has acknowledged stays.
package external
