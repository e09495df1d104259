package schema

// Change is what a handler is asked to bring about: the entry as this handler last acknowledged it and as it is now.
// Retries, coalescing and crashes never hide a difference, because Old moves only when the handler has said yes.
type Change struct {
	// UUID identifies the entry; it is set also when Old and New are nil.
	UUID UUID
	// Old is nil when this handler never acknowledged the entry, or has acknowledged its removal, or did not match it. A
	// call that had no answer counts: when nothing else is acknowledged, Old is the state that it was about.
	Old *Entry
	// New is nil when the entry is gone, or when this handler does not match it any more.
	New *Entry
}

// DN returns the newest known DN, "" when neither side is known.
func (c Change) DN() string {
	switch {
	case c.New != nil:
		return c.New.DN
	case c.Old != nil:
		return c.Old.DN
	default:
		return ""
	}
}
