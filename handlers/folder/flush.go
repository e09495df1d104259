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
	called, moved := h.called, h.moved
	h.forget()
	h.called, h.moved = called, moved
	for e := range entries {
		h.index(e.UUID, e)
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
	if err := h.settle(); err != nil {
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
	clear(h.moved)
	clear(h.called)
	return nil
}

// settle keeps whom the rights of all folders mean, those of other hosts as well: a folder may come here.
func (h *Handler) settle() error {
	if h.known == nil {
		known, err := readMemory(h.cfg.Root)
		if err != nil {
			return err
		}
		h.known = &known
	}
	next := memory{Version: 1, Folders: map[schema.UUID]bindings{}}
	for uuid, f := range h.folders {
		next.Folders[uuid] = bind(f, h.known.Folders[uuid], h.people)
	}
	if next.equal(*h.known) {
		return nil
	}
	if err := next.write(h.cfg.Root); err != nil {
		return err
	}
	h.known = &next
	return nil
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
	if !h.told || !maps.EqualFunc(shown, h.shown, same) {
		list := slices.SortedFunc(maps.Values(shown), func(a, b backend.Shared) int { return a.UUID.Compare(b.UUID) })
		if err := server.Commit(ctx, list); err != nil {
			return err
		}
	}
	h.shown, h.told = shown, true
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
	if !ok || was.Primary != next.Primary || !slices.Equal(was.Grants, next.Grants) {
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
	if err = h.settle(); err != nil {
		h.mu.Unlock()
		return nil, err
	}
	want := h.shared(f)
	h.mu.Unlock()
	return server.Inspect(ctx, want)
}
