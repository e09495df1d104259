// Package merge joins two mail homes: messages with their flags and keywords, folders, subscriptions, scripts and other
// files. Nothing in the target is overwritten.
package merge

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/mailreg/mailreg/handlers/backend/confine"
)

// Homes moves what one mail home holds into another. foreign says that the homes have different owners; then the target's
// mail is neither shared nor filtered as the source's was. It returns how many files it left behind for that, or because
// the target has others of their names; Dovecot's own files, which belong to the very directory they lie in, do not count.
// Called again after a crash it goes on.
func Homes(source, target *confine.Dir, owner confine.Owner, foreign bool) (left int, err error) {
	m := merger{owner: owner, foreign: foreign}
	err = m.directory(source, target)
	return m.left, err
}

// merger counts what it had to leave behind.
type merger struct {
	owner   confine.Owner
	foreign bool
	left    int
}

// directory merges one directory of a home: the home itself, a Maildir or a folder of it, a directory of scripts.
func (m *merger) directory(source, target *confine.Dir) error {
	names, err := source.Names()
	if err != nil {
		return err
	}
	letters, err := m.keywordLetters(source, target)
	if err != nil {
		return err
	}
	for _, name := range names {
		switch {
		case name == "cur" || name == "new":
			err = m.messages(source, target, name, letters)
		case name == "subscriptions":
			err = m.subscriptions(source, target)
		case name == "tmp" || rebuilt(name):
		case m.foreign && personal(name):
			if !same(source, target, name) {
				m.left++
			}
		default:
			err = m.other(source, target, name)
		}
		if err != nil {
			return err
		}
	}
	return target.Sync()
}

// rebuilt tells the files of Dovecot that belong to the very directory they lie in, and ours. When somebody last logged in to
// the target its own file knows better.
func rebuilt(name string) bool {
	return name == ".mailreg-owner" || name == ".mailreg-welcome" || name == ".mailreg-sieve" || name == "last-login" || name == "maildirfolder" || name == "maildirsize" || strings.HasSuffix(name, ".lock") ||
		strings.HasPrefix(name, "dovecot.index") || strings.HasPrefix(name, "dovecot.list.index") ||
		strings.HasPrefix(name, "dovecot-uid") || strings.HasPrefix(name, ".mailreg-tmp") || strings.HasSuffix(name, ".svbin")
}

// personal tells the files that take effect in a directory by lying there: rights of others to a folder, and the script that
// every mail goes through.
func personal(name string) bool {
	return name == "dovecot-acl" || strings.HasPrefix(name, ".dovecot.s")
}

// other moves a file or directory that the target lacks, and merges a directory that both have.
func (m *merger) other(source, target *confine.Dir, name string) error {
	err := source.Move(name, target, name)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	mine, err := source.IsDir(name)
	if err != nil {
		return err
	}
	theirs, err := target.IsDir(name)
	if err != nil {
		return err
	}
	if !mine || !theirs {
		return m.file(source, target, name)
	}
	below, err := source.Sub(name)
	if err != nil {
		return err
	}
	defer below.Close()
	into, err := target.Sub(name)
	if err != nil {
		return err
	}
	defer into.Close()
	return m.directory(below, into)
}

// messages moves the messages of cur or new.
func (m *merger) messages(source, target *confine.Dir, name string, letters func(byte) (byte, bool)) error {
	from, err := source.Sub(name)
	if err != nil {
		return err
	}
	defer from.Close()
	taken, err := messageBases(target)
	if err != nil {
		return err
	}
	into, err := target.Make(name, 0o700, m.owner)
	if err != nil {
		return err
	}
	defer into.Close()
	names, err := from.Names()
	if err != nil {
		return err
	}
	for _, message := range names {
		base, flags := splitMessage(message)
		base = freeBase(base, taken)
		taken[base] = true
		if err := from.Move(message, into, base+mapFlags(flags, letters)); err != nil {
			return err
		}
	}
	return into.Sync()
}

// messageBases returns the unique parts of the names of all messages of a folder.
func messageBases(folder *confine.Dir) (map[string]bool, error) {
	bases := map[string]bool{}
	for _, name := range []string{"cur", "new"} {
		d, err := folder.Sub(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		names, err := d.Names()
		d.Close()
		if err != nil {
			return nil, err
		}
		for _, message := range names {
			base, _ := splitMessage(message)
			bases[base] = true
		}
	}
	return bases, nil
}

// splitMessage cuts a name such as 1700000000.M1P2.host,S=100:2,Sa into its unique part and ":2,Sa".
func splitMessage(name string) (base, flags string) {
	if at := strings.LastIndex(name, ":2,"); at >= 0 {
		return name[:at], name[at:]
	}
	return name, ""
}

// freeBase changes a unique part that the folder has already. Sizes behind the first comma stay readable.
func freeBase(base string, taken map[string]bool) string {
	stem, rest := base, ""
	if at := strings.Index(base, ","); at >= 0 {
		stem, rest = base[:at], base[at:]
	}
	for n := 1; taken[base]; n++ {
		base = fmt.Sprintf("%s-r%d%s", stem, n, rest)
	}
	return base
}

// mapFlags translates the keyword letters of a message; the system flags are the same everywhere.
func mapFlags(flags string, letters func(byte) (byte, bool)) string {
	if letters == nil || flags == "" {
		return flags
	}
	var out strings.Builder
	for i := range len(flags) {
		c := flags[i]
		keep := true
		if c >= 'a' && c <= 'z' {
			c, keep = letters(c)
		}
		if keep {
			out.WriteByte(c)
		}
	}
	return out.String()
}

// subscriptions adds the lines that the target's file lacks. Files of two versions are not mixed.
func (m *merger) subscriptions(source, target *confine.Dir) error {
	const name, limit = "subscriptions", 1 << 20
	if err := source.Move(name, target, name); !errors.Is(err, fs.ErrExist) {
		return err
	}
	mine, err := source.Read(name, limit)
	if err != nil {
		return err
	}
	theirs, err := target.Read(name, limit)
	if err != nil {
		return err
	}
	if strings.HasPrefix(string(mine), "V\t") != strings.HasPrefix(string(theirs), "V\t") {
		m.left++
		return nil
	}
	has := map[string]bool{}
	for text := range strings.Lines(string(theirs)) {
		has[text] = true
	}
	merged := theirs
	for text := range strings.Lines(string(mine)) {
		if !has[text] && strings.HasSuffix(text, "\n") {
			merged = append(merged, text...)
		}
	}
	if len(merged) == len(theirs) {
		return nil
	}
	return target.Replace(name, merged, m.owner)
}
