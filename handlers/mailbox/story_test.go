package mailbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mailreg/mailreg/schema"
)

// story is a directory of three users whose changes reach the handler as the listener brings them: release before claim,
// cycles through SetAside, killed now and then before the acknowledgement.
type story struct {
	*rapid.T
	h             *host
	wanted, acked map[string]*schema.Entry
	// aside are the users whose address was freed ahead of their change.
	aside map[string]bool
	// mail is whose each message is.
	mail map[string]string
}

var storyUsers = []string{"a", "b", "c"}

func (s *story) address(e *schema.Entry) string { return e.First(schema.AttrPrimaryAddress) }

// edit changes the directory, where no two have one address.
func (s *story) edit() {
	who := rapid.SampledFrom(storyUsers).Draw(s.T, "who")
	free := []string{"", "1@x.test", "2@x.test", "3@x.test"}
	for other, e := range s.wanted {
		if other != who && e != nil {
			free = slices.DeleteFunc(free, func(a string) bool { return a == s.address(e) })
		}
	}
	address := rapid.SampledFrom(free).Draw(s.T, "address")
	home := rapid.SampledFrom([]string{here, here, "", there}).Draw(s.T, "home")
	s.wanted[who] = nil
	if address != "" {
		s.wanted[who] = person(who, address, home)
	}
}

// swap lets two users change addresses at once.
func (s *story) swap() {
	a, b := s.wanted["a"], s.wanted["b"]
	if a != nil && b != nil {
		s.wanted["a"] = person("a", s.address(b), a.First(schema.AttrHomeServer))
		s.wanted["b"] = person("b", s.address(a), b.First(schema.AttrHomeServer))
	}
}

// work brings one user's change about; before is who waits for it.
func (s *story) work(who string, before []string, limit int) {
	if want := s.wanted[who]; want != nil {
		for other, e := range s.acked {
			if other == who || e == nil || s.aside[other] || s.address(e) != s.address(want) {
				continue
			}
			if slices.Contains(before, other) {
				s.must(s.h.SetAside(s.h.t.Context(), change(other, e, s.wanted[other])))
				s.aside[other] = true
				continue
			}
			s.work(other, append(before, who), limit)
		}
	}
	if want := s.wanted[who]; want != nil {
		for other, e := range s.acked { // one before was killed
			if other != who && e != nil && !s.aside[other] && s.address(e) == s.address(want) {
				return
			}
		}
	}
	s.h.restart(limit)
	err := s.h.Apply(s.h.t.Context(), change(who, s.acked[who], s.wanted[who]))
	s.h.restart(-1)
	if errors.Is(err, errCrash) {
		return
	}
	s.must(err)
	s.acked[who] = s.wanted[who]
	delete(s.aside, who)
}

func (s *story) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// deliver writes a message into the store of whoever is at home here.
func (s *story) deliver() {
	for _, who := range storyUsers {
		e := s.acked[who]
		m, err := parse(e)
		s.must(err)
		if m == nil || s.aside[who] || e != s.wanted[who] || m.HomeServer == there {
			continue
		}
		name := fmt.Sprintf("%s%d", who, len(s.mail))
		s.h.deliver(s.address(e), name)
		s.mail[name] = who
	}
}

// found returns the directory of each message in the spool.
func (s *story) found() map[string]string {
	found := map[string]string{}
	s.must(filepath.WalkDir(filepath.Join(s.h.root, "var/spool/dovecot"), func(p string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && filepath.Base(filepath.Dir(p)) == "new" {
			if found[d.Name()] != "" {
				s.Errorf("message %s is there twice", d.Name())
			}
			found[d.Name()] = p
		}
		return err
	}))
	return found
}

// check says what must hold when all is done.
func (s *story) check(follow bool) {
	found := s.found()
	if len(found) != len(s.mail) {
		s.Errorf("%d messages are in the spool, %d were delivered", len(found), len(s.mail))
	}
	aside, err := filepath.Glob(filepath.Join(s.h.root, "var/spool/dovecot/.quarantine/.aside/*"))
	s.must(err)
	if len(aside) > 0 {
		s.Errorf("set aside and forgotten: %q", aside)
	}
	spool, err := s.h.spoolOf()
	s.must(err)
	for who, e := range s.acked {
		m, err := parse(e)
		s.must(err)
		if m == nil || m.HomeServer == there {
			continue
		}
		stores, err := spool.Find(s.h.t.Context(), m.Primary)
		s.must(err)
		if len(stores) == 0 || stores[0].State != "live" || stores[0].UUID != uuidOf(who) {
			s.Errorf("%s has not the store of %s: %v", who, m.Primary, stores)
			continue
		}
		for name, owner := range s.mail {
			in := strings.HasPrefix(found[name], filepath.Join(s.h.root, stores[0].Path)+"/")
			if in && owner != who {
				s.Errorf("message %s is in the store of %s", name, who)
			}
			if !in && owner == who && follow {
				s.Errorf("message %s of %s is out of reach: %s", name, who, found[name])
			}
		}
	}
}

func TestStories(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		layout := rapid.SampledFrom([]string{"uuid", "address"}).Draw(rt, "layout")
		rename := rapid.SampledFrom([]string{"yes", "no"}).Draw(rt, "rename")
		del := rapid.SampledFrom([]string{"yes", "no"}).Draw(rt, "delete")
		h := newHost(t, "mail/dovecot/mailbox/rename: "+rename, "mail/dovecot/mailbox/delete: "+del,
			"mail/dovecot/location/key: "+layout, "mail/mailbox/trash/keep: 7d")
		defer os.RemoveAll(h.root)
		s := &story{T: rt, h: h, wanted: map[string]*schema.Entry{}, acked: map[string]*schema.Entry{}, aside: map[string]bool{}, mail: map[string]string{}}
		s.Repeat(map[string]func(*rapid.T){
			"edit": func(*rapid.T) { s.edit() },
			"swap": func(*rapid.T) { s.swap() },
			"work": func(*rapid.T) { s.workAll() },
			"killed": func(*rapid.T) {
				s.work(rapid.SampledFrom(storyUsers).Draw(rt, "at"), nil, rapid.IntRange(0, 6).Draw(rt, "limit"))
			},
			"deliver": func(*rapid.T) { s.deliver() },
		})
		s.workAll()
		for _, who := range storyUsers {
			if !s.acked[who].Equal(s.wanted[who]) {
				rt.Errorf("%s is not done", who)
			}
		}
		s.deliver()
		s.check(rename == "yes")
	})
}

// workAll brings all changes about.
func (s *story) workAll() {
	for range 3 {
		for _, who := range storyUsers {
			s.work(who, nil, -1)
		}
	}
}
