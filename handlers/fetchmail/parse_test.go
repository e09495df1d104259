package fetchmail

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/handlers/backend/fetchmail"
	"github.com/mailreg/mailreg/schema"
)

func user(attrs ...string) *schema.Entry {
	list := []schema.Attribute{
		{Name: "objectClass", Values: []string{"inetOrgPerson", schema.ClassMail}},
		{Name: "uid", Values: []string{"anna"}},
		{Name: "mailPrimaryAddress", Values: []string{"Anna@Example.test"}},
	}
	for _, a := range attrs {
		name, value, _ := strings.Cut(a, "=")
		list = append(list, schema.Attribute{Name: name, Values: []string{value}})
	}
	return schema.NewEntry(schema.UUID{7}, "uid=anna,dc=example", list...)
}

func nowhere(string, string, string) string { return "" }

func TestPlan(t *testing.T) {
	imap := fetchmail.Account{Server: "imap.example.com", Protocol: fetchmail.IMAP, User: "a", Password: "p"}
	tls := imap
	tls.TLS, tls.Keep = true, true
	with := func(change func(*fetchmail.Account)) fetchmail.Account {
		a := imap
		change(&a)
		return a
	}
	for _, test := range []struct {
		name  string
		entry *schema.Entry
		want  []fetchmail.Account
		wrong string
	}{
		{"single", user(`univentionFetchmailSingle=["Imap.Example.com","IMAP","a","p","0","0"]`), []fetchmail.Account{imap}, ""},
		{"TLS and keep", user(`univentionFetchmailSingle=["imap.example.com","IMAP","a","p","1","1"]`), []fetchmail.Account{tls}, ""},
		{"the form before", user(`univentionFetchmailSingle="imap.example.com";"IMAP";"a";"p";"1";"1"`), []fetchmail.Account{tls}, ""},
		{
			"what breaks the peer", user(`univentionFetchmailSingle=["imap.example.com","POP3","o'n\"","a;b' is 'root' here\\","0","0"]`),
			[]fetchmail.Account{with(func(a *fetchmail.Account) {
				a.Protocol, a.User, a.Password = fetchmail.POP3, `o'n"`, `a;b' is 'root' here\`
			})},
			"",
		},
		{
			"for many", user(`univentionFetchmailMulti=["imap.example.com","IMAP","a","p","Example.test, example.org","mbox-","X-Envelope-To","0","0"]`),
			[]fetchmail.Account{with(func(a *fetchmail.Account) {
				a.Drop = &fetchmail.Drop{Header: "X-Envelope-To", Prefix: "mbox-", Domains: []string{"example.test", "example.org"}}
			})},
			"",
		},
		{
			"for all hosted", user(`univentionFetchmailMulti=["imap.example.com","IMAP","a","p","","","Envelope-To","0","0"]`),
			[]fetchmail.Account{with(func(a *fetchmail.Account) { a.Drop = &fetchmail.Drop{Header: "Envelope-To"} })},
			"",
		},
		{
			"old release", user("univentionFetchmailServer=imap.example.com", "univentionFetchmailProtocol=IMAP", "univentionFetchmailAddress=a",
				"univentionFetchmailPasswd=p", "univentionFetchmailUseSSL=1", "univentionFetchmailKeepMailOnServer=1"),
			[]fetchmail.Account{tls},
			"",
		},
		{"address and port", user(`univentionFetchmailSingle=["[::1]:1143","IMAP","a","p","0","0"]`), []fetchmail.Account{with(func(a *fetchmail.Account) { a.Server, a.Port = "::1", 1143 })}, ""},
		{"name and port", user(`univentionFetchmailSingle=["h:143","IMAP","a","p","0","0"]`), []fetchmail.Account{with(func(a *fetchmail.Account) { a.Server, a.Port = "h", 143 })}, ""},
		{"not here", user(`univentionFetchmailSingle=["h","IMAP","a","p","0","0"]`, "univentionMailHomeServer=mail2.example.test"), nil, ""},
		{"here", user(`univentionFetchmailSingle=["imap.example.com","IMAP","a","p","0","0"]`, "univentionMailHomeServer=MAIL1.example.test"), []fetchmail.Account{imap}, ""},
		{"nothing", user(), nil, ""},
		{"no protocol", user(`univentionFetchmailSingle=["h","SMTP","a","p","0","0"]`), nil, "neither IMAP nor POP3"},
		{"a line", user("univentionFetchmailSingle=[\"h\",\"IMAP\",\"a\",\"p\\nset logfile /x\",\"0\",\"0\"]"), nil, "the password has a control character"},
		{"parts", user(`univentionFetchmailSingle=["h","IMAP"]`), nil, "2 parts in place of 6"},
		{"no password", user("univentionFetchmailServer=h", "univentionFetchmailProtocol=IMAP", "univentionFetchmailAddress=a"), nil, "no password"},
		{"a path", user(`univentionFetchmailSingle=["../h","IMAP","a","p","0","0"]`), nil, "neither a host name nor an IP address"},
		{"an option", user(`univentionFetchmailSingle=["-h","IMAP","a","p","0","0"]`), nil, "neither a host name nor an IP address"},
		{"a port", user(`univentionFetchmailSingle=["h:0","IMAP","a","p","0","0"]`), nil, "port"},
		{"a header", user(`univentionFetchmailMulti=["h","IMAP","a","p","","","X To","0","0"]`), nil, "no name of a header"},
		{"a domain", user(`univentionFetchmailMulti=["h","IMAP","a","p","a;b","","X-To","0","0"]`), nil, "a local domain is none"},
		{"bytes", user("univentionFetchmailServer=h", "univentionFetchmailProtocol=IMAP", "univentionFetchmailAddress=\xff", "univentionFetchmailPasswd=p"), nil, "not UTF-8"},
	} {
		box, wrong := Plan(schema.UUID{7}, test.entry, "mail1.example.test", nowhere)
		if diff := cmp.Diff(test.want, box.Accounts); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
		if got := fmt.Sprint(wrong); (test.wrong == "") != (len(wrong) == 0) || !strings.Contains(got, test.wrong) || strings.Contains(got, "logfile") {
			t.Errorf("%s: %v, want %q", test.name, wrong, test.wrong)
		}
	}
	several := schema.NewEntry(schema.UUID{7}, "x", append(user().Attrs, schema.Attribute{Name: schema.AttrFetchSingle, Values: []string{
		`["a","IMAP","a","p","0","0"]`, `nonsense`, `["b","IMAP","a","p","0","0"]`,
	}})...)
	if box, wrong := Plan(schema.UUID{7}, several, "mail1.example.test", nowhere); len(box.Accounts) != 2 || len(wrong) != 1 {
		t.Errorf("one wrong of three: %d accounts, %v", len(box.Accounts), wrong)
	}
}

// TestLeft reads what the peer has written, in both of its forms.
func TestLeft(t *testing.T) {
	const rc = "set syslog\nset daemon 1200\n#\n" +
		"poll imap.example.com with proto IMAP auth password user 'a' there with password 'p' is 'x' here' is 'anna@example.test' here keep ssl #UID='anna'\n" +
		"poll 'pop.example.com' with proto POP3 auth password user 'b' there with password 'q' is 'bob@example.test' here nokeep  #UID='bob'\n"
	for _, test := range []struct{ uid, server, user, want string }{
		{"anna", "Imap.example.com", "a", "p' is 'x' here"},
		{"bob", "pop.example.com", "b", "q"},
		{"anna", "pop.example.com", "b", ""},
		{"bob", "pop.example.com", "a", ""},
		{"ann", "imap.example.com", "a", ""},
	} {
		if got := left(rc, test.uid, test.server, test.user); got != test.want {
			t.Errorf("%v: %q", test, got)
		}
	}
}

// FuzzAccounts: whatever the directory holds, what comes out is fit for fetchmail, and no error tells a password.
func FuzzAccounts(f *testing.F) {
	f.Add(`["imap.example.com","IMAP","a","secret","0","0"]`, `"h";"POP3";"a";"b";"";"";"X-To";"1";"1"`, "imap.example.com")
	f.Add(`["h","IMAP","a","se\u0000cret","0","0"]`, `["h","IMAP","a","p","x y","p","T","0","0"]`, "[::1]:143")
	f.Fuzz(func(t *testing.T, single, multi, server string) {
		e := user(schema.AttrFetchSingle+"="+single, schema.AttrFetchMulti+"="+multi, schema.AttrFetchServer+"="+server,
			schema.AttrFetchProtocol+"=IMAP", schema.AttrFetchUser+"="+server, schema.AttrFetchPassword+"="+single)
		box, wrong := Plan(schema.UUID{7}, e, "mail1.example.test", nowhere)
		for _, a := range box.Accounts {
			if strings.ContainsAny(a.Server, "\"\\/ \n") || strings.ContainsAny(a.User+a.Password, "\x00\r\n") ||
				a.Drop != nil && strings.ContainsAny(a.Drop.Header+strings.Join(a.Drop.Domains, ""), "\"\\ \n") {
				t.Errorf("account %+v", a)
			}
		}
		for _, err := range wrong {
			if len(single) > 60 && strings.Contains(err.Error(), single) {
				t.Errorf("the error tells a value: %v", err)
			}
		}
	})
}
