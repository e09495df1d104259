package sharing

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/handlers/backend/confine"
	"github.com/mailreg/mailreg/handlers/backend/maildir/merge"
	"github.com/mailreg/mailreg/schema"
)

// The directories of a home. Those with a dot in front are there only while a folder is converted.
const (
	mailName = "Maildir"
	// inboxName is the inbox of a folder without an address.
	inboxName = ".INBOX"
	// toPublic and toShared become Maildir: their presence says that a conversion was begun, and into what.
	toPublic = ".mailreg-public"
	toShared = ".mailreg-shared"
	// earlyName is what Maildir was, with the mail that came meanwhile.
	earlyName = ".mailreg-early"
)

// shape makes the home of a folder that of its kind. Whatever was begun and not ended is ended first. The subfolders are those of
// the inbox in either kind:
//
//	with an address     Maildir/{cur,new,tmp}, Maildir/.Sub
//	without             Maildir/.INBOX/{cur,new,tmp}, Maildir/.INBOX.Sub
func shape(home *confine.Dir, owner confine.Owner, public bool) error {
	for _, begun := range []struct {
		name   string
		finish func(*confine.Dir, confine.Owner) error
	}{{toPublic, makePublic}, {toShared, makeShared}} {
		_, found, err := home.Stat(begun.name)
		if err == nil && found {
			err = begun.finish(home, owner)
		}
		if err != nil {
			return err
		}
	}
	if err := mergeEarly(home, owner); err != nil {
		return err
	}
	is, err := isPublic(home)
	switch {
	case err != nil || is == public:
		return err
	case public:
		err = makePublic(home, owner)
	default:
		err = makeShared(home, owner)
	}
	if err != nil {
		return err
	}
	return mergeEarly(home, owner)
}

func isPublic(home *confine.Dir) (bool, error) {
	mail, err := home.Sub(mailName)
	if err != nil {
		return false, err
	}
	defer mail.Close()
	_, found, err := mail.Stat(inboxName)
	return found, err
}

// makePublic moves the inbox one level down, and its subfolders beside it.
func makePublic(home *confine.Dir, owner confine.Owner) error {
	target, err := home.Make(toPublic, 0o700, owner)
	if err != nil {
		return err
	}
	defer target.Close()
	_, moved, err := target.Stat(inboxName)
	if err != nil {
		return err
	}
	if !moved {
		err = moveFolders(home, target, func(name string) string { return inboxName + name })
		if err == nil {
			err = home.Move(mailName, target, inboxName)
		}
	} else {
		err = setEarly(home)
	}
	if err != nil {
		return err
	}
	if err := forget(target, inboxName); err != nil {
		return err
	}
	return settle(home, toPublic)
}

// makeShared moves the inbox one level up, and with it its subfolders and those beside it.
func makeShared(home *confine.Dir, owner confine.Owner) error {
	_, begun, err := home.Stat(toShared)
	if err != nil {
		return err
	}
	if !begun {
		if err := takeInbox(home); err != nil {
			return err
		}
	}
	target, err := home.Sub(toShared)
	if err != nil {
		return err
	}
	defer target.Close()
	err = moveFolders(home, target, func(name string) string { return "." + strings.TrimPrefix(strings.TrimPrefix(name, inboxName), ".") })
	if err != nil {
		return err
	}
	if err := setEarly(home); err != nil {
		return err
	}
	if err := errors.Join(target.Remove("maildirfolder"), forget(home, toShared)); err != nil {
		return err
	}
	return settle(home, toShared)
}

func takeInbox(home *confine.Dir) error {
	mail, err := home.Sub(mailName)
	if err != nil {
		return err
	}
	defer mail.Close()
	return mail.Move(inboxName, home, toShared)
}

// moveFolders moves the Maildir++ folders out of Maildir, if that is still there, under other names. A name that is taken gets a
// number.
func moveFolders(home, target *confine.Dir, rename func(string) string) error {
	mail, err := home.Sub(mailName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer mail.Close()
	names, err := mail.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		sub, err := mail.Sub(name)
		if !strings.HasPrefix(name, ".") || err != nil {
			continue // no folder
		}
		sub.Close()
		if err := moveFree(mail, name, target, rename(name)); err != nil {
			return err
		}
	}
	return nil
}

func moveFree(from *confine.Dir, name string, target *confine.Dir, want string) error {
	free := want
	for n := 2; ; n++ {
		err := from.Move(name, target, free)
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		free = fmt.Sprintf("%s-%d", want, n)
	}
}

// setEarly puts Maildir aside, without what stood for all folders in it. A second one, made by a delivery after a crash, is merged
// into the first.
func setEarly(home *confine.Dir) error {
	if _, found, err := home.Stat(mailName); err != nil || !found {
		return err
	}
	if err := forget(home, mailName, "dovecot-acl", "subscriptions"); err != nil {
		return err
	}
	err := home.Move(mailName, home, earlyName)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	return mergeInto(home, mailName, earlyName, confine.Caller())
}

// settle makes Maildir of what was made.
func settle(home *confine.Dir, name string) error {
	if err := home.Move(name, home, mailName); err != nil {
		return err
	}
	return home.Sync()
}

// forget removes what Dovecot knows of the folders beside a mailbox, which are others now, and further files.
func forget(dir *confine.Dir, name string, also ...string) error {
	box, err := dir.Sub(name)
	if err != nil {
		return err
	}
	defer box.Close()
	names, err := box.Names()
	for _, name := range names {
		if name == "dovecot-acl-list" || slices.Contains(also, name) || strings.HasPrefix(name, "dovecot.list.index") {
			err = errors.Join(err, box.Remove(name))
		}
	}
	return err
}

// mergeEarly gives the inbox what came while it was moved.
func mergeEarly(home *confine.Dir, owner confine.Owner) error {
	_, found, err := home.Stat(earlyName)
	if err != nil || !found {
		return err
	}
	into := mailName
	if public, err := isPublic(home); err != nil || public {
		into += "/" + inboxName
		if err != nil {
			return err
		}
	}
	return mergeInto(home, earlyName, into, owner)
}

func mergeInto(home *confine.Dir, from, into string, owner confine.Owner) error {
	source, err := home.Sub(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := home.Walk(into)
	if err != nil {
		return err
	}
	defer target.Close()
	left, err := merge.Homes(source, target, owner, false)
	switch {
	case err != nil:
		return err
	case left > 0:
		return schema.Invalidf("%d files of %s have the names of others in the inbox: look through them and remove them", left, source.Name())
	default:
		return home.RemoveAll(from)
	}
}
