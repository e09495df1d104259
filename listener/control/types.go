package control

import (
	"context"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// API is what the daemon answers; the listener implements it, Client calls it.
type API interface {
	Status(ctx context.Context) (Status, error)
	// Wait returns once every handler has done all that the provider held when it was asked.
	Wait(ctx context.Context) (WaitResult, error)
	Parked(ctx context.Context) ([]Parked, error)
	// Retry makes parked and retrying work due now: that of one ID, or all when it is "".
	Retry(ctx context.Context, id string) (int, error)
	// Drop acknowledges one parked item without effect.
	Drop(ctx context.Context, id string) error
	Held(ctx context.Context) ([]Held, error)
	// Approve lets a held batch run, Reject acknowledges it without effect; both return the number of entries.
	Approve(ctx context.Context, id string) (int, error)
	Reject(ctx context.Context, id string) (int, error)
	// Planned lists what the handlers would do next; in staging that is all they ever do.
	Planned(ctx context.Context) ([]Planned, error)
	// Pause keeps a handler from being called until Resume, also over restarts.
	Pause(ctx context.Context, handler string) error
	Resume(ctx context.Context, handler string) error
	// Forget removes what is kept of a handler that takes no part any more.
	Forget(ctx context.Context, handler string) error
	// Resync marks entries of a handler to be applied again; all when the selection is empty.
	Resync(ctx context.Context, r ResyncRequest) (ResyncResult, error)
	// Progress tells how far a resync is.
	Progress(ctx context.Context, r ProgressRequest) (Progress, error)
	// Audit compares the replica with the whole directory and repairs it.
	Audit(ctx context.Context, r AuditRequest) (AuditReport, error)
	// Diff compares directory, replica, handlers and mail server, and changes nothing.
	Diff(ctx context.Context, r DiffRequest) (DiffResult, error)
	// Entries returns the replica's entries that match a selection.
	Entries(ctx context.Context, s Selection) ([]Entry, error)
	// Backup makes a checked copy of the store.
	Backup(ctx context.Context) (BackupResult, error)
	// Explain tells what is known of the entries that match a selection now, or did when a handler last did something for them.
	Explain(ctx context.Context, s Selection) ([]Explanation, error)
	// Advise looks at the directory server, and says what its administrator should change.
	Advise(ctx context.Context) ([]Advice, error)
	// Moves returns the users on their way from or to other hosts, the oldest first; Move steers one.
	Moves(ctx context.Context) ([]Move, error)
	Move(ctx context.Context, r MoveRequest) error
	// Stores returns mail stores that only the daemon can ask for, StoreUsage what one of them holds.
	Stores(ctx context.Context, q StoreQuery) ([]Store, error)
	StoreUsage(ctx context.Context, s StoreName) (StoreUsage, error)
	// RestoreStore puts back a store that was moved aside, PurgeStores removes such stores.
	RestoreStore(ctx context.Context, r RestoreRequest) (RestoreResult, error)
	PurgeStores(ctx context.Context, r PurgeRequest) (PurgeResult, error)
}

// Status is the daemon's state.
type Status struct {
	Ready   bool     `json:"ready"`
	Reasons []string `json:"reasons"`
	// Notes are what a person should know and what does not make the daemon unready, such as an edit that is refused.
	Notes    []string        `json:"notes"`
	Source   SourceStatus    `json:"source"`
	Entries  int             `json:"entries"`
	Held     int             `json:"held"`
	Handlers []HandlerStatus `json:"handlers"`
	Store    StoreStatus     `json:"store"`
	// Audit is the last comparison of the replica with the whole directory.
	Audit *AuditReport `json:"audit,omitempty"`
	// Server is the last comparison of a part of all entries with the mail server.
	Server *SliceStatus `json:"server,omitempty"`
	// Absent names the handlers of which something is kept although they take no part any more.
	Absent []string `json:"absent,omitempty"`
}

// BackupResult is the copy that was made.
type BackupResult struct {
	// Path is its file as the daemon names it.
	Path string `json:"path"`
}

// StoreStatus is the state of the daemon's store.
type StoreStatus struct {
	// Bytes is the size of its file.
	Bytes int64 `json:"bytes"`
	// LastError is why the last transaction was not written, "" when it was.
	LastError string `json:"last_error"`
}

// SourceStatus is the state of the session with the provider.
type SourceStatus struct {
	Kind string `json:"kind"`
	URL  string `json:"url"`
	// Phase is connecting, refresh, persist or down.
	Phase       string `json:"phase"`
	LastMessage Moment `json:"last_message"`
	// PositionStored is when the position was last stored, in this run.
	PositionStored Moment `json:"position_stored"`
	// RefreshEntries is how many entries the running refresh has mentioned so far.
	RefreshEntries int `json:"refresh_entries,omitempty"`
	// Lag is for how many seconds the provider has been ahead of the replica, LastProbe when it last answered a question,
	// Renewals how many sessions were ended because they seemed dead.
	Lag       float64 `json:"lag"`
	LastProbe Moment  `json:"last_probe"`
	Renewals  int     `json:"renewals"`
	// LastError is why the last session ended, "" while there is one in step.
	LastError string `json:"last_error"`
}

// Moment is a time that prints as null when there was none.
type Moment struct{ time.Time }

// MarshalJSON prints the time in UTC, or null.
func (m Moment) MarshalJSON() ([]byte, error) {
	if m.IsZero() {
		return []byte("null"), nil
	}
	return m.UTC().MarshalJSON()
}

// HandlerStatus is the state of one handler.
type HandlerStatus struct {
	Name     string `json:"name"`
	Pending  int    `json:"pending"`
	Retrying int    `json:"retrying"`
	Parked   int    `json:"parked"`
	// Held is how many changes the brake has stopped, Running how many calls have not been answered yet.
	Held    int `json:"held"`
	Running int `json:"running"`
	// Oldest is since when the oldest change waits that is neither done nor for a person.
	Oldest      Moment `json:"oldest"`
	LastSuccess Moment `json:"last_success"`
	// LastError is the last error of this run, "" when there was none; it stays when things go well again.
	LastError   string `json:"last_error"`
	LastErrorAt Moment `json:"last_error_at"`
	// Paused is since when a person keeps the handler from being called; what comes meanwhile is pending.
	Paused Moment `json:"paused,omitzero"`
	// Targets are those that are down; what waits for them is among the retrying.
	Targets []TargetStatus `json:"targets,omitempty"`
}

// TargetStatus is a target of a handler that is down.
type TargetStatus struct {
	Name  string `json:"name"`
	Since Moment `json:"since"`
	// Waiting is how many changes wait for it, Reason what the last call met.
	Waiting int    `json:"waiting"`
	Reason  string `json:"reason"`
}

// WaitResult lists what counts as done but waits for a person.
type WaitResult struct {
	Parked []Parked `json:"parked"`
	Held   []Held   `json:"held"`
}

// Parked is an entry that a handler has given up on until it changes or a person acts.
type Parked struct {
	ID       string      `json:"id"`
	Handler  string      `json:"handler"`
	UUID     schema.UUID `json:"uuid"`
	DN       string      `json:"dn"`
	Reason   string      `json:"reason"`
	Since    time.Time   `json:"since"`
	Attempts int         `json:"attempts"`
}

// Planned is a change as a handler would be called for it.
type Planned struct {
	Handler string      `json:"handler"`
	UUID    schema.UUID `json:"uuid"`
	DN      string      `json:"dn"`
	// Op is add, change, remove or set aside, park or hold when it would be left to a person, fail when the handler cannot judge it.
	Op string `json:"op"`
	// Takes is set when it takes mail away from where it is.
	Takes bool `json:"takes"`
	// Steps are what the call would do, where the handler can tell; Reason is what is in its way.
	Steps  []string `json:"steps,omitempty"`
	Reason string   `json:"reason,omitempty"`
}

// Held is a batch of changes that the brake has stopped.
type Held struct {
	ID      string      `json:"id"`
	Handler string      `json:"handler"`
	Reason  string      `json:"reason"`
	Since   time.Time   `json:"since"`
	Count   int         `json:"count"`
	Entries []HeldEntry `json:"entries"`
}

// HeldEntry is one held change.
type HeldEntry struct {
	UUID schema.UUID `json:"uuid"`
	DN   string      `json:"dn"`
	// Waits is set when the change itself takes nothing away but claims what a held one still owns.
	Waits bool `json:"waits,omitempty"`
}

// Selection picks entries; empty fields do not narrow.
type Selection struct {
	DN string `json:"dn,omitempty"`
	// Below is the DN of a tree: itself and all that lies below.
	Below   string `json:"below,omitempty"`
	UUID    string `json:"uuid,omitempty"`
	Address string `json:"address,omitempty"`
}

// ResyncRequest asks for a resync.
type ResyncRequest struct {
	// Handler is empty for all handlers.
	Handler   string    `json:"handler"`
	Selection Selection `json:"selection"`
	DryRun    bool      `json:"dry_run"`
	// Reload reads the selected entries from the directory first.
	Reload bool `json:"reload,omitempty"`
}

// ResyncResult tells what a resync marked, or with DryRun would mark.
type ResyncResult struct {
	Entries []Entry `json:"entries"`
	// Effects are what each handler is called for, entry by entry.
	Effects []ResyncEffect `json:"effects"`
	// From and To delimit the marks, for Progress.
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// ResyncEffect is one call that a resync brings about.
type ResyncEffect struct {
	Handler string      `json:"handler"`
	UUID    schema.UUID `json:"uuid"`
	DN      string      `json:"dn"`
	// Op is add, change, remove, or again when nothing has changed.
	Op string `json:"op"`
	// Takes is set when it would take mail away, which the brake counts.
	Takes bool `json:"takes,omitempty"`
}

// ProgressRequest asks how far a resync is, by the numbers of its result.
type ProgressRequest struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// Progress is what is left of a resync. Waiting is what waits for a person.
type Progress struct {
	Left    int `json:"left"`
	Waiting int `json:"waiting"`
	// Reason is why it does not go on, where something is in its way, "" else.
	Reason string `json:"reason,omitempty"`
}

// Entry is a replica entry.
type Entry struct {
	UUID schema.UUID `json:"uuid"`
	DN   string      `json:"dn"`
	// Attrs are the attributes, where they are told.
	Attrs map[string][]string `json:"attrs,omitempty"`
}

// Explanation is all that the daemon knows of an entry.
type Explanation struct {
	// Entry is the newest known state.
	Entry Entry `json:"entry"`
	// Present says that the replica holds it, Outside that it can no longer be read and was kept for that reason.
	Present  bool            `json:"present"`
	Outside  bool            `json:"outside"`
	Handlers []HandlerReport `json:"handlers"`
}

// HandlerReport is how far one handler is with one entry.
type HandlerReport struct {
	Name string `json:"name"`
	// State is unconcerned, done, pending, waiting (for BlockedBy), retrying, paused, parked or held.
	State string `json:"state"`
	// Claims are the resources that the entry owns, Done is when the handler last did something for it.
	Claims []string `json:"claims"`
	Done   Moment   `json:"done"`
	// Since is when the entry came into work, Next when it is tried again, Reason why it is not done. ID is what to call it
	// by (that of the batch when it is held), BlockedBy the DN of the entry that is waited for.
	Since     Moment `json:"since"`
	Next      Moment `json:"next"`
	Attempts  int    `json:"attempts"`
	Reason    string `json:"reason"`
	ID        string `json:"id"`
	BlockedBy string `json:"blocked_by"`
}

// Schema returns the entry as handlers know it.
func (e Entry) Schema() *schema.Entry {
	attrs := make([]schema.Attribute, 0, len(e.Attrs))
	for name, values := range e.Attrs {
		attrs = append(attrs, schema.Attribute{Name: name, Values: values})
	}
	return schema.NewEntry(e.UUID, e.DN, attrs...)
}

// Item is the argument of an operation on one parked entry or held batch.
type Item struct {
	ID string `json:"id"`
}

// HandlerName is the argument of an operation on a handler.
type HandlerName struct {
	Handler string `json:"handler"`
}

// Patience bounds a wait on the daemon's side, so that the daemon can say what it still waited for.
type Patience struct {
	// Timeout is a duration such as "30s"; none when empty.
	Timeout string `json:"timeout,omitempty"`
}

// Advice is what is to be said about the directory server.
type Advice struct {
	// Check is what was looked at; Level is ok, unknown (it could not be looked at), warning or problem.
	Check   string `json:"check"`
	Level   string `json:"level"`
	Message string `json:"message"`
	// LDIF is what the directory's administrator can apply to mend it, "" when there is no such thing.
	LDIF string `json:"ldif,omitempty"`
}

// None stands for no arguments or no result.
type None struct{}

// Failure is the body of every answer that is not a success.
type Failure struct {
	Error string `json:"error"`
}
