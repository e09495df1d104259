package crosscheck

import (
	"fmt"
	"strconv"
	"strings"
)

// dovecotRules are those of Dovecot, and of what Postfix and Dovecot must agree about.
var dovecotRules = []rule{
	{ // Nothing that a mail server can print identifies the entries there.
		keys: []string{"ldap/profile", "ldap/attribute/entryUUID", "mail/dovecot/location/key"},
		find: func(v View) []string {
			foreign := isOneOf(v, "ldap/profile", "freeipa", "ad") && !isSet(v, "ldap/attribute/entryUUID")
			return when(foreign && v.String("mail/dovecot/location/key") == "uuid",
				"{ldap/profile} needs {mail/dovecot/location/key} to be address: no mail server can name homes by what identifies its entries")
		},
	},
	{ // doveconf: mail_nfs_index=yes requires mmap_disable=yes
		keys: []string{"mail/dovecot/process/mail_nfs_index", "mail/dovecot/process/mmap_disable"},
		find: func(v View) []string {
			return when(v.Bool("mail/dovecot/process/mail_nfs_index") && !v.Bool("mail/dovecot/process/mmap_disable"),
				"{mail/dovecot/process/mail_nfs_index} needs {mail/dovecot/process/mmap_disable} to be yes")
		},
	},
	{ // doveconf: mail_nfs_index=yes requires mail_fsync=always
		keys: []string{"mail/dovecot/process/mail_nfs_index", "mail/dovecot/process/mail_fsync"},
		find: func(v View) []string {
			return when(v.Bool("mail/dovecot/process/mail_nfs_index") && v.String("mail/dovecot/process/mail_fsync") != "always",
				"{mail/dovecot/process/mail_nfs_index} needs {mail/dovecot/process/mail_fsync} to be always")
		},
	},
	{keys: clientLimitKeys("auth"), works: true, find: clientLimit("auth")},
	{keys: clientLimitKeys("anvil"), works: true, find: clientLimit("anvil")},
	{
		keys: []string{"mail/dovecot/ssl/enabled", "mail/dovecot/ssl/certificate"},
		find: func(v View) []string {
			return when(v.String("mail/dovecot/ssl/enabled") == "required" && !isSet(v, "mail/dovecot/ssl/certificate"),
				"{mail/dovecot/ssl/enabled} needs {mail/dovecot/ssl/certificate}: without it no TLS is offered")
		},
	},
	{
		keys:  []string{"mail/dovecot/ssl/key", "mail/dovecot/ssl/certificate"},
		works: true,
		find: func(v View) []string {
			return when(isSet(v, "mail/dovecot/ssl/key") && !isSet(v, "mail/dovecot/ssl/certificate"),
				"{mail/dovecot/ssl/key} is not used without {mail/dovecot/ssl/certificate}")
		},
	},
	{
		keys: []string{"mail/dovecot/auth/ssl_require_client_cert", "mail/dovecot/ssl/cafile"},
		find: func(v View) []string {
			return when(v.Bool("mail/dovecot/auth/ssl_require_client_cert") && !isSet(v, "mail/dovecot/ssl/cafile"),
				"{mail/dovecot/auth/ssl_require_client_cert} needs {mail/dovecot/ssl/cafile}: no certificate could be checked")
		},
	},
	{keys: []string{"mail/dovecot/ssl/sni/"}, works: true, find: sniPairs},
	{
		keys: []string{"mail/dovecot/folder/spam", "mail/dovecot/folder/ham"},
		find: func(v View) []string {
			spam := v.String("mail/dovecot/folder/spam")
			return when(spam != "" && spam != "none" && spam == v.String("mail/dovecot/folder/ham"),
				"{mail/dovecot/folder/spam} and {mail/dovecot/folder/ham} must be two folders")
		},
	},
	{keys: []string{"mail/dovecot/quota/warning/text/"}, find: warningPercents},
	{
		keys: []string{
			"mail/postfix/virtual/transport", "mail/dovecot/lmtp/socket/path", "mail/postfix/queue_directory",
			"mail/mailbox/backend",
		},
		works: true,
		find: func(v View) []string {
			path, socket := strings.CutPrefix(v.String("mail/postfix/virtual/transport"), "lmtp:unix:")
			if !strings.HasPrefix(path, "/") {
				path = v.String("mail/postfix/queue_directory") + "/" + path
			}
			return when(socket && path != v.String("mail/dovecot/lmtp/socket/path") && v.String("mail/mailbox/backend") != "cyrus",
				"{mail/postfix/virtual/transport} is not {mail/dovecot/lmtp/socket/path}, where Dovecot takes mail")
		},
	},
	{
		keys:  []string{"mail/postfix/virtual/transport", "mail/dovecot/lmtp/enabled", "mail/mailbox/backend"},
		works: true,
		find: func(v View) []string {
			return when(strings.HasPrefix(v.String("mail/postfix/virtual/transport"), "lmtp:unix:private/dovecot") &&
				!v.Bool("mail/dovecot/lmtp/enabled") && v.String("mail/mailbox/backend") != "cyrus",
				"{mail/postfix/virtual/transport} delivers to Dovecot, and {mail/dovecot/lmtp/enabled} says that it takes no mail")
		},
	},
}

func clientLimitKeys(service string) []string {
	return []string{
		"mail/dovecot/limits/" + service + "/client_limit", "mail/dovecot/limits/default_process_limit",
		"mail/dovecot/limits/autotune", "mail/dovecot/imap", "mail/dovecot/pop3", "mail/dovecot/lmtp/enabled",
		"mail/dovecot/sieve/enabled",
	}
}

// clientLimit is what doveconf(1) counts when every service has as many processes as it may: each IMAP session costs a
// login process and one for imap-urlauth, each of POP3 and ManageSieve a login process, LMTP is a client of auth alone, and anvil has
// three clients of its own.
func clientLimit(service string) func(View) []string {
	return func(v View) []string {
		var perProcess, own int64
		if v.Bool("mail/dovecot/imap") {
			perProcess = 2
		}
		for _, protocol := range []string{"mail/dovecot/pop3", "mail/dovecot/sieve/enabled"} {
			if v.Bool(protocol) {
				perProcess++
			}
		}
		switch {
		case service == "anvil":
			own = 3
		case v.Bool("mail/dovecot/lmtp/enabled"):
			perProcess++
		}
		key, limit := "mail/dovecot/limits/"+service+"/client_limit", "mail/dovecot/limits/default_process_limit"
		least := perProcess*v.Int(limit) + own
		return when(v.Int(key) < least && !v.Bool("mail/dovecot/limits/autotune"),
			fmt.Sprintf("{%s} should be at least %d with {%s}: under full load logins would wait", key, least, limit))
	}
}

// sniPairs finds host names with a certificate and no key, or the other way round.
func sniPairs(v View) []string {
	const below = "mail/dovecot/ssl/sni/"
	var clauses []string
	for _, pair := range v.Prefix(below) {
		at := strings.LastIndexByte(pair.Key, '/')
		other, known := map[string]string{"/certificate": "/key", "/key": "/certificate"}[pair.Key[at:]]
		switch {
		case !known || at <= len(below):
			clauses = append(clauses, "{"+pair.Key+"} is not used: the name must end in HOST/certificate or HOST/key")
		case !isSet(v, pair.Key[:at]+other):
			clauses = append(clauses, "{"+pair.Key+"} is not used without {"+pair.Key[:at]+other+"}")
		}
	}
	return clauses
}

// warningPercents finds texts for what is no percentage.
func warningPercents(v View) []string {
	const below = "mail/dovecot/quota/warning/text/"
	var clauses []string
	for _, pair := range v.Prefix(below) {
		if n, err := strconv.ParseUint(pair.Key[len(below):], 10, 8); err != nil || n < 1 || n > 100 {
			clauses = append(clauses, "{"+pair.Key+"} must end in a percentage, 1 to 100")
		}
	}
	return clauses
}
