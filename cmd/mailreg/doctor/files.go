package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// permissions reports settings that others may change and secrets that others may read.
func permissions(s *Snapshot) []Finding {
	var found []Finding
	for _, path := range slices.Sorted(maps.Keys(s.Files)) {
		f := s.Files[path]
		switch {
		case f.Err != nil || !s.ours(path):
		case f.Mode.Perm()&0o022 != 0:
			found = append(found, problem("chmod go-w "+path, "%s can be changed by others (mode %#o)", path, f.Mode.Perm()))
		case f.UID != 0 && f.UID != s.Own:
			found = append(found, problem("chown root "+path, "%s belongs to uid %d, who can change the settings", path, f.UID))
		case filepath.Base(path) == "secrets.conf" && f.Mode.Perm()&0o077 != 0:
			found = append(found, problem("chmod 600 "+path, "%s can be read by others (mode %#o)", path, f.Mode.Perm()))
		}
	}
	return found
}

// ours reports whether a path is one of the registry's own.
func (s *Snapshot) ours(path string) bool {
	below := func(dir string) bool {
		dir = filepath.Join(s.Root, dir)
		return path == dir || strings.HasPrefix(path, dir+"/")
	}
	return below("/etc/mailreg") || below("/var/lib/mailreg")
}

// directoryPassword reports a bind that cannot work.
func directoryPassword(s *Snapshot) []Finding {
	if s.View.String("ldap/hostdn") == "" {
		return nil
	}
	path := s.View.String("ldap/secret")
	f, looked := s.Files[path]
	switch {
	case !looked:
		return []Finding{problem("mailreg set ldap/secret=FILE", "ldap/hostdn is set, ldap/secret is not")}
	case errors.Is(f.Err, fs.ErrNotExist):
		return []Finding{problem("write the password of ldap/hostdn into it (mode 600)", "%s (ldap/secret) is missing", path)}
	case f.Err != nil:
		return []Finding{problem("see to it that root can read it", "%s (ldap/secret): %v", path, f.Err)}
	case f.Mode.Perm()&0o007 != 0:
		return []Finding{problem("chmod o-rwx "+path, "%s (ldap/secret) can be read by others (mode %#o)", path, f.Mode.Perm())}
	}
	return nil
}

// soon is how long before its end a certificate is reported.
const soon = 14 * 24 * time.Hour

// certificates reports those that clients will refuse.
func certificates(s *Snapshot) []Finding {
	var found []Finding
	for _, p := range s.Pairs {
		where := fmt.Sprintf("%s (%s)", p.Path, p.Variable)
		switch {
		case p.Path == "":
			found = append(found, warning("mailreg set "+p.Variable+"=FILE", "%s is not set: no TLS is offered", p.Variable))
		case p.Err != nil:
			found = append(found, problem("mend the files, or name others", "%s: %v", where, p.Err))
		case s.Now.Before(p.Cert.NotBefore):
			found = append(found, problem("set the clock, or wait", "%s is valid from %s on", where, day(p.Cert.NotBefore)))
		case s.Now.After(p.Cert.NotAfter):
			found = append(found, problem("renew it, then mailreg commit", "%s has expired on %s", where, day(p.Cert.NotAfter)))
		case s.Now.Add(soon).After(p.Cert.NotAfter):
			found = append(found, warning("renew it", "%s expires on %s", where, day(p.Cert.NotAfter)))
		}
		if f := s.Files[p.Key]; p.Path != "" && f.Err == nil && f.Mode.Perm()&0o007 != 0 {
			found = append(found, problem("chmod o-rwx "+p.Key, "the key %s can be read by others (mode %#o)", p.Key, f.Mode.Perm()))
		}
		if f := s.foreignName(p); f != nil {
			found = append(found, *f)
		}
	}
	return found
}

// foreignName reports a certificate that does not bear the host's name.
func (s *Snapshot) foreignName(p Pair) *Finding {
	if p.Cert == nil || p.Err != nil {
		return nil
	}
	host, err := s.View.FQDN()
	if err != nil || p.Cert.VerifyHostname(host) == nil {
		return nil
	}
	f := warning("right only when clients use another name", "%s (%s) is not for %s", p.Path, p.Variable, host)
	return &f
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// caKeys are the variables that name files of CA certificates, with the services that read them ("" for all).
var caKeys = []struct{ key, service string }{
	{"ldap/cafile", ""},
	{"mail/dovecot/auth/ldap/cafile", "dovecot"},
	{"mail/dovecot/ssl/cafile", "dovecot"},
	{"mail/postfix/ssl/cafile", "postfix"},
	{"mail/postfix/ldaptable/tlscacertfile", "postfix"},
	{"mail/postfix/tls/client/cafile", "postfix"},
}

// caFiles reports files of CA certificates that hold none.
func caFiles(s *Snapshot) []Finding {
	var found []Finding
	for _, ca := range caKeys {
		path := s.View.String(ca.key)
		if path == "" || ca.service != "" && !s.enabled(ca.service) {
			continue
		}
		if f := s.Files[path]; f.Err != nil {
			found = append(found, problem("mend it, or mailreg set "+ca.key+"=FILE", "%s (%s): %v", path, ca.key, f.Err))
		} else if f.CAs == 0 {
			found = append(found, problem("mend it, or mailreg set "+ca.key+"=FILE", "%s (%s) holds no certificate", path, ca.key))
		}
	}
	return found
}

// commit reports what waits for another try.
func commit(s *Snapshot) []Finding {
	var found []Finding
	if t := s.Status.Interrupted; !t.IsZero() {
		found = append(found, problem("mailreg commit", "a transaction of %s was interrupted and waits to be finished", t.UTC().Format(time.RFC3339)))
	}
	for _, p := range s.Status.Pending {
		text := fmt.Sprintf("%s still needs a %s", p.Service, p.Action)
		if p.Error != "" {
			text += ": " + p.Error
		}
		found = append(found, problem("mend the cause, then mailreg commit", "%s", text))
	}
	return found
}

// files reports generated files that are not what the registry says.
func files(s *Snapshot) []Finding {
	var found []Finding
	if err := s.Status.Unrendered; err != nil {
		found = append(found, problem("set what is missing, or mend the template", "files cannot be rendered: %v", err))
	}
	for _, path := range s.Status.Edited {
		found = append(found, warning("mailreg diff "+path+"; mailreg commit replaces it and keeps a copy", "%s was edited by hand", path))
	}
	for _, path := range s.Status.Gone {
		found = append(found, problem("mailreg commit", "%s is gone", path))
	}
	for i, path := range s.Status.Stale {
		if i == most {
			found = append(found, warning("mailreg commit", "%d more files are not up to date", len(s.Status.Stale)-most))
			break
		}
		found = append(found, warning("mailreg commit", "%s is not up to date", path))
	}
	return found
}
