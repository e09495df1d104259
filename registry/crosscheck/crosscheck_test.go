package crosscheck

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mailreg/mailreg/registry/settings"
	"github.com/mailreg/mailreg/registry/value"
	"github.com/mailreg/mailreg/schema"
)

// with returns a view of these settings, one KEY=VALUE each, over the stock defaults.
func with(t interface {
	Fatal(...any)
	Helper()
}, assignments ...string,
) *settings.View {
	t.Helper()
	view, err := settings.NewReader("/nonexistent").View()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, assignment := range assignments {
		key, val, _ := strings.Cut(assignment, "=")
		values[key] = val
		if unset, ok := strings.CutPrefix(key, "-"); ok {
			delete(values, unset)
		}
	}
	return view.With(settings.Normal, values)
}

func list(all ...string) []string { return all }

// example is settings that do not fit, the text that says so, and what is set besides to mend it; -KEY unsets.
type example struct {
	name               string
	settings           []string
	want               string
	works              bool
	mended, alsoMended []string
	stillBroken        []string
}

// cases are settings that do not fit, what is said of them, and what mends them.
var cases = []example{
	{
		name: "layout uuid without entryUUID", settings: list("ldap/profile=freeipa"),
		want: "ldap/profile (freeipa) needs mail/dovecot/location/key (uuid) to be address: no mail server can name homes by what " +
			"identifies its entries",
		mended: list("mail/dovecot/location/key=address"), alsoMended: list("ldap/profile=inetorgperson"), stillBroken: list("ldap/profile=ad"),
	},
	{
		name: "mailbox smaller than a message", settings: list("mail/messagesizelimit=60000000"),
		want:   "mail/localmailboxsizelimit (51200000) is smaller than mail/messagesizelimit (60000000): raise it, or set it to 0 for no limit",
		mended: list("mail/localmailboxsizelimit=0"), alsoMended: list("mail/localmailboxsizelimit=60000000"), stillBroken: list("mail/localmailboxsizelimit=59999999"),
	},
	{
		name: "message without limit", settings: list("mail/messagesizelimit=0"),
		want:   "mail/messagesizelimit (0) is no limit, so mail/localmailboxsizelimit (51200000) must be none: set it to 0",
		mended: list("mail/localmailboxsizelimit=0"),
	},
	{
		name: "bounces live longer", settings: list("mail/postfix/maximal_queue_lifetime=1h"), works: true,
		want:   "mail/postfix/bounce_queue_lifetime (5d) is longer than mail/postfix/maximal_queue_lifetime (1h), which counts",
		mended: list("mail/postfix/bounce_queue_lifetime=60m"), stillBroken: list("mail/postfix/bounce_queue_lifetime=61m"),
	},
	{
		name: "late warning", settings: list("mail/postfix/delay_warning_time=5d"), works: true,
		want:   "mail/postfix/delay_warning_time (5d) is not shorter than mail/postfix/maximal_queue_lifetime (5d): nobody is warned in time",
		mended: list("mail/postfix/delay_warning_time=4h"),
	},
	{
		name: "backoff", settings: list("mail/postfix/minimal_backoff_time=2h"),
		want:   "mail/postfix/minimal_backoff_time (2h) must not be longer than mail/postfix/maximal_backoff_time (4000s)",
		mended: list("mail/postfix/maximal_backoff_time=7200s"),
	},
	{
		name: "slow queue runs", settings: list("mail/postfix/queue_run_delay=10m"), works: true,
		want:   "mail/postfix/queue_run_delay (10m) is longer than mail/postfix/minimal_backoff_time (300s): mail is tried later than it could be",
		mended: list("mail/postfix/minimal_backoff_time=10m"),
	},
	{
		name: "dane without dnssec", settings: list("mail/postfix/tls/client/level=dane"),
		want:   "mail/postfix/tls/client/level (dane) needs mail/postfix/smtp/dns_support_level (unset) to be dnssec",
		mended: list("mail/postfix/smtp/dns_support_level=dnssec"), alsoMended: list("mail/postfix/tls/client/level=may"),
		stillBroken: list("mail/postfix/tls/client/level=dane-only", "mail/postfix/smtp/dns_support_level=enabled"),
	},
	{
		name: "dnssec without DNS", settings: list("mail/postfix/smtp/dns_support_level=dnssec", "mail/postfix/dnslookups=no"),
		want:   "mail/postfix/smtp/dns_support_level (dnssec) needs mail/postfix/dnslookups (no) to be yes",
		mended: list("mail/postfix/smtp/dns_support_level=disabled"),
	},
	{
		name: "verify without a CA", settings: list("mail/postfix/tls/client/level=verify"),
		want:   "mail/postfix/tls/client/level (verify) needs mail/postfix/tls/client/cafile (unset): without a CA no server passes",
		mended: list("mail/postfix/tls/client/cafile=/etc/ssl/certs/ca-certificates.crt"),
	},
	{
		name: "encrypt without a certificate", settings: list("mail/postfix/smtpd/tls/level=encrypt"),
		want:   "mail/postfix/smtpd/tls/level (encrypt) needs mail/postfix/ssl/certificate (unset): without it no TLS is offered",
		mended: list("mail/postfix/ssl/certificate=/etc/c.pem"), alsoMended: list("mail/postfix/smtpd/tls/level=may"),
	},
	{
		name: "key of Postfix alone", settings: list("mail/postfix/ssl/key=/etc/k.pem"), works: true,
		want:   "mail/postfix/ssl/key (/etc/k.pem) is not used without mail/postfix/ssl/certificate (unset)",
		mended: list("mail/postfix/ssl/certificate=/etc/c.pem"),
	},
	{
		name: "IPv6 address without IPv6", settings: list("mail/postfix/listen=192.0.2.1, ::1"),
		want:   "mail/postfix/listen (192.0.2.1, ::1) has addresses that mail/postfix/inet/protocols (ipv4) excludes: Postfix would not start",
		mended: list("mail/postfix/inet/protocols=all"), alsoMended: list("mail/postfix/listen=192.0.2.1"), stillBroken: list("mail/postfix/inet/protocols=ipv6"),
	},
	{
		name: "login at no relay", settings: list("mail/relayauth=yes"),
		want:   "mail/relayauth (yes) needs mail/relayhost (unset)",
		mended: list("mail/relayhost=[relay.example.org]"),
	},
	{
		name: "user without password", settings: list("mail/relay/username=me"),
		want:   "mail/relay/username (me) and mail/relay/password/file (unset) must be set both or not at all",
		mended: list("mail/relay/password/file=/etc/relay.secret"),
	},
	{
		name: "password in the clear", works: true,
		settings: list("mail/relayauth=yes", "mail/relayhost=relay.example.org", "mail/postfix/tls/client/level=none"),
		want:     "mail/relayauth (yes) sends the password in the clear with mail/postfix/tls/client/level (none)",
		mended:   list("mail/postfix/tls/client/level=may"),
	},
	{
		name: "login kept open", settings: list("mail/postfix/sender_dependent/enabled=yes"),
		want:   "mail/postfix/sender_dependent/enabled (yes) needs mail/postfix/smtp/connection_cache_on_demand (yes) to be no",
		mended: list("mail/postfix/smtp/connection_cache_on_demand=no"),
	},
	{
		name: "socket of saslauthd", works: true,
		settings: list("mail/postfix/dovecot_sasl=no", "mail/postfix/sasl/saslauthd_path=/run/saslauthd/mux", "mail/saslauthd/socket=/srv/q/run/saslauthd"),
		want:     "mail/postfix/sasl/saslauthd_path (/run/saslauthd/mux) is not the socket mux in mail/saslauthd/socket (/srv/q/run/saslauthd): no one can log in",
		mended:   list("mail/postfix/queue_directory=/srv/q"), alsoMended: list("mail/saslauthd/socket=/run/saslauthd"),
	},
	{
		name: "TLS to the filter", settings: list("mail/antivir=yes", "mail/postfix/tls/client/level=encrypt", "mail/postfix/tls/client/policy/amavis=[127.0.0.1]:10024 encrypt"),
		want:   `mail/antivir (yes) with mail/postfix/tls/client/level (encrypt) needs mail/postfix/tls/client/policy/amavis ([127.0.0.1]:10024 encrypt) to be "[127.0.0.1]:10024 none"`,
		mended: list("mail/postfix/tls/client/policy/amavis=[127.0.0.1]:10024 none"), alsoMended: list("mail/antivir=no"),
	},
	{
		name: "VDA", settings: list("mail/postfix/vda/enabled=yes"), works: true,
		want:   "mail/postfix/vda/enabled (yes) has no effect: only a patched Postfix knows VDA, and Dovecot has quotas",
		mended: list("mail/postfix/vda/enabled=no"),
	},
	{
		name: "index on NFS with mmap", settings: list("mail/dovecot/process/mail_nfs_index=yes", "mail/dovecot/process/mail_fsync=always"),
		want:   "mail/dovecot/process/mail_nfs_index (yes) needs mail/dovecot/process/mmap_disable (no) to be yes",
		mended: list("mail/dovecot/process/mmap_disable=yes"),
	},
	{
		name: "index on NFS without fsync", settings: list("mail/dovecot/process/mail_nfs_index=yes", "mail/dovecot/process/mmap_disable=yes"),
		want:   "mail/dovecot/process/mail_nfs_index (yes) needs mail/dovecot/process/mail_fsync (optimized) to be always",
		mended: list("mail/dovecot/process/mail_fsync=always"),
	},
	{
		name: "clients of auth", settings: list("mail/dovecot/limits/default_process_limit=1000", "mail/dovecot/limits/anvil/client_limit=4003"), works: true,
		want:   "mail/dovecot/limits/auth/client_limit (2000) should be at least 5000 with mail/dovecot/limits/default_process_limit (1000): under full load logins would wait",
		mended: list("mail/dovecot/limits/auth/client_limit=5000"), alsoMended: list("mail/dovecot/imap=no", "mail/dovecot/pop3=no"), stillBroken: list("mail/dovecot/limits/auth/client_limit=4999"),
	},
	{
		name: "clients of anvil", settings: list("mail/dovecot/limits/default_process_limit=801", "mail/dovecot/limits/auth/client_limit=5000"), works: true,
		want:   "mail/dovecot/limits/anvil/client_limit (1603) should be at least 3207 with mail/dovecot/limits/default_process_limit (801): under full load logins would wait",
		mended: list("mail/dovecot/limits/anvil/client_limit=3207"), alsoMended: list("mail/dovecot/limits/autotune=yes"), stillBroken: list("mail/dovecot/limits/anvil/client_limit=3206"),
	},
	{
		name: "TLS required without a certificate", settings: list("mail/dovecot/ssl/enabled=required"),
		want:   "mail/dovecot/ssl/enabled (required) needs mail/dovecot/ssl/certificate (unset): without it no TLS is offered",
		mended: list("mail/dovecot/ssl/certificate=/etc/c.pem"),
	},
	{
		name: "key of Dovecot alone", settings: list("mail/dovecot/ssl/key=/etc/k.pem"), works: true,
		want:   "mail/dovecot/ssl/key (/etc/k.pem) is not used without mail/dovecot/ssl/certificate (unset)",
		mended: list("mail/dovecot/ssl/certificate=/etc/c.pem"),
	},
	{
		name: "client certificates without a CA", settings: list("mail/dovecot/auth/ssl_require_client_cert=yes"),
		want:   "mail/dovecot/auth/ssl_require_client_cert (yes) needs mail/dovecot/ssl/cafile (unset): no certificate could be checked",
		mended: list("mail/dovecot/ssl/cafile=/etc/ca.pem"),
	},
	{
		name: "half of a pair", settings: list("mail/dovecot/ssl/sni/imap.example.org/key=/etc/k.pem"), works: true,
		want:   "mail/dovecot/ssl/sni/imap.example.org/key (/etc/k.pem) is not used without mail/dovecot/ssl/sni/imap.example.org/certificate (unset)",
		mended: list("mail/dovecot/ssl/sni/imap.example.org/certificate=/etc/c.pem"),
	},
	{
		name: "no pair", settings: list("mail/dovecot/ssl/sni/imap.example.org=/etc/k.pem"), works: true,
		want:   "mail/dovecot/ssl/sni/imap.example.org (/etc/k.pem) is not used: the name must end in HOST/certificate or HOST/key",
		mended: list("-mail/dovecot/ssl/sni/imap.example.org"),
	},
	{
		name: "spam is ham", settings: list("mail/dovecot/folder/spam=Junk", "mail/dovecot/folder/ham=Junk"),
		want:   "mail/dovecot/folder/spam (Junk) and mail/dovecot/folder/ham (Junk) must be two folders",
		mended: list("mail/dovecot/folder/ham=Ham"), alsoMended: list("mail/dovecot/folder/spam=none", "mail/dovecot/folder/ham=none"),
	},
	{
		name: "no percentage", settings: list("mail/dovecot/quota/warning/text/101=full"),
		want:   "mail/dovecot/quota/warning/text/101 (full) must end in a percentage, 1 to 100",
		mended: list("-mail/dovecot/quota/warning/text/101"), stillBroken: list("mail/dovecot/quota/warning/text/101=very full"),
	},
	{
		name: "socket of LMTP", settings: list("mail/dovecot/lmtp/socket/path=/run/dovecot/lmtp", "mail/postfix/queue_directory=/q"), works: true,
		want:   "mail/postfix/virtual/transport (lmtp:unix:private/dovecot-lmtp) is not mail/dovecot/lmtp/socket/path (/run/dovecot/lmtp), where Dovecot takes mail",
		mended: list("mail/postfix/virtual/transport=lmtp:unix:/run/dovecot/lmtp"), alsoMended: list("mail/dovecot/lmtp/socket/path=/q/private/dovecot-lmtp"),
	},
	{
		name: "no LMTP", settings: list("mail/dovecot/lmtp/enabled=no"), works: true,
		want:   "mail/postfix/virtual/transport (lmtp:unix:private/dovecot-lmtp) delivers to Dovecot, and mail/dovecot/lmtp/enabled (no) says that it takes no mail",
		mended: list("mail/postfix/virtual/transport=lmtp:unix:/run/cyrus/lmtp", "mail/mailbox/backend=cyrus"),
	},
	{
		name: "Murder without rename", settings: list("mail/cyrus/murder/master=m.example.org", "mail/cyrus/mailbox/rename=no"),
		want:   "mail/cyrus/murder/master (m.example.org) needs mail/cyrus/mailbox/rename (no) to be yes",
		mended: list("mail/cyrus/mailbox/rename=yes"),
	},
	{
		name: "interface without address", settings: list("mail/cyrus/murder/backend/interface=eth1"),
		want:   "mail/cyrus/murder/backend/interface (eth1) needs interfaces/eth1/address (unset)",
		mended: list("interfaces/eth1/address=192.0.2.1"),
	},
	{
		name: "key of Cyrus alone", settings: list("mail/cyrus/ssl/key=/etc/k.pem"), works: true,
		want:   "mail/cyrus/ssl/key (/etc/k.pem) is not used without mail/cyrus/ssl/certificate (unset)",
		mended: list("mail/cyrus/ssl/certificate=/etc/c.pem"),
	},
	{
		name: "old port of Postgrey", settings: list("mail/postfix/greylisting=yes", "mail/postfix/smtpd/restrictions/recipient/60=check_policy_service inet:127.0.0.1:60000"),
		want:   `mail/postfix/smtpd/restrictions/recipient/60 (check_policy_service inet:127.0.0.1:60000) asks at another port than that of mail/postfix/greylisting/port (10023)`,
		mended: list("mail/postfix/greylisting/port=60000"), alsoMended: list("mail/postfix/smtpd/restrictions/recipient/60=check_policy_service inet:127.0.0.1:10023"),
	},
	{
		name: "port of the quota service", settings: list("mail/dovecot/quota-status/port=12345", "mail/postfix/smtpd/restrictions/recipient/80=check_policy_service {inet:localhost:12340, timeout=10s}"),
		want:   `mail/postfix/smtpd/restrictions/recipient/80 (check_policy_service {inet:localhost:12340, timeout=10s}) asks at another port than that of mail/dovecot/quota-status/port (12345)`,
		mended: list("mail/dovecot/quota-status/port=12340"),
	},
	{
		name: "port of the milter", settings: list("mail/rspamd/worker/proxy/bind_socket=localhost:11339", "mail/postfix/smtpd_milters/10=inet:localhost:11332"),
		want:   "mail/postfix/smtpd_milters/10 (inet:localhost:11332) asks at another port than that of mail/rspamd/worker/proxy/bind_socket (localhost:11339)",
		mended: list("mail/postfix/smtpd_milters/10=inet:localhost:11339"),
	},
	{
		name: "milter that is none", settings: list("mail/postfix/smtpd_milters/10=inet:127.0.0.1:11334"),
		want:   "mail/postfix/smtpd_milters/10 (inet:127.0.0.1:11334) is mail/rspamd/worker/controller/bind_socket (localhost:11334), which speaks no milter protocol",
		mended: list("mail/postfix/smtpd_milters/10=inet:127.0.0.1:11332"),
	},
	{
		name: "milter switched off", settings: list("mail/postfix/smtpd_milters/10=inet:[::1]:11332", "mail/rspamd/worker/proxy/milter=no"),
		want:   "mail/postfix/smtpd_milters/10 (inet:[::1]:11332) needs mail/rspamd/worker/proxy/milter (no) to be yes",
		mended: list("mail/rspamd/worker/proxy/milter=yes"),
	},
	{
		name: "secret alone", settings: list("clamav/proxy/password=confidential"),
		want:   "clamav/proxy/username (unset) and clamav/proxy/password (<secret>) must be set both or not at all",
		mended: list("clamav/proxy/username=me"),
	},
	{
		name: "file larger than the form", settings: list("php/limit/filesize=5", "php/limit/postsize=4"),
		want:   "php/limit/postsize (4) must not be less than php/limit/filesize (5)",
		mended: list("php/limit/postsize=5"),
	},
	{
		name: "file larger than a message", settings: list("php/limit/filesize=8"), works: true,
		want:   "php/limit/filesize (8) is more than mail/messagesizelimit (10240000) lets through",
		mended: list("php/limit/filesize=7"), alsoMended: list("mail/messagesizelimit=20000000"),
	},
	{
		name: "one port for two", settings: list("mail/dovecot/imaps/port=465"),
		want:   "mail/postfix/smtps/port (465) and mail/dovecot/imaps/port (465) are the same port of the same address: change one of them, or mail/postfix/listen (unset), or mail/dovecot/listen (*, ::)",
		mended: list("mail/postfix/smtps/enabled=no"), alsoMended: list("mail/postfix/listen=127.0.0.2", "mail/dovecot/listen=127.0.0.3"),
		stillBroken: list("mail/postfix/listen=127.0.0.2"),
	},
	{
		name: "one port of one server", settings: list("mail/smtpport=587"),
		want:   "mail/smtpport (587) and mail/postfix/submission/port (587) are the same port of the same address: change one of them",
		mended: list("mail/postfix/submission/port=0"),
	},
	{
		name: "port of the filter", settings: list("mail/antivir=yes", "mail/rspamd/worker/normal/bind_socket=localhost:10025"),
		want:   "the port 10025 of mail from Amavis and mail/rspamd/worker/normal/bind_socket (localhost:10025) are the same port of the same address: change one of them",
		mended: list("mail/antivir=no"), alsoMended: list("mail/rspamd/worker/normal/bind_socket=/run/rspamd/normal.sock"),
	},
	{
		name: "Sieve of Cyrus", settings: list("mail/mailbox/backend=cyrus", "mailreg/metrics/listen=127.0.0.1:4190"),
		want:   "mail/cyrus/sieve/port (4190) and mailreg/metrics/listen (127.0.0.1:4190) are the same port of the same address: change one of them, or mail/cyrus/sieve/listen_host (localhost)",
		mended: list("mail/cyrus/sieve/listen_host=192.0.2.1"), alsoMended: list("mailreg/metrics/listen=unix:/run/m.sock"), stillBroken: list("mail/cyrus/sieve/listen_host=all"),
	},
}

func TestRules(t *testing.T) {
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			view := with(t, test.settings...)
			want := []string{test.want}
			got := All(view)
			if diff := cmp.Diff(want, texts(got)); diff != "" {
				t.Fatalf("-want +got:\n%s", diff)
			}
			if got[0].Works != test.works {
				t.Errorf("Works = %v", got[0].Works)
			}
			for _, key := range got[0].Keys {
				if !strings.Contains(got[0].Text, key) {
					t.Errorf("key %s is not in the text", key)
				}
			}
			for _, values := range [][]string{test.mended, test.alsoMended} {
				if values == nil {
					continue
				}
				if got := texts(All(with(t, slices.Concat(test.settings, values)...))); len(got) != 0 {
					t.Errorf("with %q: %q", values, got)
				}
			}
			if broken := All(with(t, slices.Concat(test.settings, test.stillBroken)...)); len(broken) == 0 {
				t.Errorf("mended by %q", test.stillBroken)
			}
		})
	}
}

func texts(conflicts []Conflict) []string {
	var all []string
	for _, c := range conflicts {
		all = append(all, c.Text)
	}
	return all
}

// TestDefaultsFit sees to it that nobody is warned of what we ship, and that every rule can be broken.
func TestDefaultsFit(t *testing.T) {
	if got := texts(All(with(t))); len(got) > 0 {
		t.Errorf("the defaults do not fit: %q", got)
	}
	for i, r := range table() {
		broken := slices.ContainsFunc(cases, func(c example) bool { return len(r.conflicts(with(t, c.settings...))) > 0 })
		if !broken {
			t.Errorf("no case breaks rule %d (%s)", i, strings.Join(r.keys, ", "))
		}
	}
}

// noting is a view that notes what is read.
type noting struct {
	*settings.View
	read map[string]bool
}

func (n noting) Get(key string) (string, bool) { n.read[key] = true; return n.View.Get(key) }
func (n noting) String(key string) string      { n.read[key] = true; return n.View.String(key) }
func (n noting) Bool(key string) bool          { n.read[key] = true; return n.View.Bool(key) }
func (n noting) Int(key string) int64          { n.read[key] = true; return n.View.Int(key) }
func (n noting) List(key string) []string      { n.read[key] = true; return n.View.List(key) }

func (n noting) Duration(key string) time.Duration { n.read[key] = true; return n.View.Duration(key) }

func (n noting) Prefix(prefix string) []settings.Pair {
	n.read[prefix] = true
	return n.View.Prefix(prefix)
}

// TestRulesNameTheirKeys holds each rule to its list of keys, for a rule is asked only when one of them is edited. Keys that
// a default refers to belong to it as well.
func TestRulesNameTheirKeys(t *testing.T) {
	for _, r := range table() {
		read := map[string]bool{}
		for _, test := range cases {
			r.conflicts(noting{with(t, test.settings...), read})
		}
		for key := range read {
			if !r.reads(key) {
				t.Errorf("a rule reads %s and lists only %q", key, r.keys)
			}
			d, declared := with(t).Declaration(key)
			if !declared && !strings.HasSuffix(key, "/") {
				t.Errorf("%s is not declared", key)
			}
			for i, part := range strings.Split(d.Default, "@%@") {
				if i%2 == 1 && !r.reads(part) {
					t.Errorf("the default of %s refers to %s, which is not in %q", key, part, r.keys)
				}
			}
		}
	}
}

func TestNew(t *testing.T) {
	const index, mmap, fsync = "mail/dovecot/process/mail_nfs_index", "mail/dovecot/process/mmap_disable", "mail/dovecot/process/mail_fsync"
	broken := list(index+"=yes", fsync+"=always")
	tests := []struct {
		name          string
		before, after []string
		edited        []string
		want          int
	}{
		{"brought about", nil, broken, list(index, fsync), 1},
		{"left as it was", broken, append(list("mail/postfix/softbounce=yes"), broken...), list("mail/postfix/softbounce"), 0},
		{"set again", broken, list(index+"=yes", fsync+"=always", mmap+"=no"), list(mmap), 0},
		{"changed and still wrong", list("mail/messagesizelimit=0"), list("mail/messagesizelimit=99999999"), list("mail/messagesizelimit"), 1},
		{"mended", broken, append(list(mmap+"=yes"), broken...), list(mmap), 0},
		{"by what a default refers to", nil, list("mail/postfix/queue_directory=/q", "mail/dovecot/lmtp/socket/path=/x/private/dovecot-lmtp"), list("mail/dovecot/lmtp/socket/path"), 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := New(with(t, test.before...), with(t, test.after...), test.edited)
			if len(got) != test.want {
				t.Errorf("got %q, want %d", texts(got), test.want)
			}
		})
	}
}

// TestNewMissesNothing compares New, which asks the rules of the edited keys only, with all rules asked before and after.
func TestNewMissesNothing(t *testing.T) {
	values := map[string][]string{}
	for _, test := range cases {
		for _, assignment := range slices.Concat(test.settings, test.mended, test.alsoMended, test.stillBroken) {
			if key, val, set := strings.Cut(assignment, "="); set {
				values[key] = append(values[key], val)
			}
		}
	}
	keys := slices.Sorted(maps.Keys(values))
	rapid.Check(t, func(t *rapid.T) {
		settings := map[string]string{}
		draw := func(label string) (edited []string) {
			for _, key := range rapid.SliceOfDistinct(rapid.SampledFrom(keys), rapid.ID).Draw(t, label) {
				if val := rapid.SampledFrom(append(values[key], "\x00unset")).Draw(t, key); val == "\x00unset" {
					delete(settings, key)
				} else {
					settings[key] = val
				}
				edited = append(edited, key)
			}
			return edited
		}
		draw("before")
		before := with(t, assignments(settings)...)
		edited := draw("edit")
		after := with(t, assignments(settings)...)
		var want []string
		was := texts(All(before))
		for _, text := range texts(All(after)) {
			if !slices.Contains(was, text) {
				want = append(want, text)
			}
		}
		if diff := cmp.Diff(want, texts(New(before, after, edited))); diff != "" {
			t.Errorf("edit of %q (-all +new):\n%s", edited, diff)
		}
	})
}

func assignments(settings map[string]string) []string {
	var all []string
	for key, val := range settings {
		all = append(all, key+"="+val)
	}
	return all
}

// TestCasesAreValid keeps the table to values that the types let pass, or a rule would be proved with what cannot be set.
func TestCasesAreValid(t *testing.T) {
	for _, test := range cases {
		for _, assignment := range slices.Concat(test.settings, test.mended, test.alsoMended, test.stillBroken) {
			key, val, set := strings.Cut(assignment, "=")
			if !set {
				continue
			}
			d, declared := with(t).Declaration(key)
			if !declared {
				d = schema.Declaration{Type: "nothing"}
			}
			if err := value.Check(d, val); err != nil {
				t.Errorf("%s: %s: %v", test.name, assignment, err)
			}
		}
	}
}

// TestShown keeps what a value must not do out of the text.
func TestShown(t *testing.T) {
	for val, want := range map[string]string{
		"":                       "empty",
		"a\nb":                   `"a\nb"`,
		"{mail/relayhost}":       "{mail/relayhost}",
		strings.Repeat("ü", 100): strings.Repeat("ü", 30) + "...",
	} {
		c := told(with(t, "mail/relayhost="+val), "{mail/relayhost} is wrong", false)
		if c.Text != "mail/relayhost ("+want+") is wrong" {
			t.Errorf("%q is shown as %q", val, c.Text)
		}
	}
}
