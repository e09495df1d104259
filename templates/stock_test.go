package templates_test

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/templates"
)

var update = flag.Bool("update", false, "write the golden files")

// small is the registry that the golden files show: a host that was given its names and its directory, no more.
var small = map[string]string{
	"hostname": "mail1", "domainname": "example.test",
	"ldap/uri": "ldap://ldap1.example.test:7389 ldap://ldap2.example.test:7389", "ldap/base": "dc=example,dc=test",
	"ldap/hostdn": "cn=mail1,cn=memberserver,dc=example,dc=test", "ldap/secret": "/etc/machine.secret",
	"ldap/starttls": "require", "ldap/cafile": "/etc/ssl/ca.pem",
}

// full is a registry in which every variable that the templates read has a value.
var full = map[string]string{
	"mail/alias/webmaster": "alice@example.test, \"|/usr/bin/filter -x\"", "mail/alias/root": "admin@example.test",
	"mail/maps/transport/1": "example.org smtp:[192.0.2.1]:2525", "mail/maps/transport/2": ".example.net :",
	"mail/postfix/transport/port": "2525", "mail/postfix/ldaptable/starttls": "no", "mail/smtpport": "10025",
	"mail/postfix/ldaptable/tlscacertfile": "/etc/ssl/other.pem", "mail/postfix/listen": "127.0.0.1 ::1",
	"mail/postfix/smtpd/debug": "yes",
	"mail/postfix/mastercf/options/submission/smtpd_relay_restrictions": "permit_mynetworks, reject",
	"mail/postfix/mastercf/options/submission/milter_macro_daemon_name": "ORIGINATING",
	"mail/dovecot/lmtp/port": "10024", "mail/dovecot/doveadm/port": "10026", "mail/dovecot/imap/port": "10143",
	"mail/dovecot/listen": "127.0.0.1", "mail/dovecot/doveadm/password": "a # \"b\" \\ <c $d",
	"mail/dovecot/auth/master/password": "master#1", "mail/dovecot/location/key": "address",
	"mail/dovecot/location/uid": "5000", "mail/dovecot/location/gid": "5000",
	"mail/dovecot/ssl/certificate": "/etc/ssl/cert.pem", "mail/dovecot/ssl/key": "/etc/ssl/private/key.pem",
	"mail/dovecot/ssl/cafile": "/etc/ssl/ca.pem", "mail/dovecot/ssl/dh/file": "/etc/ssl/dh.pem",
	"mail/dovecot/ssl/cipher_list": "ECDHE+AESGCM:!aNULL", "mail/dovecot/logging/log_path": "/var/log/dovecot.log",
	"mail/dovecot/imap/client_workarounds": "delay-newmail tb-lsub-flags",
	"mail/dovecot/folder/spam":             "Unerwünscht und \\ gefährlich", "mail/dovecot/folder/ham": "none",
	"mail/dovecot/mailboxes/auto/Drafts": "create", "mail/dovecot/auth/ldap/cafile": "/etc/ssl/other.pem",
	"mail/dovecot/antispam/enabled": "yes", "mail/dovecot/quota/default": "500", "mail/dovecot/quota/backend": "count",
	"mail/dovecot/quota/exceeded_message": "Das Postfach von %u ist voll. The mailbox of %u is full, 100%%.",
	"mail/dovecot/sieve/before":           "/etc/dovecot/one.sieve /srv/100%.sieve",
	"mail/dovecot/sieve/ip":               "127.0.0.1 ::1", "mail/dovecot/sieve/extensions": "+notify +editheader -vacation",
	"mail/relayhost": "[relay.example.net]:587", "mail/archivefolder": "archive@example.test",
	"mail/messagesizelimit": "52428800", "mail/localmailboxsizelimit": "0", "mail/smtp/helo/name": "mx.example.test",
	"mail/postfix/myhostname": "mx.example.test", "mail/postfix/myorigin": "$mydomain",
	"mail/postfix/smtpd/banner": "$myhostname ESMTP, 100 % no spam # please", "mail/postfix/softbounce": "yes",
	"mail/postfix/dnslookups": "no", "mail/postfix/smtp/hostlookup": "native",
	"mail/postfix/masquerade/domains": "$mydomain", "mail/postfix/recipient_delimiter": "+",
	"mail/postfix/inet/interfaces":                                                  "127.0.0.1",
	"mail/postfix/mynetworks":                                                       "127.0.0.0/8 [::1]/128 192.0.2.0/24 198.51.100.0/24 203.0.113.0/24",
	"mail/postfix/activate_unionmap_in_virtual_alias_maps":                          "yes",
	"mail/postfix/smtpd/restrictions/recipient/10":                                  "",
	"mail/postfix/smtpd/restrictions/recipient/15":                                  "check_client_access cidr:/etc/postfix/access.cidr",
	"mail/postfix/smtpd/restrictions/recipient/80":                                  "reject_rbl_client ix.dnsbl.manitu.net",
	"mail/postfix/smtpd/restrictions/sender/reject_unknown_client_hostname":         "yes",
	"mail/postfix/smtpd/restrictions/sender/reject_unknown_reverse_client_hostname": "yes",
	"mail/postfix/ssl/certificate":                                                  "/etc/ssl/cert.pem", "mail/postfix/ssl/key": "/etc/ssl/private/key.pem",
	"mail/postfix/ssl/cafile": "/etc/ssl/ca.pem", "mail/postfix/ssl/capath": "/etc/ssl/certs",
	"mail/postfix/smtpd/tls/protocols": ">=TLSv1.2", "mail/postfix/smtpd/tls/mandatory_protocols": ">=TLSv1.2",
	"mail/postfix/smtpd/tls/ciphers": "high", "mail/postfix/tls/client/protocols": "!SSLv2, !SSLv3",
	"mail/postfix/tls/client/mandatory_protocols": ">=TLSv1.2", "mail/postfix/tls/client/ciphers": "high",
	"mail/postfix/tls/client/cafile": "/etc/ssl/ca.pem", "mail/postfix/tls/client/level": "dane",
	"mail/postfix/smtp/dns_support_level": "dnssec", "mail/postfix/append_dot_mydomain": "yes",
	"mail/cyrus/admins": "root", "mail/cyrus/imap/admins": "helpdesk", "mail/cyrus/auth/allowplaintext": "yes",
	"mail/cyrus/imap/quotawarnpercent": "90", "mail/cyrus/imap/quotawarnkb": "10240", "mail/cyrus/mailnotifier": "log",
	"mail/cyrus/ssl/certificate": "/etc/ssl/cert.pem", "mail/cyrus/ssl/key": "/etc/ssl/private/key.pem", "mail/cyrus/ssl/cafile": "/etc/ssl/ca.pem",
	"mail/cyrus/murder/master": "mupdate.example.test", "mail/cyrus/murder/servers": "front1.example.test front2.example.test",
	"mail/cyrus/murder/backend/hostname": "back1.example.test", "mail/cyrus/murder/backend/interface": "eth1",
	"interfaces/eth1/address": "192.0.2.7", "interfaces/eth10/address": "192.0.2.8", "mail/cyrus/spool": "/srv/cyrus",
	"mail/cyrus/duplicate-suppression/expiry/start": "yes", "mail/cyrus/duplicate-suppression/expiry/event": "yes",
	"mail/cyrus/sieve/listen_host": "all", "mail/cyrus/backup-metadata/cron": "0 2 * * *", "mail/cyrus/loginrealms": "example.test example.org",
	"mail/postfix/sasl/security_options": "noanonymous, noplaintext", "mail/postfix/sasl/broken_clients": "no",
	"mail/homeserver/transfer": "yes",
}

// worlds are the golden registries by name.
func worlds() map[string]templates.World {
	secret := map[string]string{"/etc/machine.secret": "s3cr#t \"%\" pass\n"}
	merged := maps.Clone(small)
	maps.Copy(merged, full)
	debian12 := map[string]string{
		"dovecot": "2.3.19.1", "dovecot/sieve": "2.3.19.1", "dovecot/managesieve": "2.3.19.1", "dovecot/pop3": "2.3.19.1", "postfix": "3.7.11",
		"cyrus": "3.6.1",
	}
	debian13 := map[string]string{
		"dovecot": "2.4.1", "dovecot/sieve": "2.4.1", "dovecot/managesieve": "2.4.1", "dovecot/pop3": "2.4.1", "postfix": "3.10.13",
		"cyrus": "3.10.2",
	}
	files := maps.Clone(secret)
	files["/tmp/mr-1/etc/postfix/main.cf.local"] = "\nsoft_bounce = yes  \n\n"
	files["/tmp/mr-1/etc/postfix/master.cf.local"] = "extra unix - - n - - pipe\n  argv=/bin/true\n"
	return map[string]templates.World{
		"debian12":      world("/", small, secret, debian12),
		"debian13":      world("/", small, secret, debian13),
		"debian12-full": world("/tmp/mr-1", merged, files, debian12),
		"debian13-full": world("/tmp/mr-1", merged, files, debian13),
		"inetorgperson": world("/", other("inetorgperson", "uuid"), secret, debian12),
		"freeipa":       world("/", other("freeipa", "address"), secret, debian13),
		"ad":            world("/", other("ad", "address"), secret, debian13),
	}
}

// other is the small registry with another kind of directory.
func other(profile, key string) map[string]string {
	values := maps.Clone(small)
	values["ldap/profile"], values["mail/dovecot/location/key"] = profile, key
	return values
}

// asksDirectory are the files in which the kind of the directory shows.
var asksDirectory = regexp.MustCompile(`/(ldap\.[a-z_]+|dovecot-ldap.*|dovecot\.conf|main\.cf)$`)

func TestGolden(t *testing.T) {
	set := mustLoad(t, "")
	for name, w := range worlds() {
		for _, o := range set.Outputs() {
			if !strings.HasPrefix(name, "debian") && !asksDirectory.MatchString(o.Path) {
				continue
			}
			t.Run(name+o.Path, func(t *testing.T) {
				got, _, err := set.Render(o, w)
				if err != nil {
					t.Fatal(err)
				}
				checkGolden(t, filepath.Join("testdata", name, filepath.FromSlash(o.Path)), got)
				again, _, err := set.Render(o, w)
				if err != nil || string(again) != string(got) {
					t.Errorf("rendered twice, the bytes differ (%v)", err)
				}
			})
		}
	}
}

func checkGolden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
