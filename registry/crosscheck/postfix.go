package crosscheck

import (
	"net/netip"
	"slices"
	"strings"
)

// postfixRules are those of Postfix's own work: sizes, times, TLS.
var postfixRules = []rule{
	{ // The delivery agents end with "mailbox_size_limit is smaller than message_size_limit".
		keys: []string{"mail/localmailboxsizelimit", "mail/messagesizelimit"},
		find: func(v View) []string {
			mailbox, message := v.Int("mail/localmailboxsizelimit"), v.Int("mail/messagesizelimit")
			if mailbox != 0 && message == 0 {
				return []string{"{mail/messagesizelimit} is no limit, so {mail/localmailboxsizelimit} must be none: set it to 0"}
			}
			return when(mailbox != 0 && mailbox < message,
				"{mail/localmailboxsizelimit} is smaller than {mail/messagesizelimit}: raise it, or set it to 0 for no limit")
		},
	},
	{ // qmgr(8) takes the smaller one and warns in the log.
		keys:  []string{"mail/postfix/bounce_queue_lifetime", "mail/postfix/maximal_queue_lifetime"},
		works: true,
		find: func(v View) []string {
			return when(v.Duration("mail/postfix/bounce_queue_lifetime") > v.Duration("mail/postfix/maximal_queue_lifetime"),
				"{mail/postfix/bounce_queue_lifetime} is longer than {mail/postfix/maximal_queue_lifetime}, which counts")
		},
	},
	{
		keys:  []string{"mail/postfix/delay_warning_time", "mail/postfix/maximal_queue_lifetime"},
		works: true,
		find: func(v View) []string {
			warning := v.Duration("mail/postfix/delay_warning_time")
			return when(warning != 0 && warning >= v.Duration("mail/postfix/maximal_queue_lifetime"),
				"{mail/postfix/delay_warning_time} is not shorter than {mail/postfix/maximal_queue_lifetime}: nobody is warned in time")
		},
	},
	{
		keys: []string{"mail/postfix/minimal_backoff_time", "mail/postfix/maximal_backoff_time"},
		find: func(v View) []string {
			return when(v.Duration("mail/postfix/minimal_backoff_time") > v.Duration("mail/postfix/maximal_backoff_time"),
				"{mail/postfix/minimal_backoff_time} must not be longer than {mail/postfix/maximal_backoff_time}")
		},
	},
	{ // postconf(5), queue_run_delay.
		keys:  []string{"mail/postfix/queue_run_delay", "mail/postfix/minimal_backoff_time"},
		works: true,
		find: func(v View) []string {
			return when(v.Duration("mail/postfix/queue_run_delay") > v.Duration("mail/postfix/minimal_backoff_time"),
				"{mail/postfix/queue_run_delay} is longer than {mail/postfix/minimal_backoff_time}: mail is tried later than it could be")
		},
	},
	{ // Without answers signed by DNSSEC there are no TLSA records to trust: smtp(8) falls back or defers.
		keys: []string{"mail/postfix/tls/client/level", "mail/postfix/smtp/dns_support_level"},
		find: func(v View) []string {
			return when(isOneOf(v, "mail/postfix/tls/client/level", "dane", "dane-only") && v.String("mail/postfix/smtp/dns_support_level") != "dnssec",
				"{mail/postfix/tls/client/level} needs {mail/postfix/smtp/dns_support_level} to be dnssec")
		},
	},
	{
		keys: []string{"mail/postfix/smtp/dns_support_level", "mail/postfix/dnslookups"},
		find: func(v View) []string {
			return when(isOneOf(v, "mail/postfix/smtp/dns_support_level", "enabled", "dnssec") && !v.Bool("mail/postfix/dnslookups"),
				"{mail/postfix/smtp/dns_support_level} needs {mail/postfix/dnslookups} to be yes")
		},
	},
	{
		keys: []string{"mail/postfix/tls/client/level", "mail/postfix/tls/client/cafile"},
		find: func(v View) []string {
			return when(isOneOf(v, "mail/postfix/tls/client/level", "verify", "secure") && !isSet(v, "mail/postfix/tls/client/cafile"),
				"{mail/postfix/tls/client/level} needs {mail/postfix/tls/client/cafile}: without a CA no server passes")
		},
	},
	{
		keys: []string{"mail/postfix/smtpd/tls/level", "mail/postfix/ssl/certificate"},
		find: func(v View) []string {
			return when(v.String("mail/postfix/smtpd/tls/level") == "encrypt" && !isSet(v, "mail/postfix/ssl/certificate"),
				"{mail/postfix/smtpd/tls/level} needs {mail/postfix/ssl/certificate}: without it no TLS is offered")
		},
	},
	{
		keys:  []string{"mail/postfix/ssl/key", "mail/postfix/ssl/certificate"},
		works: true,
		find: func(v View) []string {
			return when(isSet(v, "mail/postfix/ssl/key") && !isSet(v, "mail/postfix/ssl/certificate"),
				"{mail/postfix/ssl/key} is not used without {mail/postfix/ssl/certificate}")
		},
	},
	{ // master(8) ends at a service whose address it cannot bind.
		keys: []string{"mail/postfix/listen", "mail/postfix/inet/protocols"},
		find: func(v View) []string {
			is4 := func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is4() }
			is6 := func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is6() }
			listen, protocols := v.List("mail/postfix/listen"), v.String("mail/postfix/inet/protocols")
			return when(protocols == "ipv4" && slices.ContainsFunc(listen, is6) || protocols == "ipv6" && slices.ContainsFunc(listen, is4),
				"{mail/postfix/listen} has addresses that {mail/postfix/inet/protocols} excludes: Postfix would not start")
		},
	},
}

// relayRules are about logins: of our users at Postfix, and of Postfix at other servers.
var relayRules = []rule{
	{
		keys: []string{"mail/relayauth", "mail/relayhost"},
		find: func(v View) []string {
			return when(v.Bool("mail/relayauth") && !isSet(v, "mail/relayhost"), "{mail/relayauth} needs {mail/relayhost}")
		},
	},
	{
		keys: []string{"mail/relay/username", "mail/relay/password/file"},
		find: func(v View) []string {
			return when(isSet(v, "mail/relay/username") != isSet(v, "mail/relay/password/file"),
				"{mail/relay/username} and {mail/relay/password/file} must be set both or not at all")
		},
	},
	{
		keys:  []string{"mail/relayauth", "mail/postfix/tls/client/level"},
		works: true,
		find: func(v View) []string {
			return when(v.Bool("mail/relayauth") && v.String("mail/postfix/tls/client/level") == "none",
				"{mail/relayauth} sends the password in the clear with {mail/postfix/tls/client/level}")
		},
	},
	{ // A connection that is kept open stays logged in as the sender before.
		keys: []string{"mail/postfix/sender_dependent/enabled", "mail/postfix/smtp/connection_cache_on_demand"},
		find: func(v View) []string {
			return when(v.Bool("mail/postfix/sender_dependent/enabled") && v.Bool("mail/postfix/smtp/connection_cache_on_demand"),
				"{mail/postfix/sender_dependent/enabled} needs {mail/postfix/smtp/connection_cache_on_demand} to be no")
		},
	},
	{ // Locked into its queue directory, Postfix sees a path below that directory without it.
		keys: []string{
			"mail/postfix/dovecot_sasl", "mail/postfix/sasl/pwcheck_method", "mail/postfix/sasl/saslauthd_path",
			"mail/saslauthd/socket", "mail/postfix/queue_directory",
		},
		works: true,
		find: func(v View) []string {
			asked, served := v.String("mail/postfix/sasl/saslauthd_path"), v.String("mail/saslauthd/socket")+"/mux"
			used := !v.Bool("mail/postfix/dovecot_sasl") && v.String("mail/postfix/sasl/pwcheck_method") == "saslauthd"
			return when(used && asked != served && v.String("mail/postfix/queue_directory")+asked != served,
				"{mail/postfix/sasl/saslauthd_path} is not the socket mux in {mail/saslauthd/socket}: no one can log in")
		},
	},
	{ // Postfix goes to the filter by SMTP, and the filter speaks no TLS.
		keys: []string{"mail/antivir", "mail/postfix/tls/client/level", "mail/postfix/tls/client/policy/"},
		find: func(v View) []string {
			const filter = "[127.0.0.1]:10024"
			exempt := false
			for _, policy := range v.Prefix("mail/postfix/tls/client/policy/") {
				words := strings.Fields(policy.Value)
				exempt = exempt || len(words) > 1 && words[0] == filter && slices.Contains([]string{"none", "may"}, words[1])
			}
			forced := !isOneOf(v, "mail/postfix/tls/client/level", "none", "may", "dane")
			return when(v.Bool("mail/antivir") && forced && !exempt,
				"{mail/antivir} with {mail/postfix/tls/client/level} needs {mail/postfix/tls/client/policy/amavis} to be \""+filter+" none\"")
		},
	},
	{
		keys:  []string{"mail/postfix/vda/enabled"},
		works: true,
		find: func(v View) []string {
			return when(v.Bool("mail/postfix/vda/enabled"), "{mail/postfix/vda/enabled} has no effect: only a patched Postfix knows VDA, and Dovecot has quotas")
		},
	},
}
