package merge

import (
	"bytes"
	"errors"
	"strings"

	"github.com/mailreg/mailreg/handlers/backend/confine"
)

// fileLimit bounds what is read of two files to compare them.
const fileLimit = 1 << 20

// file deals with a file that the target has as well.
func (m *merger) file(source, target *confine.Dir, name string) error {
	switch {
	case name == keywordsName: // keywordLetters has read it
	case again(name):
	case name == "dovecot-acl" && !m.foreign:
		return m.rights(source, target, name)
	case !same(source, target, name):
		m.left++
	}
	return nil
}

// again tells the files that Dovecot writes anew: lists of what is elsewhere, what it has seen of late, compiled scripts.
func again(name string) bool {
	return name == "last-login" || name == "dovecot-acl-list" || strings.HasPrefix(name, "dovecot.mailbox.log") ||
		strings.HasPrefix(name, ".dovecot.lda-dupes") || strings.HasSuffix(name, ".svbin")
}

// same reports whether two files or links say the same. What cannot be read does not.
func same(source, target *confine.Dir, name string) bool {
	if link := source.Target(name); link != "" {
		return target.Target(name) == link
	}
	mine, err := source.Read(name, fileLimit)
	theirs, err2 := target.Read(name, fileLimit)
	return errors.Join(err, err2) == nil && bytes.Equal(mine, theirs)
}

// rights adds the lines about people and groups that the target's file of rights has none about: "user=a@x.test lrws".
func (m *merger) rights(source, target *confine.Dir, name string) error {
	mine, err := source.Read(name, fileLimit)
	if err != nil {
		return err
	}
	theirs, err := target.Read(name, fileLimit)
	if err != nil {
		return err
	}
	has := map[string]bool{}
	for text := range strings.Lines(string(theirs)) {
		has[identifier(text)] = true
	}
	merged := bytes.Clone(theirs)
	for text := range strings.Lines(string(mine)) {
		if !has[identifier(text)] && strings.HasSuffix(text, "\n") {
			merged = append(merged, text...)
		}
	}
	if len(merged) == len(theirs) {
		return nil
	}
	return target.Replace(name, merged, m.owner)
}

// identifier cuts the rights from the end of a line: "\"group=a b\" lr".
func identifier(text string) string {
	text = strings.TrimSpace(text)
	if at := strings.LastIndexByte(text, ' '); at >= 0 {
		return text[:at]
	}
	return text
}
