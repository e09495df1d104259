package doctor

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// twice reports parameters that main.cf sets more than once: the administrator's part wins, whatever mailreg is told.
func twice(s *Snapshot) []Finding {
	counts := map[string]int{}
	for line := range strings.Lines(s.MainCF) {
		// A line that begins with a blank goes on with the one before (postconf(5)).
		name, _, set := strings.Cut(line, "=")
		if set && !strings.HasPrefix(line, "#") && strings.TrimLeft(line, " \t") == line {
			counts[strings.TrimSpace(name)]++
		}
	}
	var found []Finding
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if counts[name] > 1 {
			found = append(found, warning("take it out of /etc/postfix/main.cf.local, or be sure that it is meant to win",
				"main.cf sets %s %d times: the last one counts, not the variable that sets the first", name, counts[name]))
		}
	}
	return found
}

// services reports servers that do not read what is generated.
func services(s *Snapshot) []Finding {
	var found []Finding
	for _, service := range s.Status.Services {
		_, somewhere := s.Running[service.Name]
		switch {
		case !service.Enabled || service.Files == 0:
		case !service.Installed:
			found = append(found, fine("%s is not installed; its files are generated all the same", service.Name))
		case !service.Running && somewhere && s.Root == "/":
			found = append(found, problem("start it with its config below /etc/"+service.Name,
				"a %s runs on this host, but not with the files that are generated", service.Name))
		case !service.Running && (service.Name != "saslauthd" || asksSASL(s)):
			found = append(found, warning("start "+service.Unit, "%s does not run", service.Name))
		}
	}
	return found
}

// asksSASL reports whether a server has saslauthd check passwords.
func asksSASL(s *Snapshot) bool {
	return !s.View.Bool("mail/postfix/dovecot_sasl") ||
		slices.ContainsFunc(s.Status.Services, func(other registry.ServiceStatus) bool { return other.Name == "cyrus" && other.Running })
}

// descriptors reports a server that will refuse clients before its own limits do.
func descriptors(s *Snapshot) []Finding {
	limit, runs := s.Running["dovecot"]
	if !runs {
		return nil
	}
	most, at := int64(0), ""
	for _, key := range []string{"mail/dovecot/limits/default_client_limit", "mail/dovecot/limits/auth/client_limit", "mail/dovecot/limits/anvil/client_limit"} {
		if wanted := s.View.Int(key); wanted > most {
			most, at = wanted, key
		}
	}
	if uint64(most) <= limit {
		return nil
	}
	return []Finding{warning("raise LimitNOFILE of dovecot.service, or lower "+at, "Dovecot may open %d files, and %s is %d", limit, at, most)}
}

// spool reports mail homes that are not where they were.
func spool(s *Snapshot) []Finding {
	var found []Finding
	p := s.Spool
	switch {
	case p.Err != nil:
		found = append(found, problem("the daemon does not start so; see mail/dovecot/location/*", "%v", p.Err))
	case s.Status.Spool && !p.Exists:
		found = append(found, problem("mount the file system of the mail before anything is delivered", "the spool %s is gone", p.Path))
	case s.Status.Spool && p.Empty:
		found = append(found, problem("mount the file system of the mail before anything is delivered",
			"the spool %s is empty, but there were stores: it is likely not mounted", p.Path))
	case s.Status.Spool && !p.Recorded:
		found = append(found, warning("restore it from a backup: without it, old stores count as those of layout address",
			"the spool %s has lost its layout record .mailreg-layout", p.Path))
	}
	for _, dir := range p.Apart {
		found = append(found, problem("one file system for both: stores are renamed, never copied",
			"%s lies on another file system than %s", dir, p.Path))
	}
	return found
}

// layout reminds of the price of layout address.
func layout(s *Snapshot) []Finding {
	if s.View.String("mail/dovecot/location/key") != "address" {
		return nil
	}
	return []Finding{warning("known and accepted, or mailreg mailbox convert --layout uuid",
		"stores are named by address: between a change of the directory and ours, the new owner of an address reaches the old owner's store")}
}

// backend reports a second server on the stores.
func backend(s *Snapshot) []Finding {
	if s.Spool.Served == nil {
		return nil
	}
	return []Finding{problem("mailreg set mail/mailbox/backend=auto, or stop Dovecot", "the backend of mailboxes is maildir, but: %v", s.Spool.Served)}
}

// networkDisks reports spools on NFS and the like: Cyrus does not support them, Dovecot wants to be told, and each user must
// be served by one host only.
func networkDisks(s *Snapshot) []Finding {
	var found []Finding
	for _, d := range s.Disks {
		switch name := filepath.Base(d.Path); {
		case !d.Network:
		case name == "cyrus" && s.enabled("cyrus"):
			found = append(found, problem("move the spool to a local disk", "Cyrus's spool %s lies on a network file system, where its locks do not hold", d.Path))
		case name == "dovecot" && s.enabled("dovecot") && !s.View.Bool("mail/dovecot/location/separate_index") &&
			!(s.View.Bool("mail/dovecot/process/mmap_disable") && s.View.String("mail/dovecot/process/mail_fsync") == "always"):
			found = append(found, warning("mailreg set mail/dovecot/process/mmap_disable=yes mail/dovecot/process/mail_fsync=always, or mail/dovecot/location/separate_index=yes",
				"%s lies on a network file system: Dovecot's index files break there without help", d.Path))
		}
	}
	return found
}

// disks reports file systems that are full or nearly so. Ratios alone would cry wolf on a large disk, sizes on a small one.
func disks(s *Snapshot) []Finding {
	const gib = 1 << 30
	var found []Finding
	for _, d := range s.Disks {
		const do = "make room, or mail is deferred and changes are refused"
		switch {
		case d.Free < gib/32 || d.Files > 0 && d.FreeFiles < 100:
			found = append(found, problem(do, "%s is full: %s and %d files free", d.Path, bytes(d.Free), d.FreeFiles))
		case d.Free < gib && d.Free < d.Total/20 || d.Files > 0 && d.FreeFiles < d.Files/50:
			found = append(found, warning(do, "%s is nearly full: %s and %d files free", d.Path, bytes(d.Free), d.FreeFiles))
		}
	}
	return found
}

// bytes prints a number of bytes in MiB.
func bytes(n uint64) string { return fmt.Sprintf("%d MiB", n>>20) }

// counted prints a number with the noun that goes with it.
func counted(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// daemon reports what keeps the host from being in step with the directory.
func daemon(s *Snapshot) []Finding {
	if s.Daemon.Err != nil {
		return []Finding{warning("start mailreg-listener", "%v", s.Daemon.Err)}
	}
	var found []Finding
	for _, reason := range s.Daemon.Status.Reasons {
		found = append(found, problem("mailreg listener status", "%s", reason))
	}
	for _, note := range s.Daemon.Status.Notes {
		found = append(found, warning("mailreg listener status", "%s", note))
	}
	for _, h := range s.Daemon.Status.Handlers {
		if h.Parked > 0 {
			found = append(found, warning("mailreg listener parked", "handler %s has parked %s", h.Name, counted(h.Parked, "entry", "entries")))
		}
	}
	if held := s.Daemon.Status.Held; held > 0 {
		found = append(found, warning("mailreg listener held", "the brake holds %s", counted(held, "change", "changes")))
	}
	return found
}

// directory reports what the administrator of the directory should change. What nobody could look at is no fault.
func directory(s *Snapshot) []Finding {
	if s.Daemon.Unadvised != nil {
		return []Finding{warning("mailreg listener status", "the directory server cannot be looked at: %v", s.Daemon.Unadvised)}
	}
	var found []Finding
	for _, a := range s.Daemon.Advice {
		f := Finding{Level: OK, Message: a.Check + ": " + a.Message, LDIF: a.LDIF}
		switch a.Level {
		case "warning":
			f.Level = Warning
		case "problem":
			f.Level = Problem
		}
		if a.LDIF != "" {
			f.Do = "have the directory's administrator apply this by ldapmodify:"
		}
		found = append(found, f)
	}
	return found
}

// addresses reports what the directory says that cannot work.
func addresses(s *Snapshot) []Finding {
	hosted := map[string]bool{}
	for _, domain := range s.View.List("mail/hosteddomains") {
		hosted[strings.ToLower(domain)] = true
	}
	owners, foreign := map[string][]string{}, map[string]int{}
	for _, m := range s.Daemon.Mailboxes {
		if !hosted[m.Primary.Domain] {
			foreign[m.Primary.Domain]++
		}
		for _, address := range append([]string{m.Primary.String()}, m.Aliases...) {
			if !slices.Contains(owners[address], m.DN) {
				owners[address] = append(owners[address], m.DN)
			}
		}
	}
	var found []Finding
	for _, domain := range slices.Sorted(maps.Keys(foreign)) {
		found = append(found, warning("create the mail domain in the directory",
			"%d users have addresses in %s, which is no hosted domain: mail to them is not taken", foreign[domain], domain))
	}
	for _, address := range slices.Sorted(maps.Keys(owners)) {
		if dns := owners[address]; len(dns) > 1 {
			found = append(found, problem("take it from all but one", "%s belongs to %s: mail to it waits, and nobody logs in by it",
				address, strings.Join(dns, " and ")))
		}
	}
	return found
}

// under returns a path below the root.
func under(root, path string) string { return filepath.Join(root, path) }

// mailboxes returns the mail users among entries; those that cannot be read are parked, which is another check's matter.
func mailboxes(entries []*schema.Entry) []schema.Mailbox {
	var all []schema.Mailbox
	for _, e := range entries {
		if m, err := schema.ParseMailbox(e); err == nil && schema.IsMailbox(e) {
			all = append(all, m)
		}
	}
	return all
}
