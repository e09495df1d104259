package ucr

import (
	"path"
	"strings"
)

// kind is what the path of a file tells about it.
type kind struct{ format, service string }

// kinds are asked from top to bottom; a pattern that ends in a slash is a folder with all below it. The service "" is that
// of the package.
var kinds = []struct {
	pattern string
	kind
}{
	{"/etc/postfix/main.cf", kind{"postfix-main", "postfix"}},
	{"/etc/postfix/master.cf", kind{"postfix-master", "postfix"}},
	{"/etc/postfix/ldap*", kind{"ldap-map", "postfix"}},
	{"/etc/postfix/transport", kind{"postfix-table", "postfix"}},
	{"/etc/postfix/virtual", kind{"postfix-table", "postfix"}},
	{"/etc/postfix/canonical", kind{"postfix-table", "postfix"}},
	{"/etc/postfix/relocated", kind{"postfix-table", "postfix"}},
	{"/etc/postfix/generic", kind{"postfix-table", "postfix"}},
	{"/etc/postfix/*access", kind{"postfix-table", "postfix"}},
	{"/etc/postfix/", kind{"lines", "postfix"}},
	{"/etc/aliases", kind{"aliases", "postfix"}},
	{"*.sieve", kind{"sieve", "dovecot"}},
	{"/etc/dovecot/master-users", kind{"passwd-file", "dovecot"}},
	{"/etc/dovecot/*users", kind{"passwd-file", "dovecot"}},
	{"/etc/dovecot/", kind{"dovecot", "dovecot"}},
	{"/etc/imapd.conf", kind{"cyrus", "cyrus"}},
	{"/etc/imapd/", kind{"cyrus", "cyrus"}},
	{"/etc/cyrus.conf", kind{"cyrus-services", "cyrus"}},
	{"/etc/cyrus.conf.d/", kind{"cyrus-services", "cyrus"}},
	{"/etc/rspamd/", kind{"rspamd", "rspamd"}},
	{"/etc/nginx/", kind{"nginx", "nginx"}},
	{"/etc/spamassassin/", kind{"lines", "spamassassin"}},
	{"/etc/clamav/", kind{"lines", "clamd"}},
	{"/etc/default/", kind{"shell", ""}},
	{"*.ini", kind{"ini", ""}},
}

// guess returns format and service of a file by its path below the root; lines and the package itself when it tells nothing.
func guess(file, module string) kind {
	found := kind{"lines", ""}
	for _, k := range kinds {
		switch {
		case strings.HasPrefix(k.pattern, "*") && strings.HasSuffix(file, k.pattern[1:]):
		case strings.HasSuffix(k.pattern, "/") && strings.HasPrefix(file, k.pattern):
		case matches(k.pattern, file):
		default:
			continue
		}
		found = k.kind
		break
	}
	if found.service == "" {
		found.service = module
	}
	return found
}

func matches(pattern, file string) bool {
	ok, err := path.Match(pattern, file)
	return ok && err == nil
}
