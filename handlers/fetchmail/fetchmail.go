package fetchmail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/handlers/backend/fetchmail"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// Name is the handler's name.
const Name = "fetchmail"

// peerFile is where a UCS host keeps what is fetched.
const peerFile = "etc/fetchmailrc"

// Config is what the handler works with.
type Config struct {
	// Root is the directory below which everything lies; "/" when empty.
	Root string
	// View reads the registry as it is now. Required.
	View func() (*registry.View, error)
	// Poll stands in for a run of fetchmail; nil takes that.
	Poll func(ctx context.Context, uuid schema.UUID, d fetchmail.Delivery) (fetchmail.Result, bool, error)
	// Now is time.Now when nil.
	Now func() time.Time
	// Logger discards when nil.
	Logger *slog.Logger
}

// Handler is the fetchmail handler.
type Handler struct {
	cfg   Config
	spool fetchmail.Spool
	plan  *timetable
}

// New returns the handler.
func New(cfg Config) *Handler {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	h := &Handler{cfg: cfg, spool: fetchmail.Open(cfg.Root), plan: newTimetable()}
	if h.cfg.Poll == nil {
		h.cfg.Poll = h.spool.Poll
	}
	return h
}

// On reports whether mail is fetched on a host: mailreg/service/fetchmail is yes, or auto and fetchmail is installed.
func On(view *registry.View) bool {
	switch view.String("mailreg/service/fetchmail") {
	case "yes":
		return true
	case "no":
		return false
	}
	return fetchmail.Installed()
}

// Clear removes all that a host knows of mailboxes elsewhere, for one that does not fetch mail any more.
func Clear(root string) error { return fetchmail.Open(root).Clear() }

// Name returns "fetchmail".
func (h *Handler) Name() string { return Name }

// Match accepts users with mailboxes elsewhere.
func (h *Handler) Match(e *schema.Entry) bool { return concerns(e) && e.HasClass(schema.ClassMail) }

// Differs reports whether something else is to be fetched, or for somebody else.
func (h *Handler) Differs(c schema.Change) bool {
	read := append(schema.FetchAttributes(), "uid", schema.AttrPrimaryAddress, schema.AttrHomeServer)
	return slices.ContainsFunc(read, func(name string) bool {
		return !slices.Equal(c.Old.Values(name), c.New.Values(name))
	})
}

// want plans for an entry with the settings as they are.
func (h *Handler) want(uuid schema.UUID, e *schema.Entry) (fetchmail.Box, []error, error) {
	view, err := h.cfg.View()
	if err != nil {
		return fetchmail.Box{}, nil, &schema.TargetDown{Target: "registry", Err: err}
	}
	host, err := view.FQDN()
	if err != nil {
		return fetchmail.Box{}, nil, err
	}
	var broken error
	box, wrong := Plan(uuid, e, host, func(uid, server, user string) string {
		rc, err := os.ReadFile(filepath.Join("/", h.cfg.Root, peerFile))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			broken = fmt.Errorf("reading /%s: %w", peerFile, err)
		}
		return left(string(rc), uid, server, user)
	})
	return box, wrong, broken
}

// Steps tells what Apply would do.
func (h *Handler) Steps(c schema.Change) []string {
	box, _, err := h.want(c.UUID, c.New)
	if err != nil {
		return []string{err.Error()}
	}
	have, found, err := h.spool.Read(c.UUID)
	switch {
	case err != nil:
		return []string{err.Error()}
	case len(box.Accounts) == 0 && !found, found && have.Equal(box):
		return nil
	case len(box.Accounts) == 0:
		return []string{"fetch no more mail for " + have.Address.String()}
	}
	return []string{fmt.Sprintf("fetch mail for %s from %s", box.Address, servers(box))}
}

func servers(box fetchmail.Box) string {
	var names []string
	for _, a := range box.Accounts {
		names = append(names, a.String())
	}
	return strings.Join(names, ", ")
}

// Apply brings the box of a user in line with the entry.
func (h *Handler) Apply(_ context.Context, c schema.Change) error {
	box, wrong, err := h.want(c.UUID, c.New)
	if err == nil {
		err = h.set(box)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", c.DN(), err)
	case len(wrong) > 0:
		return schema.Partlyf("%s: mail is not fetched: %w", c.DN(), errors.Join(wrong...))
	}
	return nil
}

// set makes a box what it shall be. An equal one is not touched, and not polled out of turn.
func (h *Handler) set(box fetchmail.Box) error {
	have, found, err := h.spool.Read(box.UUID)
	if err != nil {
		found, have = true, fetchmail.Box{} // it is replaced
	}
	switch {
	case len(box.Accounts) == 0:
		h.plan.drop(box.UUID)
		return h.spool.Remove(box.UUID)
	case found && have.Equal(box):
		return nil
	}
	if err := h.spool.Write(box); err != nil {
		return err
	}
	h.plan.due(box.UUID, h.cfg.Now())
	h.cfg.Logger.Info("a user has mail fetched from elsewhere", "handler", Name, "uuid", box.UUID.String())
	return nil
}

// Reconcile makes the boxes those of the entries: what is kept for others goes.
func (h *Handler) Reconcile(_ context.Context, entries iter.Seq[*schema.Entry]) error {
	wanted := map[schema.UUID]bool{}
	for e := range entries {
		box, _, err := h.want(e.UUID, e)
		if err != nil {
			return err
		}
		wanted[e.UUID] = true
		if err := h.set(box); err != nil {
			return err
		}
	}
	users, err := h.spool.Users()
	if err != nil {
		return err
	}
	for _, uuid := range users {
		if wanted[uuid] {
			continue
		}
		h.plan.drop(uuid)
		if err := h.spool.Remove(uuid); err != nil {
			return err
		}
	}
	return nil
}

// Inspect tells whether the box is that of the entry.
func (h *Handler) Inspect(_ context.Context, e *schema.Entry) ([]schema.Difference, error) {
	box, _, err := h.want(e.UUID, e)
	if err != nil {
		return nil, err
	}
	have, found, err := h.spool.Read(e.UUID)
	switch {
	case err != nil:
		return nil, err
	case !found && len(box.Accounts) == 0, found && have.Equal(box):
		return nil, nil
	case len(box.Accounts) == 0:
		return []schema.Difference{{What: "fetchmail", Have: servers(have)}}, nil
	}
	return []schema.Difference{{What: "fetchmail", Want: servers(box), Have: servers(have)}}, nil
}
