package folder

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// Grouper is a Server that is told who is in the groups that have rights: by address, the names of the groups.
type Grouper interface {
	SetGroups(ctx context.Context, members map[string][]string) error
}

// Follower is a Server on which users give rights to each other.
type Follower interface {
	// Follow changes these rights where those who have them are called otherwise. find returns who has an address now.
	Follow(ctx context.Context, renamed []backend.Renaming, folders []backend.Folder, find func(address string) schema.UUID) error
}

// Subscriber is a Server with lists of subscriptions.
type Subscriber interface {
	// Resubscribe takes a name off the lists of users, and puts another on them unless it is "".
	Resubscribe(ctx context.Context, users []string, from, to string) error
}

// Flush brings the rights and quotas of all folders in line with what was applied, and the groups. Its Faults are folders for
// which that failed.
func (h *Handler) Flush(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.changed {
		return nil
	}
	if err := h.bring(ctx); err != nil {
		return err
	}
	h.changed = false
	return nil
}

// Reconcile looks at everything anew: it also makes stores that are missing, and takes away what nobody remembers.
func (h *Handler) Reconcile(ctx context.Context, entries iter.Seq[*schema.Entry]) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	called, moved, former := h.called, h.moved, h.folders
	h.forget()
	h.called, h.moved = called, moved
	for e := range entries {
		h.index(e.UUID, e)
	}
	for uuid, f := range h.folders { // one that may not have its address yet stays what it was
		if h.taken(f, former[uuid]) != nil {
			h.put(uuid, former[uuid])
		}
	}
	s, err := h.settings()
	if err != nil {
		return err
	}
	server, err := h.server()
	if err != nil {
		return err
	}
	for _, f := range h.here(s) {
		if err := server.Ensure(ctx, neutral(f, time.Time{})); err != nil {
			h.cfg.Logger.Error("looking for the store of a folder", "handler", Name, "uuid", f.UUID, "err", err)
		}
	}
	h.changed = true
	err = h.bring(ctx)
	if faults, ok := errors.AsType[schema.Faults](err); ok {
		h.cfg.Logger.Error("setting the rights of folders", "handler", Name, "err", faults)
		err = nil // each has a mark
	}
	return err
}

// here returns the folders that are at home on this host, sorted.
func (h *Handler) here(s Settings) (all []*schema.SharedFolder) {
	for _, f := range h.folders {
		if Here(f, s.Host) {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(a, b *schema.SharedFolder) int { return a.UUID.Compare(b.UUID) })
	return all
}

// bring settles whom rights mean, remembers that, and then tells the server.
func (h *Handler) bring(ctx context.Context) error {
	s, err := h.settings()
	if err != nil {
		return err
	}
	before, err := h.settle()
	if err != nil {
		return err
	}
	all := h.here(s)
	server, err := h.server()
	if err != nil {
		return err
	}
	if err := h.show(ctx, server, all); err != nil {
		return err
	}
	if err := h.follow(ctx, server, all); err != nil {
		return err
	}
	if err := h.resubscribe(ctx, server, before); err != nil {
		return err
	}
	clear(h.moved)
	clear(h.called)
	return nil
}

// follow has the server change what users have granted each other.
func (h *Handler) follow(ctx context.Context, server Server, all []*schema.SharedFolder) error {
	follower, ok := server.(Follower)
	if !ok || len(h.called) == 0 {
		return nil
	}
	var renamed []backend.Renaming
	for _, uuid := range slices.SortedFunc(maps.Keys(h.called), schema.UUID.Compare) {
		renamed = append(renamed, h.called[uuid])
	}
	folders := make([]backend.Folder, len(all))
	for i, f := range all {
		folders[i] = neutral(f, time.Time{})
	}
	err := follower.Follow(ctx, renamed, folders, func(address string) schema.UUID { return first(h.people.byAddress, address) })
	if err != nil {
		return fmt.Errorf("rights of who is called otherwise: %w", err)
	}
	return nil
}

// resubscribe changes the subscriptions of users who know a folder by another name now, or do not see it any more. Members of
// groups keep theirs, as on the peer.
func (h *Handler) resubscribe(ctx context.Context, server Server, before memory) error {
	subscriber, ok := server.(Subscriber)
	if !ok {
		return nil
	}
	for _, uuid := range slices.SortedFunc(maps.Keys(before.Folders), schema.UUID.Compare) {
		m, moved := h.moved[uuid]
		if f := h.folders[uuid]; !moved && f != nil {
			m.from = shownName(f)
		}
		var kept, lost []string
		has := h.readers(h.known.Folders[uuid])
		for _, user := range h.readers(before.Folders[uuid]) {
			if moved && m.to == "" || !slices.Contains(has, user) {
				lost = append(lost, user)
			} else {
				kept = append(kept, user)
			}
		}
		if err := subscriber.Resubscribe(ctx, lost, m.from, ""); err != nil {
			return err
		}
		if !moved {
			continue
		}
		if err := subscriber.Resubscribe(ctx, kept, m.from, m.to); err != nil {
			return err
		}
	}
	return nil
}

// readers returns the addresses of the users who have a right.
func (h *Handler) readers(bound bindings) (addresses []string) {
	for _, b := range bound {
		if u, ok := h.people.users[b.Who]; ok && b.Right != schema.RightNone {
			addresses = append(addresses, u.address)
		}
	}
	slices.Sort(addresses)
	return slices.Compact(addresses)
}

// settle keeps whom the rights of all folders mean, those of other hosts as well: a folder may come here. It returns what was
// settled before.
func (h *Handler) settle() (before memory, err error) {
	if h.known == nil {
		known, err := readMemory(h.cfg.Root)
		if err != nil {
			return memory{}, err
		}
		h.known = &known
	}
	before = *h.known
	next := memory{Version: 1, Folders: map[schema.UUID]bindings{}}
	for uuid, f := range h.folders {
		next.Folders[uuid] = bind(f, before.Folders[uuid], h.people)
	}
	if next.equal(before) {
		return before, nil
	}
	if err := next.write(h.cfg.Root); err != nil {
		return memory{}, err
	}
	h.known = &next
	return before, nil
}

// show tells the server what it has not been told yet.
func (h *Handler) show(ctx context.Context, server Server, all []*schema.SharedFolder) error {
	shown, faults := map[schema.UUID]backend.Shared{}, schema.Faults{}
	for _, f := range all {
		next := h.shared(f)
		err := h.showOne(ctx, server, next)
		if _, down := errors.AsType[*schema.TargetDown](err); down {
			return err
		}
		if err != nil {
			faults[f.UUID] = fmt.Errorf("%s: %w", f.DN, err)
			continue
		}
		shown[f.UUID] = next
	}
	if grouper, ok := server.(Grouper); ok {
		if err := grouper.SetGroups(ctx, h.people.members(all, h.known.Folders)); err != nil {
			return fmt.Errorf("groups of folders: %w", err)
		}
	}
	if !h.told || len(h.again) > 0 || !maps.EqualFunc(shown, h.shown, same) {
		list := slices.SortedFunc(maps.Values(shown), func(a, b backend.Shared) int { return a.UUID.Compare(b.UUID) })
		if err := server.Commit(ctx, list); err != nil {
			return err
		}
	}
	h.shown, h.told = shown, true
	clear(h.again)
	if len(faults) > 0 {
		return faults
	}
	return nil
}

func (h *Handler) shared(f *schema.SharedFolder) backend.Shared {
	return backend.Shared{Folder: neutral(f, time.Time{}), Grants: grants(f, h.known.Folders[f.UUID], h.people)}
}

func (h *Handler) showOne(ctx context.Context, server Server, next backend.Shared) error {
	was, ok := h.shown[next.UUID]
	if !ok || h.again[next.UUID] || was.Primary != next.Primary || !slices.Equal(was.Grants, next.Grants) {
		if err := server.SetRights(ctx, next); err != nil {
			return err
		}
	}
	if ok && was.Quota != next.Quota {
		return server.SetQuota(ctx, next.Folder)
	}
	return nil
}

func same(a, b backend.Shared) bool { return a.Folder == b.Folder && slices.Equal(a.Grants, b.Grants) }

// Inspect tells how the server differs from what a folder is to be.
func (h *Handler) Inspect(ctx context.Context, e *schema.Entry) ([]schema.Difference, error) {
	f := parse(e)
	s, err := h.settings()
	if err != nil || !Here(f, s.Host) {
		return nil, err
	}
	server, err := h.server()
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	if _, err = h.settle(); err != nil {
		h.mu.Unlock()
		return nil, err
	}
	want := h.shared(f)
	h.mu.Unlock()
	return server.Inspect(ctx, want)
}
