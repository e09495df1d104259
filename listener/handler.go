package listener

import (
	"context"
	"iter"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// Handler turns changes of directory entries into effects.
type Handler interface {
	// Name is the handler's fixed name in the store, on the command line and in logs.
	Name() string
	// Match reports whether the handler cares for the entry. It is asked of the old and the new side of a change: no,yes
	// is an add and yes,no a removal.
	Match(e *schema.Entry) bool
	// Apply brings the change about. It must be idempotent: after a crash, a retry or a lost answer it is called again
	// with the same change. Errors: schema.ErrInvalid parks the entry, schema.TargetDown pauses the target,
	// schema.ErrTemporary is retried for ever, anything else is retried and then parked. Nil acknowledges New; schema.ErrPartly does so, too, and parks.
	// A schema.Taken parks until the entry changes that it names.
	Apply(ctx context.Context, c schema.Change) error
}

// Claimer is a handler whose entries own resources that no two may have at once.
type Claimer interface {
	// Claims names the resources of a matching entry, such as "mailbox:a@x". It must be pure.
	Claims(e *schema.Entry) []string
}

// SetAsider is a Claimer that can free the claims of an entry before the change itself is possible, to break a cycle.
type SetAsider interface {
	// SetAside frees what c.Old claims, and whatever else an earlier call without an answer has taken for the entry, keeping
	// it where the later Apply finds it. That Apply may be of another New, also one that equals Old. Idempotent.
	SetAside(ctx context.Context, c schema.Change) error
}

// Taker is a handler whose effects can take mail away from where it is; the brake counts those.
type Taker interface {
	// Takes reports whether Apply of the change would move a store away or make it unreachable. It must be pure but for
	// reading settings; a change that Apply would refuse takes nothing. It is not asked about a change without Old.
	Takes(c schema.Change) bool
}

// Keeper is a Taker that keeps mail here for some of its entries only. Without it, the brake counts every acknowledged
// entry as a store.
type Keeper interface {
	// Keeps reports whether an acknowledged entry has a store on this host. It must be pure but for reading settings.
	Keeps(e *schema.Entry) bool
}

// Flusher is a handler that finishes its work at the end of a burst. Its entries are acknowledged only after Flush has
// returned nil; an error is treated as that of every entry applied since the last Flush, schema.Faults as that of those
// entries alone.
type Flusher interface {
	Flush(ctx context.Context) error
}

// Loser is a handler that gives up something when an entry that goes on to exist loses an attribute. An access rule may hide
// attributes one by one, so their absence is confirmed as that of an entry is.
type Loser interface {
	// Loses names the attributes of c.Old that the handler would act on and that c.New has not. It must be pure.
	Loses(c schema.Change) []string
}

// Differ is a handler that reads but a part of its entries.
type Differ interface {
	// Differs reports whether both sides of a change, neither of which is nil, differ in what the handler reads. When they do
	// not, the change is acknowledged without a call, unless an earlier call had no answer or a person asks for one. It must be
	// pure.
	Differs(c schema.Change) bool
}

// Targeter is a handler that can tell whom a call needs.
type Targeter interface {
	// Targets names the targets that Apply of the change would meet, as in schema.TargetDown. While one of them is down, nothing
	// is called that names it but one call at a time that tries it. It must be pure but for reading settings.
	Targets(c schema.Change) []string
}

// Limited is a handler that bears fewer calls at once than others.
type Limited interface {
	// Calls is how many.
	Calls() int
}

// Recaller is a handler that looks at all of its entries at once, and so has to know more than it is called with.
type Recaller interface {
	// Recall is called before anything else in each run, with the entries as the handler has acknowledged them.
	Recall(entries iter.Seq[*schema.Entry])
}

// Reconciler is a handler that can set its whole target right at once.
type Reconciler interface {
	// Reconcile is called with all matching entries after the first refresh of each run, and for resync: it also undoes
	// what nobody remembers, such as the effect of a call that a crash kept from being acknowledged. An entry that is out of
	// reach, or whose change is not to be acted on yet, is shown as it was acknowledged.
	Reconcile(ctx context.Context, entries iter.Seq[*schema.Entry]) error
}

// Sparer is a Reconciler that can leave single entries as they are on its target.
type Sparer interface {
	// Spare is called before each Reconcile with the entries about which a person has decided that nothing is to be done until
	// they change.
	Spare(ids map[schema.UUID]bool)
}

// Waker is a handler to which an entry means something else at a later time, without any event: an account that expires.
type Waker interface {
	// Wake returns the first moment after a time at which an entry that the handler has acknowledged is to be applied again,
	// as one that is not to be skipped although nothing has changed; zero for never. It must be pure but for reading settings.
	// Times are those of the wall clock; after one that has come up while nobody ran, the call is made at the start.
	Wake(e *schema.Entry, after time.Time) time.Time
}

// Versioned is a handler that may do something else for the same entry, or match and claim otherwise, after it was set up
// anew.
type Versioned interface {
	// Version differs from that of the last start when all entries are to be looked at again: each one is then called once
	// more, what is not matched any more as a removal, and the brake counts what that takes away.
	Version() string
}

// Planner is a handler that can tell what a call would do.
type Planner interface {
	// Steps are what Apply of the change would do, in words. It must be pure but for reading settings.
	Steps(c schema.Change) []string
}

// Timed is a handler with a limit of its own to how long a call may take.
type Timed interface {
	// Limit is after how long the context of a call ends.
	Limit() time.Duration
}

// Inspector is a handler that can tell whether its target still is as it left it.
type Inspector interface {
	// Inspect compares the target with an entry that the handler has acknowledged, and changes nothing.
	Inspect(ctx context.Context, acknowledged *schema.Entry) ([]schema.Difference, error)
}

// Companion is an Inspector that looks after a part of what people know as another handler's.
type Companion interface {
	// Beside names that one: whoever compares it with the mail server has this one compared as well.
	Beside() string
}

// Surveyor is an Inspector whose target may hold what none of its entries accounts for.
type Surveyor interface {
	// Survey finds that, and changes nothing. What it names with a UUID goes by Apply of a change that has no sides.
	Survey(ctx context.Context, known func(schema.UUID) bool) ([]schema.Stray, error)
}

// Reidentifier is a handler that keeps what it does by the ids of entries. When the directory was loaded anew, its entries have
// others.
type Reidentifier interface {
	// Reidentify makes c.UUID the owner of all that former has; Apply of the change follows. Idempotent.
	Reidentify(ctx context.Context, former schema.UUID, c schema.Change) error
	// Disown is called in place of Apply for an entry that is gone, and puts what it has out of reach. Idempotent.
	Disown(ctx context.Context, c schema.Change) error
}
