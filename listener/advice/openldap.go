package advice

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/listener/control"
)

// database is the part of cn=config that holds the base.
type database struct {
	dn      string
	indices []string
	limits  []string
	// overlay is the DN of its overlay syncprov, "" without one.
	overlay                string
	sessionLog, checkpoint string
}

// readConfig reads cn=config, as far as we may.
func (s *server) readConfig() (*database, error) {
	found, err := s.search("cn=config", reach{scope: ldap.ScopeSingleLevel}, "(olcSuffix=*)", "olcSuffix", "olcDbIndex", "olcLimits")
	if err != nil {
		return nil, err
	}
	for _, e := range found {
		for _, suffix := range e.GetEqualFoldAttributeValues("olcSuffix") {
			if !sameDN(suffix, s.suffix) {
				continue
			}
			d := &database{dn: e.DN, indices: e.GetEqualFoldAttributeValues("olcDbIndex"), limits: e.GetEqualFoldAttributeValues("olcLimits")}
			return d, s.readOverlay(d)
		}
	}
	return nil, nil
}

// readOverlay finds the overlay syncprov below a database.
func (s *server) readOverlay(d *database) error {
	overlays, err := s.search(d.dn, reach{scope: ldap.ScopeSingleLevel}, "(objectClass=olcSyncProvConfig)", "*")
	if err != nil || len(overlays) == 0 {
		return err
	}
	o := overlays[0]
	d.overlay = o.DN
	// OpenLDAP 2.5 has a log that outlives the server in the place of the other one.
	for _, name := range []string{"olcSpSessionlog", "olcSpSessionlogSource"} {
		d.sessionLog += o.GetEqualFoldAttributeValue(name)
	}
	d.checkpoint = o.GetEqualFoldAttributeValue("olcSpCheckpoint")
	return nil
}

// unlimited returns what lifts the limits of our identity. The first rule that fits counts, and slapd puts a new one behind
// the others whatever its number says, so all of them are written again where we know them.
func (s *server) unlimited() string {
	dn, comment := s.databaseDN()
	ours := "dn.exact=" + quoted(s.identity())
	rules := []string{"{0}" + ours + " time=unlimited size=unlimited"}
	if s.database == nil || len(s.database.limits) == 0 {
		return comment + modify(dn, "add", "olcLimits", rules...)
	}
	for _, rule := range s.database.limits {
		_, rule, _ = strings.Cut(rule, "}") // its number
		if !strings.HasPrefix(rule, ours+" ") {
			rules = append(rules, fmt.Sprintf("{%d}%s", len(rules), rule))
		}
	}
	return comment + modify(dn, "replace", "olcLimits", rules...)
}

func sameDN(a, b string) bool {
	x, errX := ldap.ParseDN(a)
	y, errY := ldap.ParseDN(b)
	return errX == nil && errY == nil && x.EqualFold(y)
}

// databaseDN is where the database is configured; a guess when we may not look, with a comment that says so.
func (s *server) databaseDN() (dn, comment string) {
	if s.database != nil {
		return s.database.dn, ""
	}
	return "olcDatabase={1}mdb,cn=config", "# the name of the database is a guess: it is the one with olcSuffix " + strings.ReplaceAll(s.suffix, "\n", " ") + "\n"
}

// overlay judges syncprov and its settings.
func (s *server) overlay() ([]control.Advice, error) {
	d := s.database
	switch {
	case d == nil:
		return []control.Advice{
			unknown("sessionlog", "cn=config is not readable by %s; look for olcSpSessionlog", s.name()),
			unknown("checkpoint", "cn=config is not readable by %s; look for olcSpCheckpoint", s.name()),
		}, nil
	case d.overlay == "":
		ldif := pair("dn", "olcOverlay=syncprov,"+d.dn) + "changetype: add\nobjectClass: olcOverlayConfig\nobjectClass: olcSyncProvConfig\n" +
			"olcOverlay: syncprov\nolcSpCheckpoint: 1 1\nolcSpSessionlog: 10000\n"
		return []control.Advice{problem("overlay", ldif, "the database of %s has no overlay syncprov: it cannot be followed", s.suffix)}, nil
	}
	log := fine("sessionlog", "syncprov has a session log: a session goes on without naming every entry")
	if d.sessionLog == "" || d.sessionLog == "0" {
		log = warning("sessionlog", modify(d.overlay, "replace", "olcSpSessionlog", "10000"),
			"syncprov has no session log: each new session names every entry of the directory")
	}
	checkpoint := fine("checkpoint", "syncprov writes its position (olcSpCheckpoint %s)", d.checkpoint)
	if d.checkpoint == "" {
		checkpoint = warning("checkpoint", modify(d.overlay, "replace", "olcSpCheckpoint", "1 1"),
			"syncprov does not write its position: when the server is killed, changes may stay unseen until the next one")
	}
	return []control.Advice{log, checkpoint}, nil
}

// index judges how entries are found by what we ask for.
func (s *server) index() ([]control.Advice, error) {
	dn, comment := s.databaseDN()
	if s.database == nil {
		slow, indexed, err := s.measureIndex()
		switch {
		case err != nil:
			return nil, err
		case slow == 0:
			return []control.Advice{unknown("index", "cn=config is not readable by %s; look for olcDbIndex of entryUUID and entryCSN", s.name())}, nil
		case indexed:
			return []control.Advice{fine("index", "an entry is found by its UUID in %s", slow)}, nil
		}
		return []control.Advice{warning("index", comment+modify(dn, "add", "olcDbIndex", "entryUUID,entryCSN eq"),
			"finding an entry by its UUID takes %s: entryUUID seems to have no index", slow)}, nil
	}
	var missing []string
	for _, attr := range []string{"entryUUID", "entryCSN"} {
		if !slices.ContainsFunc(s.database.indices, func(index string) bool { return indexes(index, attr) }) {
			missing = append(missing, attr)
		}
	}
	if len(missing) == 0 {
		return []control.Advice{fine("index", "entryUUID and entryCSN are indexed")}, nil
	}
	return []control.Advice{warning("index", modify(dn, "add", "olcDbIndex", strings.Join(missing, ",")+" eq"),
		"no index of %s: each session and each question about an entry reads the whole directory", strings.Join(missing, " and "))}, nil
}

// indexes reports whether a value of olcDbIndex is an equality index of an attribute.
func indexes(value, attr string) bool {
	names, kinds, _ := strings.Cut(value, " ")
	eq := slices.ContainsFunc(strings.FieldsFunc(kinds, func(r rune) bool { return r == ',' || r == ' ' }), func(kind string) bool { return kind == "eq" })
	return eq && slices.ContainsFunc(strings.Split(names, ","), func(name string) bool { return strings.EqualFold(name, attr) })
}

// The times from which finding one entry counts as reading all: so much, and so many times what reading it by its name takes.
const (
	slowSearch = 5 * time.Millisecond
	slowRatio  = 20
)

// measureIndex times finding an entry by its UUID against reading it by its name, the fastest of some tries each. It takes
// no time when there is no entry to try with.
func (s *server) measureIndex() (took time.Duration, indexed bool, err error) {
	sample, err := s.search(s.cfg.Base, anyBelow(), s.cfg.Filter, "entryUUID")
	if err != nil || len(sample) == 0 {
		return 0, false, err
	}
	uuid := sample[0].GetEqualFoldAttributeValue("entryUUID")
	if uuid == "" {
		return 0, false, nil
	}
	byUUID, err := fastest(3, func() error {
		_, err := s.search(s.cfg.Base, reach{scope: ldap.ScopeWholeSubtree}, fmt.Sprintf("(entryUUID=%s)", ldap.EscapeFilter(uuid)), "1.1")
		return err
	})
	if err != nil {
		return 0, false, err
	}
	// Many tries cost nothing here, and a busy machine slows a read of microseconds more than a search.
	byName, err := fastest(30, func() error { _, err := s.read(sample[0].DN, "1.1"); return err })
	return byUUID, byUUID < slowSearch || byUUID < slowRatio*byName, err
}

func fastest(tries int, try func() error) (time.Duration, error) {
	best := time.Duration(0)
	for range tries {
		begun := time.Now()
		if err := try(); err != nil {
			return 0, err
		}
		if took := time.Since(begun); best == 0 || took < best {
			best = took
		}
	}
	return best.Round(10 * time.Microsecond), nil
}
