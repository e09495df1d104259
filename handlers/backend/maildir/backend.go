package maildir

import "context"

// Backend is the spool of a host without a mail server of its own: no sessions to end and no caches to flush.
type Backend struct{ *Spool }

// Flush does nothing.
func (Backend) Flush(context.Context, ...string) error { return nil }

// Kick does nothing.
func (Backend) Kick(context.Context, ...string) error { return nil }

// Subscribe does nothing: nobody reads here.
func (Backend) Subscribe(context.Context, string, string) error { return nil }

// Unsubscribe does nothing.
func (Backend) Unsubscribe(context.Context, string, string) error { return nil }
