package sharing

import (
	"bytes"
	"context"
	"strings"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/confine"
	"github.com/mailreg/mailreg/schema"
)

// aclLimit bounds what is read of a file dovecot-acl, which users can make grow.
const aclLimit = 1 << 20

// Follow changes what users have granted each other by IMAP: rights follow who is renamed, and go with who is gone. Dovecot's
// list says in whose homes to look; the folders of this host are looked through as well. find returns who has an address.
func (k *Keeper) Follow(ctx context.Context, renamed []backend.Renaming, folders []backend.Folder, find func(address string) schema.UUID) error {
	names := follow(renamed)
	dir, err := k.open()
	if err != nil {
		return err
	}
	defer dir.Close()
	boxes, err := dir.Make(boxesDir, 0o700, k.account())
	if err != nil {
		return err
	}
	defer boxes.Close()
	data, err := readFile(boxes, boxesName)
	if err != nil {
		return err
	}
	// The homes come before the list, which says in which of them there is something to do.
	known, _ := parseBoxes(data)
	for owner := range granters(known, names) {
		if err := k.followIn(ctx, find(renameOwner(names, owner)), names); err != nil {
			return err
		}
	}
	for _, f := range folders {
		if err := k.followIn(ctx, f.UUID, names); err != nil {
			return err
		}
	}
	return editBoxes(ctx, boxes, k.account(), func(have map[box]bool) {
		for b := range have {
			next, stays := rename(names, b)
			if next == b {
				continue
			}
			delete(have, b)
			if stays {
				have[next] = true
			}
		}
	})
}

// follow returns the new names by the old ones, "" for nobody, in the words of dovecot-acl. A name that one has given up and
// another has taken goes for good: done again after a crash, nothing of it can come to the wrong one.
func follow(renamed []backend.Renaming) map[string]string {
	taken := map[string]bool{}
	for _, r := range renamed {
		taken[word(r.Subject, r.To)] = true
	}
	names := map[string]string{}
	for _, r := range renamed {
		from, to := word(r.Subject, r.From), word(r.Subject, r.To)
		if taken[from] {
			to = ""
		}
		names[from] = to
	}
	return names
}

// word returns how a file names somebody.
func word(subject backend.Subject, name string) string {
	if name == "" {
		return ""
	}
	return identifier(backend.Grant{Subject: subject, Name: name})
}

// rename returns a line of the list as it is to be; stays is false when it is to go.
func rename(names map[string]string, b box) (next box, stays bool) {
	next, stays = b, true
	if to, ok := names[strings.Replace(b.reader, "/", "=", 1)]; ok {
		next.reader, stays = strings.Replace(to, "=", "/", 1), to != ""
	}
	if to, ok := names["user="+b.owner]; ok {
		next.owner = strings.TrimPrefix(to, "user=")
		stays = stays && to != ""
	}
	return next, stays
}

// granters returns who has given something to somebody who is called otherwise now.
func granters(boxes map[box]bool, names map[string]string) map[string]bool {
	owners := map[string]bool{}
	for b := range boxes {
		if _, ok := names[strings.Replace(b.reader, "/", "=", 1)]; ok {
			owners[b.owner] = true
		}
	}
	return owners
}

// renameOwner returns the address that an owner has now.
func renameOwner(names map[string]string, owner string) string {
	if to, ok := names["user="+owner]; ok && to != "" {
		return strings.TrimPrefix(to, "user=")
	}
	return owner
}

// followIn changes the rights to all folders of a home, when it is one of this host.
func (k *Keeper) followIn(ctx context.Context, owner schema.UUID, names map[string]string) error {
	if owner.IsZero() {
		return nil
	}
	_, err := k.cfg.Stores.Home(ctx, owner, func(home *confine.Dir) error {
		mail, err := home.Sub(mailName)
		if err != nil {
			return err
		}
		defer mail.Close()
		folders, err := mail.Names()
		if err != nil {
			return err
		}
		changed := false
		for _, name := range append(folders, "") {
			if name != "" && !strings.HasPrefix(name, ".") {
				continue
			}
			did, err := k.followFile(mail, name, names)
			if err != nil {
				return err
			}
			changed = changed || did
		}
		if changed {
			return mail.Remove(listName)
		}
		return nil
	})
	return err
}

// followFile changes the rights to one folder, "" for the inbox. A file that is too large for one is passed over.
func (k *Keeper) followFile(mail *confine.Dir, name string, names map[string]string) (changed bool, err error) {
	rel := name
	if rel == "" {
		rel = "."
	}
	folder, err := mail.Walk(rel)
	if err != nil {
		return false, nil // no folder
	}
	defer folder.Close()
	data, err := folder.Read(aclName, aclLimit)
	if err != nil {
		return false, nil // it has no rights of its own
	}
	next := followLines(data, names)
	if bytes.Equal(data, next) {
		return false, nil
	}
	return true, folder.Replace(aclName, next, k.account())
}

// followLines changes a file dovecot-acl. Its lines are an identifier, in double quotes when it has a blank, and letters; a
// hyphen in front takes rights away.
func followLines(data []byte, names map[string]string) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(data) {
		text, minus := bytes.CutPrefix(line, []byte("-"))
		id, rest, ok := cutIdentifier(string(text))
		to, known := names[id]
		switch {
		case !ok || !known:
			out.Write(line)
			continue
		case to == "":
			continue
		case minus:
			out.WriteString("-")
		}
		out.WriteString(quoted(to) + rest)
	}
	return out.Bytes()
}

func cutIdentifier(line string) (id, rest string, ok bool) {
	inside, isQuoted := strings.CutPrefix(line, `"`)
	if !isQuoted {
		at := strings.IndexByte(line, ' ')
		if at < 0 {
			return "", "", false
		}
		return line[:at], line[at:], true
	}
	var b strings.Builder
	for i := 0; i < len(inside); i++ {
		switch {
		case inside[i] == '"':
			return b.String(), inside[i+1:], true
		case inside[i] == '\\' && i+1 < len(inside):
			i++
		}
		b.WriteByte(inside[i])
	}
	return "", "", false
}

// Resubscribe has users who know a folder by another name now subscribed to that, and those who do not see it any more to
// nothing.
func (k *Keeper) Resubscribe(ctx context.Context, users []string, from, to string) error {
	for _, user := range users {
		if err := k.cfg.Stores.Unsubscribe(ctx, user, from); err != nil {
			return err
		}
		if to == "" {
			continue
		}
		if err := k.cfg.Stores.Subscribe(ctx, user, to); err != nil {
			return err
		}
	}
	return nil
}
