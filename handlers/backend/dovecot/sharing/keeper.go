package sharing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/confine"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// Dir holds what is told to Dovecot in files, below the root.
const Dir = "/var/lib/mailreg/dovecot"

// The files below Dir.
const (
	rightsName = "acl"
	groupsName = "groups"
	// leavingName has who is to be kicked since they have left a group, one in a line.
	leavingName = "groups.leaving"
	boxesDir    = "shared"
	aclName     = "dovecot-acl"
	listName    = "dovecot-acl-list"
	// fileLimit bounds what is read of the files that we have written.
	fileLimit = 256 << 20
)

// Stores are the mail homes of the host.
type Stores interface {
	Account() (uid, gid int)
	// Wanted returns where the home of an owner is to be.
	Wanted(o backend.Owner) string
	// Beside opens a directory of the spool that is none of the stores.
	Beside(rel string) (*confine.Dir, error)
	Home(ctx context.Context, owner schema.UUID, use func(home *confine.Dir) error, hints ...schema.Address) (bool, error)
	Ensure(ctx context.Context, o backend.Owner, follow bool) error
	Trash(ctx context.Context, a backend.Away) error
	Leave(ctx context.Context, a backend.Away) error
	Inspect(ctx context.Context, o backend.Owner) ([]schema.Difference, error)
	Flush(ctx context.Context, names ...string) error
	Kick(ctx context.Context, names ...string) error
	Subscribe(ctx context.Context, user, mailbox string) error
	Unsubscribe(ctx context.Context, user, mailbox string) error
	Address(ctx context.Context, owner schema.UUID, hints ...schema.Address) (schema.Address, bool, error)
	Inherit(ctx context.Context, former, owner schema.UUID, hint schema.Address) error
	Quarantine(ctx context.Context, a backend.Away) error
}

// Registry is what is needed of the registry.
type Registry interface {
	View() (*registry.View, error)
	Change(ctx context.Context, edit registry.Edit) (registry.Outcome, error)
}

// Config is what a Keeper works with.
type Config struct {
	// Root is the directory below which Dir lies; "/" when empty.
	Root string
	// Stores and Registry are required.
	Stores   Stores
	Registry Registry
	// Fault, when set, is asked before each change of the disk below Dir; its error ends the call there. For tests.
	Fault func(op, path string) error
}

// Keeper keeps shared folders for a Dovecot.
type Keeper struct{ cfg Config }

// New returns the keeper.
func New(cfg Config) *Keeper {
	if cfg.Root == "" {
		cfg.Root = "/"
	}
	return &Keeper{cfg}
}

// owner returns whose the store of a folder is. One without an address has one that is nobody else's, and that nothing is
// delivered to.
func owner(f backend.Folder) (backend.Owner, error) {
	address := f.Primary
	if address.IsZero() {
		at := bytes.LastIndexByte([]byte(f.Name), '@')
		var err error
		if address, err = schema.ParseAddress(f.UUID.String() + f.Name[max(at, 0):]); err != nil {
			return backend.Owner{}, err
		}
	}
	return backend.Owner{UUID: f.UUID, Address: address, Changed: f.Changed}, nil
}

// account owns the stores.
func (k *Keeper) account() confine.Owner {
	uid, gid := k.cfg.Stores.Account()
	return confine.Owner{UID: uid, GID: gid}
}

// Ensure implements the handler's Server.
func (k *Keeper) Ensure(ctx context.Context, f backend.Folder) error {
	o, err := owner(f)
	if err != nil {
		return err
	}
	if err := k.place(ctx, o); err != nil {
		return err
	}
	_, err = k.cfg.Stores.Home(ctx, f.UUID, func(home *confine.Dir) error {
		if err := k.adopt(home, f); err != nil {
			return err
		}
		return shape(home, k.account(), f.Primary.IsZero())
	}, o.Address)
	return err
}

// adopt takes in the mail of a folder that the peer has kept, public/DOMAIN/NAME beside the private homes. What came to the new
// store before is merged by shape.
func (k *Keeper) adopt(home *confine.Dir, f backend.Folder) error {
	at := strings.LastIndexByte(f.Name, '@')
	if !f.Primary.IsZero() || at < 0 {
		return nil
	}
	domain, err := k.cfg.Stores.Beside("public/" + f.Name[at+1:])
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer domain.Close()
	if _, found, err := domain.Stat(f.Name[:at]); err != nil || !found {
		return err
	}
	if err := setEarly(home); err != nil {
		return err
	}
	return domain.Move(f.Name[:at], home, mailName)
}

// place makes the store or has it follow. Where it moves, nobody may be in it, and deliveries ask the directory anew.
func (k *Keeper) place(ctx context.Context, o backend.Owner) error {
	at, found, err := k.cfg.Stores.Address(ctx, o.UUID, o.Address)
	if err != nil {
		return err
	}
	if found && at == o.Address {
		return k.cfg.Stores.Ensure(ctx, o, true)
	}
	names := []string{o.Address.String()}
	if found {
		names = append(names, at.String())
	}
	for _, step := range []func() error{
		func() error { return k.cfg.Stores.Flush(ctx, names...) },
		func() error { return k.cfg.Stores.Kick(ctx, names...) },
		func() error { return k.cfg.Stores.Ensure(ctx, o, true) },
		func() error { return k.cfg.Stores.Flush(ctx, names...) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// Inherit gives the store of a former id to its present one.
func (k *Keeper) Inherit(ctx context.Context, former schema.UUID, f backend.Folder) error {
	then := f
	then.UUID = former
	o, err := owner(then)
	if err != nil {
		return err
	}
	return k.cfg.Stores.Inherit(ctx, former, f.UUID, o.Address)
}

// Disown puts the store of a folder out of reach.
func (k *Keeper) Disown(ctx context.Context, f backend.Folder) error {
	o, err := owner(f)
	if err != nil {
		return err
	}
	return k.cfg.Stores.Quarantine(ctx, backend.Away{UUID: f.UUID, From: o.Address})
}

// Remove implements the handler's Server. Nobody is logged in as the folder but a delivery.
func (k *Keeper) Remove(ctx context.Context, f backend.Folder, trash bool) error {
	o, err := owner(f)
	if err != nil {
		return err
	}
	away := backend.Away{UUID: f.UUID, From: o.Address, Cause: backend.Foreign}
	act := k.cfg.Stores.Leave
	if trash {
		away.Cause, act = backend.Deleted, k.cfg.Stores.Trash
	}
	for _, step := range []func() error{
		func() error { return k.cfg.Stores.Flush(ctx, o.Address.String()) },
		func() error { return k.cfg.Stores.Kick(ctx, o.Address.String()) },
		func() error { return act(ctx, away) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// SetRights implements the handler's Server: it writes those of the inbox.
func (k *Keeper) SetRights(ctx context.Context, f backend.Shared) error {
	return k.inbox(ctx, f, func(mail, inbox *confine.Dir) error {
		have, err := readFile(inbox, aclName)
		want := inboxFile(f.Grants)
		if err != nil || bytes.Equal(have, want) {
			return err
		}
		if err := inbox.Replace(aclName, want, k.account()); err != nil {
			return err
		}
		return mail.Remove(listName) // Dovecot makes it anew
	})
}

// inbox calls use with the Maildir of a folder and its inbox, which may be the same.
func (k *Keeper) inbox(ctx context.Context, f backend.Shared, use func(mail, inbox *confine.Dir) error) error {
	o, err := owner(f.Folder)
	if err != nil {
		return err
	}
	found, err := k.cfg.Stores.Home(ctx, f.UUID, func(home *confine.Dir) error {
		mail, err := home.Sub(mailName)
		if err != nil {
			return err
		}
		defer mail.Close()
		rel := "."
		if f.Primary.IsZero() {
			rel = inboxName
		}
		inbox, err := mail.Walk(rel)
		if err != nil {
			return err
		}
		defer inbox.Close()
		return use(mail, inbox)
	}, o.Address)
	if err == nil && !found {
		err = fmt.Errorf("the folder %s has no store", mailboxName(f.Folder))
	}
	return err
}

// SetQuota implements the handler's Server: that of a folder with an address Dovecot reads in the directory, when it looks again.
func (k *Keeper) SetQuota(ctx context.Context, f backend.Folder) error {
	if f.Primary.IsZero() {
		return nil // by Commit
	}
	return k.cfg.Stores.Flush(ctx, f.Primary.String())
}

// Commit implements the handler's Server. What somebody has lost goes first from the file that decides.
func (k *Keeper) Commit(ctx context.Context, all []backend.Shared) error {
	dir, err := k.open()
	if err != nil {
		return err
	}
	defer dir.Close()
	former, err := readFile(dir, rightsName)
	if err != nil {
		return err
	}
	// The list comes before the rights file, by which it is known whose lines are in it.
	if err := k.list(ctx, dir, all, owners(former)); err != nil {
		return err
	}
	if want := rightsFile(all); former == nil || !bytes.Equal(former, want) {
		if err := dir.Replace(rightsName, want, confine.Caller()); err != nil {
			return err
		}
	}
	return k.publish(ctx, all)
}

// list brings the lines of folders in Dovecot's list in line.
func (k *Keeper) list(ctx context.Context, dir *confine.Dir, all []backend.Shared, former map[string]bool) error {
	boxes, err := dir.Make(boxesDir, 0o700, k.account())
	if err != nil {
		return err
	}
	defer boxes.Close()
	return editBoxes(ctx, boxes, k.account(), func(have map[box]bool) {
		ours := map[string]bool{}
		for owner := range former {
			ours[owner] = true
		}
		for _, f := range all {
			ours[f.Primary.String()] = true
		}
		for b := range have {
			if ours[b.owner] {
				delete(have, b)
			}
		}
		for _, f := range all {
			for b := range boxesOf(f) {
				have[b] = true
			}
		}
	})
}

// Inspect implements the handler's Server.
func (k *Keeper) Inspect(ctx context.Context, f backend.Shared) (found []schema.Difference, err error) {
	o, err := owner(f.Folder)
	if err != nil {
		return nil, err
	}
	if found, err = k.cfg.Stores.Inspect(ctx, o); err != nil || len(found) > 0 {
		return found, err
	}
	err = k.inbox(ctx, f, func(_, inbox *confine.Dir) error {
		have, err := readFile(inbox, aclName)
		if want := inboxFile(f.Grants); err == nil && !bytes.Equal(have, want) {
			found = append(found, schema.Difference{What: "rights to the inbox", Want: oneLine(want), Have: oneLine(have)})
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return []schema.Difference{{What: "store", Want: mailboxName(f.Folder)}}, nil
	}
	if err != nil {
		return nil, err
	}
	rights, err := k.inspectRights(f)
	if err != nil {
		return nil, err
	}
	published, err := k.inspectPublished(f)
	return slices.Concat(found, rights, published), err
}

// inspectRights compares the lines of a folder in the file of all.
func (k *Keeper) inspectRights(f backend.Shared) ([]schema.Difference, error) {
	dir, err := k.open()
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	data, err := readFile(dir, rightsName)
	if err != nil {
		return nil, err
	}
	var have []byte
	for line := range bytes.Lines(data) {
		for _, name := range []string{mailboxName(f.Folder), mailboxName(f.Folder) + "/*"} {
			if bytes.HasPrefix(line, []byte(quoted(name)+" ")) {
				have = append(have, line...)
			}
		}
	}
	if want := rightsFile([]backend.Shared{f}); !bytes.Equal(have, want) {
		return []schema.Difference{{What: "rights", Want: oneLine(want), Have: oneLine(have)}}, nil
	}
	return nil, nil
}

func oneLine(lines []byte) string {
	return string(bytes.ReplaceAll(bytes.TrimSpace(lines), []byte("\n"), []byte(", ")))
}

// open opens Dir, and makes it when it is missing: Dovecot's processes read there as other users.
func (k *Keeper) open() (*confine.Dir, error) {
	path := filepath.Join(k.cfg.Root, Dir)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return nil, err
		}
		if err := os.Chmod(path, 0o755); err != nil { // whatever the umask
			return nil, err
		}
	}
	return confine.Open(path, k.cfg.Fault)
}

// readFile returns a file, nil when it is missing.
func readFile(dir *confine.Dir, name string) ([]byte, error) {
	data, err := dir.Read(name, fileLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && data == nil {
		data = []byte{}
	}
	return data, err
}
