package cyrus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// Folders keeps shared folders as shared/<name>@<domain>, with or without an address (peer-mail §6.5).
type Folders struct{ of *Backend }

// Folders returns the keeper of shared folders on the same Cyrus.
func (b *Backend) Folders() *Folders { return &Folders{b} }

// shared returns the mailbox of a folder.
func shared(f backend.Folder) string { return "shared/" + strings.ToLower(f.Name) }

// checkFolder refuses names that Cyrus would take for something else: levels and patterns.
func checkFolder(f backend.Folder) error {
	name, domain := split(shared(f))
	name = strings.TrimPrefix(name, "shared/")
	if name == "" || strings.HasPrefix(name, ".") || strings.ContainsAny(name, "/%*@\"\\") || domain == hidden ||
		strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return schema.Invalidf("folder %q: Cyrus cannot have a folder of that name", f.Name)
	}
	return schema.CheckDomain(domain)
}

func (s *Folders) work(ctx context.Context, f backend.Folder, act func(w *work, name string) error) error {
	if err := checkFolder(f); err != nil {
		return err
	}
	w, err := s.of.begin(ctx)
	if err != nil {
		return err
	}
	defer w.end()
	if err := act(w, shared(f)); err != nil {
		return fmt.Errorf("folder %s: %w", f.Name, err)
	}
	return nil
}

// Ensure gives a folder its mailbox: the one there, one that comes back from where it was moved aside, or an empty one. Nobody
// has rights to a new one yet.
func (s *Folders) Ensure(ctx context.Context, f backend.Folder) error {
	return s.work(ctx, f, func(w *work, name string) error {
		if err := w.firstStore(); err != nil {
			return err
		}
		owner, found, err := w.folderOwner(name)
		if err != nil {
			return err
		}
		if found && owner != f.UUID {
			if found, err = w.adoptFolder(name, owner, f); err != nil {
				return err
			}
		}
		if !found {
			if err := w.provideFolder(name, f.UUID); err != nil {
				return err
			}
		}
		if owner != f.UUID || !found {
			if err := w.setRight(name, ownerRight(f.UUID), "l"); err != nil {
				return err
			}
		}
		return w.limit(name, f.Quota*1024)
	})
}

// adoptFolder decides whether a mailbox that is not marked for a folder is that folder's all the same; else it is quarantined.
func (w *work) adoptFolder(name string, owner schema.UUID, f backend.Folder) (bool, error) {
	if owner.IsZero() {
		adopt, err := w.adoptable(name, backend.Owner{UUID: f.UUID, Changed: f.Changed})
		if err != nil || adopt {
			return adopt, err
		}
	}
	w.cfg.Logger.Warn("store quarantined", "uuid", owner, "path", name)
	return false, w.putFolder(quarantine, name, owner)
}

// provideFolder fills the place of a folder that has no mailbox.
func (w *work) provideFolder(name string, uuid schema.UUID) error {
	kept, err := w.folderItems("-" + uuid.String()[:8] + "%")
	if err != nil {
		return err
	}
	for _, st := range slices.Backward(kept) {
		if st.belongs(uuid) {
			return w.rename(st.name, name)
		}
	}
	if err := w.top(name); err != nil {
		return err
	}
	err = w.change("making", name, func(s *session) error { return s.Create(name, nil).Wait() })
	if err != nil {
		return err
	}
	return w.setRights(name, nil) // whatever defaultacl says
}

// top makes the mailbox above all folders of a domain. Where it is missing, Cyrus makes one for the first folder in the wrong
// domain, and refuses the second folder.
func (w *work) top(name string) error {
	_, domain := split(name)
	top := "shared@" + domain
	err := w.change("making", top, func(s *session) error { return s.Create(top, nil).Wait() })
	if exists(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return w.setRights(top, nil)
}

// ownerRight is the identifier by which the rights to a folder say whose it is: a user whom nobody can be. An annotation, as
// inboxes have one, kills the imapd of Cyrus 3.6 when the mailbox is no user's.
func ownerRight(uuid schema.UUID) string { return "owner-" + uuid.String() + "@" + hidden }

// folderOwner reads whose a folder is; found is false when there is none. An unmarked one has the owner zero.
func (w *work) folderOwner(name string) (owner schema.UUID, found bool, err error) {
	rights, err := w.allRightsTo(name)
	if absent(err) {
		return schema.UUID{}, false, nil
	}
	for who := range rights {
		text, is := strings.CutPrefix(strings.TrimSuffix(who, "@"+hidden), "owner-")
		if uuid, err := schema.ParseUUID(text); is && err == nil {
			owner = uuid
		}
	}
	return owner, err == nil, err
}

// putFolder moves a folder aside.
func (w *work) putFolder(to area, name string, owner schema.UUID) error {
	id, err := w.freeID(to, newID(w.cfg.Now(), owner, name), name)
	if err != nil {
		return err
	}
	place := to.place(id, name)
	if err := w.top(place); err != nil {
		return err
	}
	return w.rename(name, place)
}

// folderItems returns the folders that were moved aside. Their names tell when.
func (w *work) folderItems(tail string) (all []store, err error) {
	names, err := w.list("shared/.%" + tail + "@" + hidden)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		of, id, ok := item(name)
		at, wrong := time.Parse(idLayout, id[:min(len(id), len(idLayout))])
		if !ok || wrong != nil {
			continue
		}
		owner, _, err := w.folderOwner(name)
		if err != nil {
			return nil, err
		}
		cause := backend.Deleted
		if of == quarantine {
			cause = backend.Foreign
		}
		all = append(all, store{name: name, found: true, marked: true, mark: mark{UUID: owner, Aside: &info{Cause: cause, Time: at}}})
	}
	return all, nil
}

// Remove moves the mailbox of a folder to the trash, or leaves it where it is, where nobody has rights to it any more.
func (s *Folders) Remove(ctx context.Context, f backend.Folder, toTrash bool) error {
	return s.work(ctx, f, func(w *work, name string) error {
		owner, _, err := w.folderOwner(name)
		if err != nil || owner != f.UUID {
			return err
		}
		if err := w.setRightsBelow(name, nil); err != nil || !toTrash {
			return err
		}
		if err := w.putFolder(trash, name, owner); err != nil || w.cfg.Keep > 0 {
			return err
		}
		kept, err := w.folderItems("-" + owner.String()[:8] + "%")
		for _, st := range kept {
			if of, _, _ := item(st.name); of == trash {
				err = errors.Join(err, w.discard(st.name))
			}
		}
		return err
	})
}

// SetRights makes the rights to a folder, and to what lies below it, what they are to be.
func (s *Folders) SetRights(ctx context.Context, f backend.Shared) error {
	return s.work(ctx, f.Folder, func(w *work, name string) error { return w.setRightsBelow(name, wantedRights(f)) })
}

// SetQuota limits the folder.
func (s *Folders) SetQuota(ctx context.Context, f backend.Folder) error {
	return s.work(ctx, f, func(w *work, name string) error { return w.limit(name, f.Quota*1024) })
}

// Commit has nothing to do: Cyrus has no files that tell of folders.
func (s *Folders) Commit(context.Context, []backend.Shared) error { return nil }

// Inspect tells what is not as the calls above have left it.
func (s *Folders) Inspect(ctx context.Context, f backend.Shared) (found []schema.Difference, err error) {
	err = s.work(ctx, f.Folder, func(w *work, name string) error {
		owner, _, err := w.folderOwner(name)
		if err != nil {
			return err
		}
		if owner != f.UUID {
			found = append(found, schema.Difference{What: "store", Want: name})
			return nil
		}
		limit, err := w.limitOf(name)
		if err != nil {
			return err
		}
		if limit != f.Quota*1024 {
			found = append(found, schema.Difference{What: "quota", Want: fmt.Sprint(f.Quota * 1024), Have: fmt.Sprint(limit)})
		}
		have, err := w.rights(name)
		if want := wantedRights(f); err == nil && !maps.Equal(have, want) {
			found = append(found, schema.Difference{What: "rights", Want: printedRights(want), Have: printedRights(have)})
		}
		return err
	})
	return found, err
}

// letters are the rights of Cyrus (peer-mail §6.2) in the letters of RFC 4314: what was c is kx, and d is te.
var letters = map[schema.FolderRight]string{
	schema.RightRead: "lrs", schema.RightPost: "lrsp", schema.RightAppend: "lrsip", schema.RightWrite: "lrswipkxte", schema.RightAll: "lrswipkxtea",
}

// wantedRights returns the rights by identifier. Anybody may send mail to a folder that has an address.
func wantedRights(f backend.Shared) map[string]string {
	rights := map[string]string{}
	if !f.Primary.IsZero() {
		rights["anyone"] = "p"
	}
	for _, g := range f.Grants {
		who := strings.ToLower(g.Name)
		switch g.Subject {
		case backend.Group:
			who = "group:" + who
		case backend.Anyone, backend.Authenticated:
			who = "anyone" // who has not logged in sees nothing anyhow
		case backend.User:
		}
		rights[who] = sorted(rights[who] + letters[g.Right])
	}
	return rights
}

// sorted returns each letter once, without those that Cyrus adds for old clients or keeps for itself.
func sorted(rights string) string {
	all := []rune(rights)
	slices.Sort(all)
	all = slices.DeleteFunc(slices.Compact(all), func(r rune) bool { return strings.ContainsRune("cdn", r) })
	return string(all)
}

func printedRights(rights map[string]string) string {
	var all []string
	for _, who := range slices.Sorted(maps.Keys(rights)) {
		all = append(all, who+" "+rights[who])
	}
	return strings.Join(all, ", ")
}

// rights returns who has which rights to a mailbox, but for the administrator and the mark.
func (w *work) rights(mailbox string) (map[string]string, error) {
	rights, err := w.allRightsTo(mailbox)
	maps.DeleteFunc(rights, func(who, _ string) bool { return who == w.cfg.User || strings.HasSuffix(who, "@"+hidden) })
	return rights, err
}

func (w *work) allRightsTo(mailbox string) (map[string]string, error) {
	rights := map[string]string{}
	err := w.do(func(s *session) error {
		data, err := s.GetACL(mailbox).Wait()
		if err != nil {
			return err
		}
		for who, set := range data.Rights {
			rights[string(who)] = sorted(set.String())
		}
		return nil
	})
	return rights, err
}

func (w *work) setRightsBelow(mailbox string, want map[string]string) error {
	below, err := w.folders(mailbox)
	if err != nil {
		return err
	}
	for _, name := range append([]string{mailbox}, below...) {
		if err := w.setRights(name, want); err != nil {
			return err
		}
	}
	return nil
}

// setRights makes the rights to a mailbox what they are to be. Cyrus knows the groups of this machine only.
func (w *work) setRights(mailbox string, want map[string]string) error {
	have, err := w.rights(mailbox)
	if err != nil {
		return err
	}
	var unknown []error
	for _, who := range slices.Sorted(maps.Keys(want)) {
		if have[who] == want[who] {
			continue
		}
		err := w.setRight(mailbox, who, want[who])
		if says(err, "invalid identifier") {
			unknown = append(unknown, schema.Partlyf("%s is not known to this host", who))
			continue
		}
		if err != nil {
			return err
		}
	}
	for _, who := range slices.Sorted(maps.Keys(have)) {
		if _, stays := want[who]; stays {
			continue
		}
		if err := w.setRight(mailbox, who, ""); err != nil {
			return err
		}
	}
	return errors.Join(unknown...)
}

func (w *work) setRight(mailbox, who, rights string) error {
	return w.change("granting", mailbox, func(s *session) error {
		return s.SetACL(mailbox, imap.RightsIdentifier(who), imap.RightModificationReplace, imap.RightSet(rights)).Wait()
	})
}
