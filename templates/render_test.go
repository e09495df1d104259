package templates_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/templates"
)

// renderText renders a template of its own in a format.
func renderText(t *testing.T, format, text string, w templates.World) (string, templates.Uses, error) {
	t.Helper()
	set := mustLoad(t, folder(t, map[string]string{
		"x.tmpl": text, "x.ini": "[/etc/x]\nService = x\nFormat = " + format + "\nTemplate = x\n",
	}))
	data, uses, err := set.Render(output(t, set, "/etc/x"), w)
	return string(data), uses, err
}

// functions is a world in which each function of the templates has something to find.
func functions() templates.World {
	return world("/tmp/mr-1", map[string]string{
		"hostname": "Mail1", "domainname": "example.test", "text": "a $b", "yes": "Enabled", "no": "disable", "number": "42",
		"list": "a, b c", "entry/10": "ten", "entry/9": "", "entry/x": "ex", "secret": "/etc/s", "nosecret": "/etc/none",
		"four": "192.0.2.1", "six": "2001:db8::1", "ldap/profile": "ad", "ldap/attribute/mailHost": "mailHost",
	}, map[string]string{
		"/etc/s": " pass word \r\n", "/tmp/mr-1/etc/local": "\n\nkey = $value  \n\tmore\n\n",
	}, map[string]string{"dovecot": "2.10.1-3"})
}

func TestFunctions(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{`x = {{get "text"}}`, "x = a $$b"},
		{`{{with get "unset"}}x{{else}}# unset{{end}}`, "# unset"},
		{`x = {{bool "yes"}} {{bool "no"}} {{bool "unset"}}`, "x = yes no no"},
		{`x = {{int "number"}}{{int "unset"}}`, "x = 420"},
		{`x = {{list "list"}}`, "x = a, b, c"},
		{`x = {{range $i, $e := prefix "entry/"}}{{if $i}}, {{end}}{{$e.Suffix}}:{{$e.Value}}{{end}}`, "x = 10:ten, x:ex"},
		{`x = {{fqdn}}`, "x = mail1.example.test"},
		{`x = {{path "/etc/x"}} {{path "/"}}`, "x = /tmp/mr-1/etc/x /tmp/mr-1"},
		{`x = {{version "dovecot"}} {{version "dovecot" "2.4"}} {{version "dovecot" "2.11"}} {{version "none" "2.4"}}`, "x = 2.10.1-3 yes no no"},
		{`{{include "/etc/none"}}{{with include "/etc/none"}}x{{end}}# end`, "# end"},
		{`{{include "/etc/local"}}`, "# Begin of /etc/local, copied as it stands; its settings may clash with those above.\nkey = $value\n\tmore\n# End of /etc/local."},
		{`{{with secret "nosecret"}}x{{else}}# none{{end}}`, "# none"},
		{`x = {{hostport (get "four") 25}} {{hostport (get "six") (int "number")}}`, "x = 192.0.2.1:25 [2001:db8::1]:42"},
		{`x = {{begins (get "text") "a "}} {{begins (get "unset") "a"}}`, "x = yes no"},
		{`x = {{eq (get "text") "b" "a $b"}} {{ne (int "number") 42}}`, "x = yes no"},
		{`x = {{with $x := get "text"}}{{len (list "list")}}{{end}}`, "x = 3"},
		{`x = {{attribute "mailPrimaryAddress"}}{{with attribute "univentionMailHomeServer"}}{{.}}{{else}}!{{end}}`, "x = mail!"},
		{`x = {{filter "(uid=%s)(mailHost={})(univentionMailHomeServer={})" (get "text") (get "number")}}`, "x = (!(objectClass=*))"},
		{`x = {{filter "(uid=%s)(mailHost={})" (get "four")}}`, "x = (sAMAccountName=%s)(mailHost=192.0.2.1)"},
		{"{{header}}\nx = y", "# Warning: this file is generated"},
		{"x = y  \n\n\n\nz = {{get \"unset\"}}\n\n", "x = y\n\nz =\n"},
	} {
		got, _, err := renderText(t, "postfix-main", test.text, functions())
		if err != nil || !strings.HasPrefix(got, strings.TrimSuffix(test.want, "\n")) {
			t.Errorf("%s: %q, %v; want %q", test.text, got, err, test.want)
		}
	}
}

func TestRenderErrors(t *testing.T) {
	broken := functions()
	broken.ReadFile = func(string) ([]byte, error) { return nil, errors.New("disk\nfailure") }
	nameless := world("/", nil, nil, nil)
	misnamed := world("/", map[string]string{"ldap/attribute/uid": "u)(x"}, nil, nil)
	blank := functions()
	blank.Root = "/tmp/a b"
	for _, test := range []struct {
		format, text string
		world        templates.World
		want         string
	}{
		{"postfix-main", `x = {{int "text"}}`, functions(), `text: value "a $b" is not a number`},
		{"postfix-main", `x = {{fqdn}}`, nameless, "set hostname and domainname"},
		{"postfix-main", `x = {{path "/etc"}}`, blank, `config files cannot hold the path "/tmp/a b/etc"`},
		{"postfix-main", `x = {{secret "secret"}}`, broken, "reading the secret that secret names"},
		{"postfix-main", `{{include "/etc/local"}}`, broken, "disk\nfailure"},
		{"ldap-map", `x = {{secret "secret"}}`, functions(), "the secret that secret names: value begins or ends with a blank"},
		{"postfix-main", `{{get "text"}}`, functions(), "text: value stands where no value belongs"},
		{"postfix-main", `x = a {{get "unset"}}`, functions(), "unset: value is empty"},
		{"postfix-main", `x = {{header}}`, functions(), "does not stand on a line of its own"},
		{"postfix-main", `x = {{prefix "entry/"}}`, functions(), "is not for writing"},
		{"postfix-main", `x = {{hostport 1 2}}`, functions(), "no address"},
		{"ldap-map", `query_filter = {{filter "(uid={})" (get "text")}}`, functions(), `text: value has ' ', which has a meaning there`},
		{"ldap-map", `x = {{filter "(uid={})"}}`, functions(), "with 0 values"},
		{"ldap-map", `x = {{filter "(uid="}}`, functions(), "is no comparison"},
		{"ldap-map", `x = {{attribute "univentionMailHomeServer"}}`, functions(), "the directory has no univentionMailHomeServer"},
		{"ldap-map", `x = {{attribute "uid"}}`, misnamed, `ldap/attribute/uid: "u)(x" is not the name of an attribute or class`},
		{"postfix-table", "a {{get \"unset\"}}", functions(), "unset: value is empty"},
		{"dovecot", "a = {{list \"text\"}}", functions(), `text: value has '$'`},
	} {
		_, _, err := renderText(t, test.format, test.text, test.world)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "rendering /etc/x: ") {
			t.Errorf("%s: %v, want %q", test.text, err, test.want)
		}
	}
}

// TestErrorsArePlain shows the whole of what people get to read when a setting does not fit.
func TestErrorsArePlain(t *testing.T) {
	_, _, err := renderText(t, "postfix-main", `x = {{int "text"}}`, functions())
	if want := `rendering /etc/x: template x: text: value "a $b" is not a number`; err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

// TestIncludeContinuesNothing: a line with a blank in front would become part of the last setting above the include.
func TestIncludeContinuesNothing(t *testing.T) {
	const text = "x = 1\n{{include \"/etc/postfix/main.cf.local\"}}"
	for local, ok := range map[string]bool{"a = b\n  c\n": true, "# a\n  # b\na = b": true, "  c\n": false, "# a\n\n\tc": false} {
		w := world("/", nil, map[string]string{"/etc/postfix/main.cf.local": local}, nil)
		if got, _, err := renderText(t, "postfix-main", text, w); (err == nil) != ok {
			t.Errorf("%q is written as %q, %v", local, got, err)
		}
		if _, _, err := renderText(t, "dovecot", text, w); err != nil {
			t.Errorf("%q for Dovecot, which knows no such lines: %v", local, err)
		}
	}
}

func TestNumbersWithBlanks(t *testing.T) {
	w := world("/", map[string]string{"n": " 7 "}, nil, nil)
	if got, _, err := renderText(t, "postfix-main", `x = {{int "n"}}`, w); got != "x = 7\n" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestUses(t *testing.T) {
	const text = `{{if bool "no"}}{{get "unseen"}}{{end}}x = {{get "text"}}{{fqdn}}{{range prefix "entry/"}}{{end}}{{secret "secret"}}
{{with include "/etc/none"}}{{end}}{{if version "dovecot" "2.4"}}{{end}}{{list "list"}}
{{attribute "uid"}}`
	_, uses, err := renderText(t, "dovecot", text, functions())
	if err == nil {
		t.Error("this text is for its uses only, it must not render")
	}
	want := templates.Uses{
		Keys:     []string{"domainname", "hostname", "ldap/profile", "list", "no", "secret", "text"},
		Prefixes: []string{"entry/", "ldap/attribute/"},
		Files:    []string{"/etc/s", "/tmp/mr-1/etc/none"},
		Versions: []string{"dovecot"},
	}
	if diff := cmp.Diff(want, uses); diff != "" {
		t.Errorf("uses (-want +got):\n%s", diff)
	}
}

// TestLetterVariables checks that a value with variables of Dovecot 2.3 works with 2.4 as well.
func TestLetterVariables(t *testing.T) {
	render := func(version, value string) (string, error) {
		w := world("/", map[string]string{"mail/dovecot/location/home": value}, nil, map[string]string{"dovecot": version})
		text, _, err := renderText(t, "dovecot", `mail_home = {{get "mail/dovecot/location/home"}}`, w)
		return strings.TrimSuffix(text, "\n"), err
	}
	for version, want := range map[string]string{
		"2.3.19": "mail_home = /s/%Ld/%Ln/100%%", "2.4.1": `mail_home = "/s/%{user | domain | lower}/%{user | username | lower}/100%{literal('%')}"`,
	} {
		if got, err := render(version, "/s/%Ld/%Ln/100%%"); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", version, got, err, want)
		}
	}
	for version, want := range map[string]string{"2.3.19": `mailbox "%{user}" {`, "2.4.1": `mailbox "%%{user}" {`} {
		w := world("/", map[string]string{"name": "%{user}"}, nil, map[string]string{"dovecot": version})
		if got, _, err := renderText(t, "dovecot", "mailbox {{get \"name\"}} {\n}", w); !strings.HasPrefix(got, want) || err != nil {
			t.Errorf("%s: %q, %v; want %q", version, got, err, want)
		}
	}
	for _, value := range []string{"/s/%h", "/s/%{user}", "/s/%"} {
		if got, err := render("2.3.19", value); err == nil {
			t.Errorf("%q is taken as %q", value, got)
		}
	}
}
