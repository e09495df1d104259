package advice

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/listener/control"
)

// kind judges by the root DSE whether the server can be followed well.
func (s *server) kind() ([]control.Advice, error) {
	vendor := s.root.GetEqualFoldAttributeValue("vendorName") + " " + s.root.GetEqualFoldAttributeValue("vendorVersion")
	controls := s.root.GetEqualFoldAttributeValues("supportedControl")
	switch {
	case slices.Contains(controls, oidSync):
		return []control.Advice{fine("kind", "the server knows content synchronization (RFC 4533)")}, nil
	case strings.Contains(vendor, "389"):
		ldif := modify("cn=Retro Changelog Plugin,cn=plugins,cn=config", "replace", "nsslapd-pluginEnabled", "on") + "-\n" +
			"add: nsslapd-attribute\nnsslapd-attribute: nsuniqueid:targetUniqueId\n\n" +
			modify("cn=Content Synchronization,cn=plugins,cn=config", "replace", "nsslapd-pluginEnabled", "on")
		return []control.Advice{warning("kind", ldif,
			"this 389 Directory Server has no content synchronization: every session compares the whole directory; apply the LDIF and restart it")}, nil
	case slices.Contains(controls, oidDirSync):
		return s.replication()
	case s.openLDAP():
		return []control.Advice{problem("kind", "dn: cn=module{0},cn=config\nchangetype: modify\nadd: olcModuleLoad\nolcModuleLoad: syncprov\n",
			"the server has not loaded syncprov: it cannot be followed")}, nil
	default:
		return []control.Advice{warning("kind", "", "the server knows no content synchronization (RFC 4533): it is followed as well as it allows")}, nil
	}
}

// oidDirSync is Active Directory's control for replication.
const oidDirSync = "1.2.840.113556.1.4.841"

// replication asks an Active Directory for a change, which needs a right of its own.
func (s *server) replication() ([]control.Advice, error) {
	request := ldap.NewSearchRequest(s.suffix, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=domainDNS)", []string{"1.1"}, nil)
	_, err := s.DirSync(request, 0, 1, nil)
	switch {
	case err == nil:
		return []control.Advice{fine("kind", "the server gives changes by DirSync")}, nil
	case !refused(err):
		return nil, err
	default:
		return []control.Advice{problem("kind", "", "%s may not replicate %s (%v): give it the right \"Replicating Directory Changes\" there", s.name(), s.suffix, err)}, nil
	}
}

// rights looks for the operational attributes that everything rests on. Servers of another kind have others.
func (s *server) rights() ([]control.Advice, error) {
	if !s.openLDAP() {
		return nil, nil
	}
	var hidden []string
	sample, err := s.search(s.cfg.Base, anyBelow(), "(objectClass=*)", "entryUUID", "entryCSN")
	if err != nil {
		return nil, err
	}
	if len(sample) == 0 {
		return []control.Advice{problem("rights", "", "%s sees no entry below %s", s.name(), s.cfg.Base)}, nil
	}
	for _, attr := range []string{"entryUUID", "entryCSN"} {
		if sample[0].GetEqualFoldAttributeValue(attr) == "" {
			hidden = append(hidden, attr)
			continue
		}
		found, err := s.search(s.cfg.Base, anyBelow(), "("+attr+"=*)", "1.1")
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			hidden = append(hidden, attr)
		}
	}
	position, err := s.read(s.suffix, "contextCSN")
	if err != nil {
		return nil, err
	}
	if len(position) == 0 || position[0].GetEqualFoldAttributeValue("contextCSN") == "" {
		hidden = append(hidden, "contextCSN")
	}
	if len(hidden) == 0 {
		return []control.Advice{fine("rights", "entryUUID, entryCSN and contextCSN can be read and searched")}, nil
	}
	dn, comment := s.databaseDN()
	rule := "{0}to attrs=" + strings.Join(hidden, ",") + " by dn.exact=" + quoted(s.identity()) + " read by * break"
	ldif := comment + modify(dn, "add", "olcAccess", rule)
	if s.identity() == "" {
		ldif = ""
	}
	return []control.Advice{problem("rights", ldif, "%s may not read or search %s", s.name(), strings.Join(hidden, ", "))}, nil
}

// limits asks for all that is followed, as a session does, and for its number only.
func (s *server) limits() ([]control.Advice, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	request := ldap.NewSearchRequest(s.cfg.Base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, s.cfg.Filter, []string{"1.1"}, nil)
	found := s.SearchAsync(ctx, request, 256)
	count := 0
	for found.Next() {
		if found.Entry() != nil {
			count++
		}
	}
	err := found.Err()
	names := map[uint16]string{
		ldap.LDAPResultSizeLimitExceeded: "size limit", ldap.LDAPResultTimeLimitExceeded: "time limit", ldap.LDAPResultAdminLimitExceeded: "administrative limit",
	}
	for code, name := range names {
		if !ldap.IsErrorWithCode(err, code) {
			continue
		}
		ldif := ""
		if s.openLDAP() && s.identity() != "" {
			ldif = s.unlimited()
		}
		return []control.Advice{problem("limits", ldif, "the %s for %s ends a search after %d entries: the directory is never seen as a whole", name, s.name(), count)}, nil
	}
	switch {
	case err == nil:
		return []control.Advice{fine("limits", "all %d entries are given at once", count)}, nil
	case refused(err):
		return []control.Advice{problem("limits", "", "the directory cannot be searched: %v", err)}, nil
	default:
		return nil, fmt.Errorf("searching %q: %w", s.cfg.Base, err)
	}
}

// maxSkew is by how much clocks may differ: times of the directory decide who is the elder of two.
const maxSkew = 30 * time.Second

// clock compares the server's clock with ours, where the server shows it. Else only a change of the future tells.
func (s *server) clock() ([]control.Advice, error) {
	places := []struct{ dn, attr string }{{"", "currentTime"}, {"cn=monitor", "currentTime"}, {"cn=Current,cn=Time,cn=Monitor", "monitorTimestamp"}}
	for _, p := range places {
		found, err := s.read(p.dn, p.attr)
		if err != nil {
			return nil, err
		}
		for _, e := range found {
			if at, err := parseTime(e.GetEqualFoldAttributeValue(p.attr)); err == nil {
				return []control.Advice{judgeClock(at.Sub(s.cfg.Now()))}, nil
			}
		}
	}
	found, err := s.read(s.suffix, "contextCSN")
	if err != nil {
		return nil, err
	}
	for _, e := range found {
		for _, csn := range e.GetEqualFoldAttributeValues("contextCSN") {
			if at, err := parseTime(csn); err == nil && at.Sub(s.cfg.Now()) > maxSkew {
				return []control.Advice{judgeClock(at.Sub(s.cfg.Now()))}, nil
			}
		}
	}
	return []control.Advice{unknown("clock", "the server does not show its clock (cn=monitor); no change of it is of the future")}, nil
}

func judgeClock(ahead time.Duration) control.Advice {
	how := "ahead of"
	if ahead < 0 {
		how = "behind"
	}
	if ahead.Abs() <= maxSkew {
		return fine("clock", "the clocks agree")
	}
	return warning("clock", "", "the directory's clock is %s %s ours: set both by NTP", ahead.Abs().Round(time.Second), how)
}

// parseTime reads a GeneralizedTime in UTC (RFC 4517 §3.3.13), also at the head of a CSN, to the second.
func parseTime(text string) (time.Time, error) {
	head, _, _ := strings.Cut(text, "#")
	if len(head) < len("20060102150405Z") || !strings.HasSuffix(head, "Z") {
		return time.Time{}, fmt.Errorf("%q is no time", text)
	}
	return time.Parse("20060102150405", head[:14])
}
