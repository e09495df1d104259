package templates

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// seeds are the values that fuzzing begins with.
var seeds = []string{
	"plain", "a b", "a, b", "$myhostname", "$$", "%{user}", "%%", "%Lu", "</etc/passwd", "# x", "a # b", "'", `"a"`, `a"b`,
	`\`, `a\`, "{", "}", "{ a, b }", "a = b", " lead", "trail ", "", "a\nb = c", "a\r", "\x00", "\u0085", "\xff", "a:b", "!include x",
}

// encodeValue renders text, in which "@" stands for one value, in a format. ok is false when the writer refuses, which
// it must say with the key.
func encodeValue(t *testing.T, name, text string, v *Value) (rendered string, ok bool) {
	t.Helper()
	marked := strings.ReplaceAll(text, "@", string(mark)+"0"+string(mark))
	rendered, err := formats[name].encode(marked, "2.3.19", []any{item{values: []*Value{v}}})
	if err != nil {
		if !strings.HasPrefix(err.Error(), "k: value ") {
			t.Fatalf("%q is refused by %q, which does not name the key", v.text, err)
		}
		return "", false
	}
	return rendered, true
}

// fuzz runs check on the text of a format with one value after the other.
func fuzz(f *testing.F, format, text string, check func(t *testing.T, value, rendered string)) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if rendered, ok := encodeValue(t, format, text, &Value{key: "k", text: value}); ok {
			check(t, value, rendered)
		}
	})
}

// same fails unless a reader found exactly the wanted settings.
func same(t *testing.T, got []setting, err error, want ...setting) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(setting{})); diff != "" || err != nil {
		t.Errorf("read back (-want +got): %v\n%s", err, diff)
	}
}

func FuzzPostfixMain(f *testing.F) {
	fuzz(f, "postfix-main", "first = @\nlist = one,\n  @,\n  three\nlast = end\n", func(t *testing.T, value, rendered string) {
		got, err := readParameters(rendered)
		for i := range got {
			if got[i].value, err = undollar(got[i].value); err != nil {
				t.Fatal(err)
			}
			got[i].value = strings.Join(strings.Fields(got[i].value), " ")
		}
		same(t, got, err, setting{"first", value}, setting{"list", "one, " + value + ", three"}, setting{"last", "end"})
	})
}

func FuzzPostfixMainWhole(f *testing.F) {
	fuzz(f, "postfix-main", "first = @\nlast = end\n", func(t *testing.T, value, rendered string) {
		got, err := readParameters(rendered)
		if err != nil || len(got) != 2 {
			t.Fatalf("%q reads as %q, %v", rendered, got, err)
		}
		got[0].value, err = undollar(got[0].value)
		same(t, got, err, setting{"first", value}, setting{"last", "end"})
	})
}

func FuzzPostfixMainPhrase(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		rendered, ok := encodeValue(t, "postfix-main", "list = one,\n  @,\n  three\n", &Value{key: "k", text: value, phrase: true})
		if !ok {
			return
		}
		got, err := readParameters(rendered)
		if err != nil || len(got) != 1 || entries(got[0].value) != 3 {
			t.Errorf("%q reads as %q, %v", rendered, got, err)
		}
	})
}

// entries counts the entries of a list of restrictions: commas in braces do not separate.
func entries(list string) int {
	n, depth := 1, 0
	for _, r := range list {
		switch {
		case r == '{':
			depth++
		case r == '}':
			depth--
		case r == ',' && depth == 0:
			n++
		}
	}
	return n
}

func FuzzPostfixMaster(f *testing.F) {
	fuzz(f, "postfix-master", "smtp inet n - n - - smtpd\n  -o { a = @ }\nlast unix - - n - - error\n",
		func(t *testing.T, value, rendered string) {
			got := readMaster(rendered)
			if len(got) != 2 || len(got[0]) != 10 {
				t.Fatalf("%q reads as %q", rendered, got)
			}
			_, option, _ := strings.Cut(strings.TrimSuffix(got[0][9], "}"), "=")
			option, err := undollar(strings.TrimSpace(option))
			same(t, []setting{{"a", option}}, err, setting{"a", value})
		})
}

func FuzzPostfixMasterService(f *testing.F) {
	fuzz(f, "postfix-master", "@:25 inet n - n - - smtpd\nlast unix - - n - - error\n", func(t *testing.T, value, rendered string) {
		got := readMaster(rendered)
		if len(got) != 2 || len(got[0]) != 8 || got[0][0] != value+":25" {
			t.Errorf("%q reads as %q", rendered, got)
		}
	})
}

func FuzzPostfixTable(f *testing.F) {
	fuzz(f, "postfix-table", "key @\nlast end\n", func(t *testing.T, value, rendered string) {
		got, err := readTable(rendered)
		same(t, got, err, setting{"key", value}, setting{"last", "end"})
	})
}

func FuzzPostfixTableKey(f *testing.F) {
	fuzz(f, "postfix-table", "@ value\nlast end\n", func(t *testing.T, value, rendered string) {
		got, err := readTable(rendered)
		same(t, got, err, setting{value, "value"}, setting{"last", "end"})
	})
}

func FuzzLDAPMap(f *testing.F) {
	fuzz(f, "ldap-map", "bind_pw = @\nsearch_base = @\nquery_filter = (&(a=%s)(b=x))\n", func(t *testing.T, value, rendered string) {
		got, err := readParameters(rendered)
		same(t, got, err, setting{"bind_pw", value}, setting{"search_base", strings.ReplaceAll(value, "%", "%%")},
			setting{"query_filter", "(&(a=%s)(b=x))"})
	})
}

func FuzzLDAPFilter(f *testing.F) {
	fuzz(f, "ldap-map", "query_filter = (&(a=%s)(b=@))\n", func(t *testing.T, value, rendered string) {
		if strings.ContainsAny(value, `()*\%&|! `) {
			t.Errorf("%q became part of %q", value, rendered)
		}
		got, err := readParameters(rendered)
		same(t, got, err, setting{"query_filter", "(&(a=%s)(b=" + value + "))"})
	})
}

func FuzzAliases(f *testing.F) {
	fuzz(f, "aliases", "name: @\nlast: end\n", func(t *testing.T, value, rendered string) {
		lines := logical(rendered)
		if len(lines) != 2 || lines[0] != "name: "+value || strings.Count(value, `"`)%2 == 1 && !strings.Contains(value, `\`) {
			t.Errorf("%q reads as %q", rendered, lines)
		}
	})
}

func FuzzDovecot(f *testing.F) {
	fuzz(f, "dovecot", "whole = @\nbase = @\ninside = \"a @ b\"\nlast = end\n", func(t *testing.T, value, rendered string) {
		got, err := readDovecot(rendered)
		same(t, got, err, setting{"whole", value}, setting{"base", strings.ReplaceAll(value, "%", "%%")},
			setting{"inside", "a " + value + " b"}, setting{"last", "end"})
	})
}

func FuzzDovecotSection(f *testing.F) {
	fuzz(f, "dovecot", "mailbox @ {\n  auto = no\n}\nservice a-@ {\n}\n", func(t *testing.T, value, rendered string) {
		got, err := readDovecot(rendered)
		same(t, got, err, setting{"section", "{" + value}, setting{"auto", "no"}, setting{"section", "{a-" + value})
	})
}

func FuzzPasswdFile(f *testing.F) {
	fuzz(f, "passwd-file", "user:{PLAIN}@:::\nlast:x:::\n", func(t *testing.T, value, rendered string) {
		lines := strings.Split(strings.TrimSuffix(rendered, "\n"), "\n")
		if len(lines) != 2 || strings.Count(lines[0], ":") != 4 || strings.Split(lines[0], ":")[1] != "{PLAIN}"+value {
			t.Errorf("%q is read as %q", rendered, lines)
		}
	})
}

func FuzzLines(f *testing.F) {
	fuzz(f, "lines", "a @ b\n  @\n\n\nlast \n", func(t *testing.T, value, rendered string) {
		if want := "a " + value + " b\n  " + value + "\n\n\nlast \n"; rendered != want {
			t.Errorf("%q is written as %q, want %q", value, rendered, want)
		}
	})
}

func FuzzINI(f *testing.F) {
	fuzz(f, "ini", "[s]\nfirst = @\nlist = one,\n  two\ninside: a @ b\nlast = end\n", func(t *testing.T, value, rendered string) {
		got, err := readINI(rendered, false)
		same(t, got, err, setting{"section", "s"}, setting{"first", value}, setting{"list", "one, two"},
			setting{"inside", "a " + value + " b"}, setting{"last", "end"})
	})
}

func FuzzINIPercent(f *testing.F) {
	fuzz(f, "ini-percent", "[s]\nfirst = @\nlast = end\n", func(t *testing.T, value, rendered string) {
		got, err := readINI(rendered, true)
		same(t, got, err, setting{"section", "s"}, setting{"first", value}, setting{"last", "end"})
	})
}

func FuzzININame(f *testing.F) {
	fuzz(f, "ini", "[@]\n@ = one\n", func(t *testing.T, value, rendered string) {
		got, err := readINI(rendered, false)
		same(t, got, err, setting{"section", value}, setting{value, "one"})
	})
}

func FuzzINIContinued(f *testing.F) {
	fuzz(f, "ini", "[s]\nlist =\n  one\n  @\nlast = end\n", func(t *testing.T, value, rendered string) {
		got, err := readINI(rendered, false)
		same(t, got, err, setting{"section", "s"}, setting{"list", " one " + value}, setting{"last", "end"})
	})
}

func FuzzINIQuoted(f *testing.F) {
	fuzz(f, "ini", "[s]\nfirst = \"@\"\n", func(t *testing.T, value, rendered string) {
		inside, ok := strings.CutSuffix(strings.TrimPrefix(rendered, "[s]\nfirst = \""), "\"\n")
		if !ok || strings.Contains(withoutEscapes(inside), `"`) || unescape(inside) != value {
			t.Errorf("%q is written as %q", value, rendered)
		}
	})
}
