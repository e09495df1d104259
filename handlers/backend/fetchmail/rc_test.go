package fetchmail

import (
	"strings"
	"testing"

	"github.com/mailreg/mailreg/schema"
)

func TestSettings(t *testing.T) {
	to := schema.Address{Local: "o'neil", Domain: "example.test"}
	a := Account{Server: "imap.example.com", Port: 1143, Protocol: IMAP, User: `us"er`, Password: "p\\' is \"root\" here\n;ü", Keep: true}
	d := Delivery{Host: "::1", Port: 25, Domains: []string{"example.test"}, ClearText: true}
	want := `set no syslog
set no bouncemail
set no spambounce
set postmaster "o\x27neil@example.test"
poll "imap.example.com" protocol imap auth password
service "1143"
user "us\x22er" there with password "p\x5c\x27\x20is\x20\x22root\x22\x20here\x0a\x3b\xc3\xbc"
is "o\x27neil@example.test" here
keep
sslproto ""
smtphost "\x3a\x3a1\x2f25"
`
	if got := rc(to, a, d); got != want {
		t.Errorf("settings:\n%s\nwant\n%s", got, want)
	}
	a = Account{Server: "h", Protocol: POP3, User: "u", Password: "p", TLS: true, Drop: &Drop{Header: "X-To", Prefix: "m-"}}
	got := rc(to, a, d)
	for _, part := range []string{"envelope \"X-To\"\nqvirtual \"m-\"\nno dns\nlocaldomains\n  \"example.test\"\nuser", "is * here\nno keep\nssl sslcertck\n"} {
		if !strings.Contains(got, part) {
			t.Errorf("settings:\n%s\nhave no\n%s", got, part)
		}
	}
	if got := rc(to, Account{}, Delivery{}); !strings.Contains(got, "sslproto \"auto\" sslcertck\n") {
		t.Errorf("without TLS and clear text:\n%s", got)
	}
}
