package schema_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/mailreg/mailreg/registry/settings"
	"github.com/mailreg/mailreg/registry/value"
	"github.com/mailreg/mailreg/schema"
)

// TestUnreadIsTrue holds each declaration to its word: something reads the variable, or Unread says why nothing does.
func TestUnreadIsTrue(t *testing.T) {
	r := findReads(t)
	for _, d := range schema.Declarations {
		where := r.place(d.Key)
		switch {
		case where == "" && d.Unread == "":
			t.Errorf("%s is declared, but neither a template nor a program reads it: Unread must say why", d.Key)
		case where != "" && d.Unread != "":
			t.Errorf("%s is read by %s, and yet Unread says: %s", d.Key, where, d.Unread)
		}
	}
}

// TestReadIsDeclared checks that nothing reads a variable that nobody could find.
func TestReadIsDeclared(t *testing.T) {
	view := stockView(t, "")
	r := findReads(t)
	for _, key := range slices.Sorted(maps.Keys(r.keys)) {
		if _, ok := view.Declaration(key); !ok {
			t.Errorf("%s, which %s reads, is not declared", key, r.keys[key])
		}
	}
	for _, prefix := range slices.Sorted(maps.Keys(r.prefixes)) {
		if !slices.ContainsFunc(schema.Declarations, func(d schema.Declaration) bool { return strings.HasPrefix(d.Key, prefix) }) {
			t.Errorf("variables below %s, which %s reads, are not declared", prefix, r.prefixes[prefix])
		}
	}
	if len(r.keys) < 100 || len(r.prefixes) < 5 {
		t.Errorf("found %d keys and %d prefixes only: the scan is blind", len(r.keys), len(r.prefixes))
	}
}

// categories are those by which people search. A new one needs a variable that fits none of these.
var categories = []string{
	"amavis", "antispam", "antivir", "clamav", "cyrus", "dkim", "dovecot", "fetchmail", "ldap", "mail", "mailbox", "mailreg",
	"murder", "postfix", "postgrey", "quota", "rspamd", "saslauthd", "service", "sieve", "spamassassin", "sql", "system", "tls",
	"web",
}

// TestDeclarationsAreComplete checks what the command line and the manual print about each variable.
func TestDeclarationsAreComplete(t *testing.T) {
	for _, d := range schema.Declarations {
		for category := range strings.SplitSeq(d.Category, ",") {
			if !slices.Contains(categories, strings.TrimSpace(category)) {
				t.Errorf("%s: unknown category %q", d.Key, category)
			}
		}
		for language, text := range map[string]string{"en": d.DescriptionEN, "de": d.DescriptionDE} {
			first, _ := utf8.DecodeRuneInString(text)
			if !unicode.IsUpper(first) || !strings.HasSuffix(text, ".") || strings.Contains(text, ". ") {
				t.Errorf("%s: Description[%s] is not one sentence: %q", d.Key, language, text)
			}
		}
		if d.DescriptionEN == d.DescriptionDE {
			t.Errorf("%s is described twice in one language: %s", d.Key, d.DescriptionEN)
		}
		if strings.HasSuffix(d.Unread, ".") || strings.TrimSpace(d.Unread) != d.Unread {
			t.Errorf("%s: Unread is not a clause: %q", d.Key, d.Unread)
		}
		if (d.Type == "enum" || d.Element == "enum") != (len(d.Enum) > 0) || d.Element != "" && d.Type != "list" {
			t.Errorf("%s: type %s, element %q and %d words do not go together", d.Key, d.Type, d.Element, len(d.Enum))
		}
	}
}

// TestDefaultsFit checks the defaults as a host has them, with what they refer to put in.
func TestDefaultsFit(t *testing.T) {
	view := stockView(t, "# mailreg layer file 1: base.conf\ndomainname: example.test\nhostname: mail1\n# end of base.conf\n")
	reference := regexp.MustCompile(`@%@(.*?)@%@`)
	for _, d := range schema.Declarations {
		for _, match := range reference.FindAllStringSubmatch(d.Default, -1) {
			if _, ok := view.Declaration(match[1]); !ok {
				t.Errorf("%s: default %q refers to %s, which is not declared", d.Key, d.Default, match[1])
			}
		}
		text, ok := view.Get(d.Key) // a default that refers to an unset variable is none
		if ok && value.Check(d, text) != nil {
			t.Errorf("%s: default %q %v", d.Key, text, value.Check(d, text))
		}
	}
}

// stockView returns the view of a root without local declarations, whose layer normal has the given file.
func stockView(t *testing.T, base string) *settings.View {
	t.Helper()
	root := t.TempDir()
	if base != "" {
		dir := filepath.Join(root, settings.Dir)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "base.conf"), []byte(base), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	view, err := settings.NewReader(root).View()
	if err != nil {
		t.Fatal(err)
	}
	return view
}

// TestFilesAreSorted keeps each file in the order of its keys, which is that of search: a person finds a variable, and two
// who add one each do not meet in the same line.
func TestFilesAreSorted(t *testing.T) {
	files, err := filepath.Glob("registry/*.ini")
	if err != nil || len(files) == 0 {
		t.Fatalf("no declaration files: %v", err)
	}
	section := regexp.MustCompile(`(?m)^\[(.*)\]$`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		last := ""
		for _, match := range section.FindAllStringSubmatch(string(text), -1) {
			if match[1] < last {
				t.Errorf("%s: %s stands after %s", file, match[1], last)
			}
			last = match[1]
		}
	}
}
