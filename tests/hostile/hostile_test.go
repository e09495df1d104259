package hostile_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/tests/harness"
)

// all has every text put into every attribute, not into every other one.
var all = flag.Bool("hostile.all", false, "whether TestHostile puts every text into every attribute")

func TestMain(m *testing.M) { harness.Main(m) }

// texts are meant to leave the spool, to become a command, an argument, another line of a file, a command of IMAP or LMTP,
// a variable of Dovecot's or Postfix's, a part of a filter. CANARY is a path that must not come to be.
var texts = []string{
	"../../../../CANARY", "..", ".", "/CANARY", "a/../../b", "~root", "-rf", "--help", "$(touch CANARY)", "`touch CANARY`",
	"x; touch CANARY", "x|touch CANARY", "|touch CANARY", ":include:/etc/passwd", "x\ntouch CANARY", "x\r\nA1 DELETE INBOX",
	"x\r\nRCPT TO:<root@example.test>", "x\n}\nservice evil {\n  executable = CANARY\n}\n", "x\x00y", "x\x1b[2J", "%{env:HOME}", "%u", "%h", "${queue_directory}", "$myhostname",
	"*", "a*dovecotadmin", "a)(uid=*", "a\\", `a"b`, "a'b", "a b", " a", "a ", "a,b", "a;b", "a:b::::/root::", "a\tb", "#a", "a#b", "<CANARY", "!include CANARY",
	"{\"a\":1}", "[]", "null", "ä", "a\u202eb", "anna@example.test", "archive", strings.Repeat("a", 70), strings.Repeat("a", 3000), "INBOX", "user/a", "shared/x", "&AMQ-", "\\Noselect",
}

// attributes are what handlers and lookups read, each with a text put where it belongs.
func attributes(text string) map[string][]string {
	quoted, _ := json.Marshal(text)
	q := string(quoted)
	return map[string][]string{
		"mailPrimaryAddress local":  {text + "@example.test"},
		"mailPrimaryAddress domain": {"x@" + text},
		"mailPrimaryAddress whole":  {text},
		"mailAlternativeAddress":    {text, text + "@example.test"},
		"mailForwardAddress":        {text},
		"univentionMailHomeServer":  {text},
		"univentionMailUserQuota":   {text},
		"uid":                       {text},
		"univentionFetchmailSingle": {
			`["127.0.0.1:1","IMAP",` + q + `,` + q + `,"0","0"]`, `[` + q + `,"IMAP","a","p","0","0"]`, `["h",` + q + `,"a","p","0","0"]`, text, `"` + text + `";"IMAP";"a";"b";"0";"0"`,
		},
		"univentionFetchmailMulti":  {`["127.0.0.1:1","IMAP","a","p",` + q + `,` + q + `,` + q + `,"0","0"]`},
		"univentionFetchmailServer": {text},
	}
}

// TestHostile: whatever stands in the directory, nothing comes to be outside of the places that are for it, no server's
// file gets another meaning, and everybody else's mail goes on.
func TestHostile(t *testing.T) {
	h := harness.NewHost(t, harness.HostConfig{Set: []string{
		"fetchmail/cleartext=yes", "mail/mailbox/backend=dovecot", "mailreg/guard/count=0",
	}})
	h.Slapd.AddDomain(harness.MailDomain)
	carl := harness.Person{UID: "carl", Mail: "carl@example.test"}
	for i := range 60 { // more than one line of the authentication service's protocol
		carl.Aliases = append(carl.Aliases, fmt.Sprintf("carl.alias%02d@example.test", i))
	}
	h.Slapd.AddPerson(carl)
	// Whose address others claim is refused by Dovecot: it finds two.
	h.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	h.Wait()
	files := map[string]string{}
	for _, file := range []string{"etc/dovecot/dovecot.conf", "etc/postfix/main.cf", "etc/postfix/ldap.virtual"} {
		files[file] = read(t, filepath.Join(h.Root(), file))
	}
	before := tree(t, h.Dir)
	canary := filepath.Join(h.Dir, "canary")
	written := 0
	for i, text := range texts {
		text = strings.ReplaceAll(text, "CANARY", canary)
		for name, values := range attributes(text) {
			if !*all && (i+len(name))%2 == 0 {
				continue
			}
			written += add(t, h, fmt.Sprintf("u%d", written), i, strings.Fields(name)[0], values)
		}
		written += folder(t, h, i, text)
	}
	if written < 5*len(texts) {
		t.Errorf("the directory has taken %d entries only", written)
	}
	t.Logf("%d entries", written)
	h.Wait()

	for path := range tree(t, h.Dir) {
		if !before[path] && !allowed().MatchString(path) {
			t.Errorf("%q has come to be", path)
		}
	}
	for file, text := range files {
		if now := read(t, filepath.Join(h.Root(), file)); file != "etc/dovecot/dovecot.conf" && now != text {
			t.Errorf("%s is another one", file)
		}
	}
	tables, err := filepath.Glob(filepath.Join(h.Root(), "var/lib/mailreg/dovecot/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if info, err := os.Stat(table); err != nil || info.IsDir() {
			continue
		}
		for line := range strings.Lines(read(t, table)) {
			if strings.ContainsAny(line, "\r\x00\x1b") || strings.Contains(line, "executable") || strings.Contains(line, "touch") {
				t.Errorf("%s has the line %q", filepath.Base(table), line)
			}
		}
	}
	h.Slapd.SetMail(harness.DN("carl"), "carla@example.test")
	h.Wait()
	log := read(t, h.Listener.Log())
	for line := range strings.Lines(log) {
		if !strings.HasPrefix(line, "time=") {
			t.Errorf("the log has the line %.200q", line)
		}
	}
	if err := h.Postfix.Send("sender@client.test", "carla@example.test", "still here"); err != nil {
		t.Fatal(err)
	}
	h.Dovecot.Await("carla@example.test", harness.Password, "still here")
	if out := h.Run("diff"); out.Code != 0 {
		t.Errorf("diff: %s", out)
	}
}

// add tries to write a user with a hostile attribute, and returns how many entries that were: not every server takes all.
func add(t *testing.T, h *harness.Host, name string, n int, attribute string, values []string) int {
	t.Helper()
	request := ldap.NewAddRequest(fmt.Sprintf("cn=%s-%d,%s", name, n, harness.PeopleDN), nil)
	request.Attribute("objectClass", []string{"inetOrgPerson", "univentionMail", "univentionFetchmail"})
	request.Attribute("sn", []string{name})
	request.Attribute("userPassword", []string{harness.Password})
	set := map[string][]string{
		"uid": {name}, "mailPrimaryAddress": {name + "@example.test"}, "univentionFetchmailProtocol": {"IMAP"},
		"univentionFetchmailAddress": {"a"}, "univentionFetchmailPasswd": {"p"},
	}
	set[attribute] = values
	for attribute, values := range set {
		request.Attribute(attribute, values)
	}
	return taken(h.Slapd.Conn.Add(request))
}

// folder tries to write a shared folder with hostile names and rights.
func folder(t *testing.T, h *harness.Host, n int, text string) int {
	t.Helper()
	sum := 0
	for kind, change := range []map[string][]string{
		{"cn": {text}},
		{"cn": {text + "@example.test"}},
		{"univentionMailACL": {text + " read", "anna@example.test " + text}},
		{"mailPrimaryAddress": {text + "@folders.example.test"}},
		{"univentionMailHomeServer": {text}},
	} {
		set := map[string][]string{
			"objectClass": {"univentionMailSharedFolder"}, "cn": {fmt.Sprintf("f%d-%d@example.test", n, kind)},
			"univentionMailHomeServer": {harness.HostName}, "univentionMailACL": {"anna@example.test write"},
		}
		for name, values := range change {
			set[name] = values
		}
		request := ldap.NewAddRequest("cn="+ldap.EscapeDN(set["cn"][0])+","+harness.StaffDN, nil)
		for name, values := range set {
			request.Attribute(name, values)
		}
		sum += taken(h.Slapd.Conn.Add(request))
	}
	return sum
}

func taken(err error) int {
	if err != nil {
		return 0 // the server's schema refuses it
	}
	return 1
}

// allowed are the paths below the sandbox that entries may bring into being. Names of users are addresses and ids.
var allowedPaths = regexp.MustCompile(`^root/(` +
	`var/spool/dovecot/(private|public|shared)(/\.[a-z-]+)?(/by-id/[0-9a-f-]{36}|/by-address(/[a-z0-9.-]+)?(/[!-.0-~]+)?|/[a-z0-9.-]+(/[!-.0-~]+)?)?(/.*)?` +
	`|var/lib/mailreg/fetchmail(/[0-9a-f-]{36}(\.json|\.last|/.*)?)?` +
	`|var/lib/(mailreg|dovecot|postfix)/[^\n]*|var/spool/postfix/[^\n]*|run/[^\n]*|var/log/[^\n]*|etc/(mailreg|dovecot|postfix)/[^\n]*` +
	`)$|^(slapd|log)/`)

func allowed() *regexp.Regexp { return allowedPaths }

// tree returns all paths below a folder.
func tree(t *testing.T, dir string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // the servers go on working
		}
		below, _ := filepath.Rel(dir, path)
		all[below] = true
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
