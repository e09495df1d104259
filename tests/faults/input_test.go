package faults_test

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/tests/harness"
)

// octets lets any bytes into addresses, as a directory with a careless schema does.
func octets(c *harness.SlapdConfig) {
	c.Schema = strings.NewReplacer(
		"EQUALITY caseIgnoreIA5Match SUBSTR caseIgnoreIA5SubstringsMatch", "EQUALITY octetStringMatch",
		"EQUALITY caseIgnoreIA5Match", "EQUALITY octetStringMatch",
		"SYNTAX 1.3.6.1.4.1.1466.115.121.1.26", "SYNTAX 1.3.6.1.4.1.1466.115.121.1.40",
	).Replace
}

// TestBadAddress proves that an address which cannot be one is parked with its DN and the reason, that it touches
// nothing, and that it runs as soon as it is healed.
func TestBadAddress(t *testing.T) {
	t.Parallel()
	host := newHostOn(t, octets)
	addPeople(host, 3)
	host.Wait()
	bad := map[string]string{
		"climbs":      "../x@example.test",
		"climbs-more": "../../../etc/passwd@example.test",
		"domain":      "x@../../etc",
		"slash":       "a/b@example.test",
		"blank":       "a b@example.test",
		"outer-blank": " ab@example.test ",
		"two":         "a@b@example.test",
		"none":        "example.test",
		"long":        strings.Repeat("x", 287) + "@example.test",
		"nul":         "a\x00b@example.test",
		"newline":     "a\nb@example.test",
		"return":      "a\rb@example.test",
		"percent":     "%d@example.test",
		"star":        "a*dovecotadmin@example.test",
		"empty-local": "@example.test",
		"utf8":        "a\xff\xfeb@example.test",
		"umlaut":      "jörg@example.test",
	}
	before := fingerprint(t, host)
	for uid, address := range bad {
		host.Slapd.AddPerson(harness.Person{UID: uid, Mail: address})
	}
	host.Wait()
	items := map[string]string{}
	for _, p := range parked(host) {
		items[p.DN] = p.Reason
	}
	for uid := range bad {
		reason, found := items[harness.DN(uid)]
		if !found {
			t.Errorf("%s (%q) is not parked", uid, bad[uid])
		}
		if !strings.Contains(reason, harness.DN(uid)) || !strings.Contains(reason, "address") {
			t.Errorf("%s: the reason %q does not name the DN and what is wrong", uid, reason)
		}
		if strings.ContainsAny(reason, "\x00\n\r") {
			t.Errorf("%s: the reason %q is not one clean line", uid, reason)
		}
	}
	if all := parked(host); len(all) != len(bad) {
		t.Errorf("%d parked, want %d: %+v", len(all), len(bad), all)
	}
	if diff := cmp.Diff(before, fingerprint(t, host)); diff != "" {
		t.Errorf("files outside the state directory, -before +after:\n%s", diff)
	}
	if !host.Listener.Running() {
		t.Fatal("the daemon has ended")
	}
	// An addition to the list, healed entries and good ones run.
	for uid := range bad {
		host.Slapd.SetMail(harness.DN(uid), uid+"@example.test")
	}
	host.Wait()
	checkWaiting(t, host, 0, 0)
	checkHomes(t, host, homesOf(host, "address"))
}

// TestBadServerAndDomain proves the same for the other texts of the directory that become paths or settings: a mail home
// server and the name of a mail domain.
func TestBadServerAndDomain(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	host.Slapd.AddDomain("example.test")
	host.Wait()
	bad := []string{"../../etc", "a b", "x\ny", "a,b.test", "a$b.test", "-a.test", strings.Repeat("a", 64) + ".test", "jörg.test"}
	before := fingerprint(t, host)
	want := map[string]bool{}
	for i, name := range bad {
		uid := fmt.Sprintf("p%d", i)
		host.Slapd.AddPerson(harness.Person{UID: uid, Mail: uid + "@example.test", Home: name})
		domain := fmt.Sprintf("ou=d%d,%s", i, harness.DomainsDN)
		host.Slapd.Add(domain, map[string][]string{
			"objectClass": {"organizationalUnit"}, "ou": {fmt.Sprintf("d%d", i)},
		})
		rdn := "cn=" + ldap.EscapeDN(name)
		host.Slapd.Add(rdn+","+domain, map[string][]string{"objectClass": {"univentionMailDomainname"}, "cn": {name}})
		want[harness.DN(uid)] = true
		want[domain] = true
	}
	host.Wait()
	for _, p := range parked(host) {
		for dn := range want {
			if strings.HasSuffix(p.DN, dn) && strings.Contains(p.Reason, p.DN) {
				delete(want, dn)
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("not parked with DN and reason: %v; parked: %+v", want, parked(host))
	}
	if got := host.Must("get", "mail/hosteddomains"); got != "example.test\n" {
		t.Errorf("hosted domains %q", got)
	}
	if diff := cmp.Diff(before, fingerprint(t, host)); diff != "" {
		t.Errorf("files outside the state directory, -before +after:\n%s", diff)
	}
}

// fingerprint returns the hash of each file below the sandbox but the listener's own state, the directory's and logs.
func fingerprint(t *testing.T, host *harness.Host) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(host.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(host.Dir, path)
		if err != nil {
			return err
		}
		switch {
		case below == "slapd" || below == "log" || below == "root/var/lib/mailreg":
			return filepath.SkipDir
		case !d.Type().IsRegular():
			all[below] = d.Type().String()
			return nil
		}
		data, err := os.ReadFile(path)
		all[below] = fmt.Sprintf("%x", sha256.Sum256(data))
		return err
	})
	if err != nil {
		t.Fatalf("reading the sandbox: %v", err)
	}
	return all
}

// TestDuplicateAddress proves that of two living entries with one address the one that had it first keeps it, that the
// other is parked with both DNs, and gets it by itself as soon as it is free.
func TestDuplicateAddress(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	addPeople(host, 2)
	host.Wait()
	mail := mailByUUID(host, "address")
	host.Slapd.SetMail(harness.DN("p01"), "p00@EXAMPLE.test")
	host.Slapd.AddPerson(harness.Person{UID: "second", Mail: "P00@example.test"})
	host.Wait()
	items := parked(host)
	if len(items) != 2 {
		t.Fatalf("%d parked, want 2: %+v", len(items), items)
	}
	for _, p := range items {
		if !strings.Contains(p.Reason, harness.DN("p00")) || !strings.Contains(p.Reason, p.DN) {
			t.Errorf("parked %s: the reason %q does not name both entries", p.DN, p.Reason)
		}
	}
	// The owner goes; of the two that wait the older, which came first as well, is next, and then the last one.
	host.Slapd.SetMail(harness.DN("p00"), "other@example.test")
	host.Wait()
	if items := parked(host); len(items) != 1 || items[0].DN != harness.DN("second") {
		t.Errorf("parked after the owner has gone: %+v, want only the younger one", items)
	}
	host.Slapd.SetMail(harness.DN("p01"), "p01@example.test")
	host.Wait()
	checkWaiting(t, host, 0, 0)
	checkHomes(t, host, homesOf(host, "address"))
	checkKept(t, host, mail)
}
