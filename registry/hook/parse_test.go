package hook

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNginxAddress(t *testing.T) {
	for config, want := range map[string]string{
		"http {\n server {\n  listen 443 ssl;\n  listen 127.0.0.1:8080 default_server;\n }\n}\n": "127.0.0.1:8080",
		"server {\n listen [::]:80;\n}\n":                            "[::1]:80",
		"server {\n listen 10.0.0.1;\n}\n":                           "10.0.0.1:80",
		"server {\n listen *:81 proxy_protocol;\n listen 82;\n}\n":   "127.0.0.1:82",
		"server {\n listen unix:/run/x.sock;\n}\n":                   "/run/x.sock",
		"server {\n  # listen 80;\n}\n":                              "",
		"stream {\n server { listen 53; }\n}\nserver {\nlisten 80;}": "",
	} {
		if got := nginxAddress(config); got != want {
			t.Errorf("%q: %q, want %q", config, got, want)
		}
	}
}

func TestSpamdAddress(t *testing.T) {
	for options, want := range map[string]string{
		"":                                    "127.0.0.1:783",
		"-d -i 10.0.0.1 -p 17830 -L":          "10.0.0.1:17830",
		"--listen=0.0.0.0 --port=1":           "127.0.0.1:1",
		"-i --max-children 5":                 "127.0.0.1:783",
		"--socketpath=/run/spamd.sock -p 1":   "/run/spamd.sock",
		"--listen=/run/spamd.sock":            "/run/spamd.sock",
		"--create-prefs --listen-ip 10.0.0.2": "10.0.0.2:783",
	} {
		if got := spamdAddress(strings.Fields(options)); got != want {
			t.Errorf("%q: %q, want %q", options, got, want)
		}
	}
}

func TestRspamdAddress(t *testing.T) {
	for dump, want := range map[string]string{
		`{"normal":{"bind_socket":"localhost:11333"}} {"controller":{"bind_socket":"*:11334"}}`:  "localhost:11333",
		`{"rspamd_proxy":{"bind_socket":"localhost:1"}}{"controller":{"bind_socket":"*:11334"}}`: "127.0.0.1:11334",
		`{"controller":{"bind_socket":["a:1","b:2"]}}`:                                           "",
		`{"controller":{"bind_socket":"/run/c.sock mode=0666"}}`:                                 "/run/c.sock",
		`{"controller":{"bind_socket":"systemd:0"}}`:                                             "",
		"syntax BAD": "",
	} {
		if got := rspamdAddress(dump); got != want {
			t.Errorf("%q: %q, want %q", dump, got, want)
		}
	}
}

// TestLMTPSockets has what both releases of doveconf print.
func TestLMTPSockets(t *testing.T) {
	old := "service /var/a {\n  unix_listener {\n    group = \n    mode = 0600\n  }\n  unix_listener lmtp {\n    mode = 0666\n  }\n" +
		"  unix_listener \"/var/b c\" {\n    mode = 0600\n  }\n  unix_listener /var/off {\n    mode = 0\n  }\n}\n"
	if diff := cmp.Diff([]string{"/var/a", "/var/b c"}, lmtpSockets(old)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"/var/a"}, lmtpSockets("service lmtp {\n  unix_listener /var/a {\n    mode = 0600\n  }\n  unix_listener lmtp {\n  }\n}\n")); diff != "" {
		t.Error(diff)
	}
}

func TestLeftover(t *testing.T) {
	tests := []struct{ version, config, want string }{
		{"2.4.1-4", "mail_home = /x/%d/%n\n", "mail_home: %d is a variable of Dovecot 2.3, but this is 2.4.1-4"},
		{"2.4.1", "  ldap_filter = (mail=%Lu)\n", "ldap_filter: %Lu is a variable of Dovecot 2.3, but this is 2.4.1"},
		{"2.4.1", "mail_home = /x/%{user}\nquota_full_message = 100%used\nmail_path = /a%%u\n", ""},
		{"2.3.19.1", "mail_home = /x/%{user | domain}\n", "mail_home: %{user | domain} is a variable of Dovecot 2.4, but this is 2.3.19.1"},
		{"2.3.19.1", "user_attrs = =home=/x/%{ldap:entryUUID}\nmail_location = maildir:~/%%{a|b}:%Lu\n", ""},
	}
	for _, test := range tests {
		if got := leftover(test.config, test.version); got != test.want {
			t.Errorf("%q: %q, want %q", test.config, got, test.want)
		}
	}
}

func TestKeyPair(t *testing.T) {
	dir := t.TempDir()
	pair := func(name string) (cert, key string) {
		t.Helper()
		cert, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
		writePair(t, cert, key)
		return cert, key
	}
	cert, key := pair("a")
	_, other := pair("b")
	if _, err := KeyPair(cert, key); err != nil {
		t.Error(err)
	}
	for files, want := range map[[2]string]string{
		{cert, other}:      "the key " + other + " is not that of the certificate " + cert,
		{key, key}:         key + " holds no certificate in PEM form",
		{cert, cert}:       cert + " holds no private key in PEM form",
		{dir + "/no", key}: "no such file",
	} {
		if _, err := KeyPair(files[0], files[1]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", files, err, want)
		}
	}
}
