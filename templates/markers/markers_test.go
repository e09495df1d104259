package markers

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	cases := []struct {
		name, template string
		want           []Part
	}{
		{"empty", "", nil},
		{"literal", "a\nb", []Part{{Literal, "a\nb", false, "a\nb", 1}}},
		{"key", "a\n@%@k/x@%@\n", []Part{
			{Literal, "a\n", false, "a\n", 1},
			{Key, "k/x", false, "@%@k/x@%@", 2},
			{Literal, "\n", false, "\n", 2},
		}},
		{"no partner", "@%@a@%@ @%@b @!@", []Part{
			{Key, "a", false, "@%@a@%@", 1},
			{Literal, " @%@b @!@", false, " @%@b @!@", 1},
		}},
		{"notice", "@%@UCRWARNING=# @%@@%@BCWARNING=//@%@@%@UCRWARNING_ASCII=; @%@@%@UCRWARNING=@%@", []Part{
			{Warning, "# ", false, "@%@UCRWARNING=# @%@", 1},
			{Warning, "//", false, "@%@BCWARNING=//@%@", 1},
			{Warning, "; ", true, "@%@UCRWARNING_ASCII=; @%@", 1},
			{Key, "UCRWARNING=", false, "@%@UCRWARNING=@%@", 1},
		}},
		{"code", "x\n@!@\nprint(\"@%@k@%@\")\n@!@ y @!@", []Part{
			{Literal, "x\n", false, "x\n", 1},
			{Code, "\nprint(\"@%@k@%@\")\n", false, "@!@\nprint(\"@%@k@%@\")\n@!@", 2},
			{Literal, " y @!@", false, " y @!@", 4},
		}},
		// Variables are paired first: what looks like code within their name is a part of it.
		{"overlap", "@%@ @!@ @%@ @!@1@!@", []Part{
			{Key, " @!@ ", false, "@%@ @!@ @%@", 1},
			{Literal, " ", false, " ", 1},
			{Code, "1", false, "@!@1@!@", 1},
		}},
		{"touching", "@!@%@k@%@!@", []Part{
			{Literal, "@!", false, "@!", 1},
			{Key, "k", false, "@%@k@%@", 1},
			{Literal, "!@", false, "!@", 1},
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Parse(c.template)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRender(t *testing.T) {
	values := map[string]string{"a": "@%@b@%@", "b": "@!@print(1)@!@\n", "c": "\xff\x00"}
	get := func(key string) string { return values[key] }
	got, err := Render(Parse("1 @%@a@%@ 2 @%@b@%@ 3 @%@unset@%@ 4 @%@c@%@ @%@"), get)
	if want := "1 @%@b@%@ 2 @!@print(1)@!@\n 3  4 \xff\x00 @%@"; got != want || err != nil {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	got, err = Render(Parse("a\nb @!@x@!@\n\n@!@\ny@!@"), get)
	var code *CodeError
	if !errors.As(err, &code) || got != "" || !cmp.Equal(code.Lines, []int{2, 4}) {
		t.Errorf("%q, %v", got, err)
	}
	if err == nil || !strings.HasSuffix(err.Error(), ": line 2, 4") {
		t.Errorf("error %v", err)
	}
	got, err = Render(Variables("@!@@%@a@%@@!@"), get)
	if got != "@!@@%@b@%@@!@" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestNotice(t *testing.T) {
	text, err := Render(Parse("@%@UCRWARNING_ASCII=# @%@\n"), nil, "/a", "/b")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(text, "\n# \n# \t/a\n# \t/b\n# \n") {
		t.Errorf("%q", text)
	}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "# ") {
			t.Errorf("line %q", line)
		}
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r > 0x7f }) {
		t.Errorf("%q is not ASCII", text)
	}
}

// peer fills in a template in the peer's way: as long as there are two markers, what they enclose becomes the value.
func peer(template, value string) string {
	for {
		before, rest, opened := strings.Cut(template, variableMarker)
		_, after, closed := strings.Cut(rest, variableMarker)
		if !opened || !closed {
			return template
		}
		template = before + value + after
	}
}

// FuzzRender: the parts are the template, and what stands for a value is that value, byte for byte.
func FuzzRender(f *testing.F) {
	f.Add("a @%@k@%@ b", "@%@k@%@")
	f.Add("@!@%@k@%@!@", "@!@1@!@")
	f.Add("@%@k@!@k@%@@!@@%@k@%@@!@", "")
	f.Add("@%@%@k@%@@%@", "\xff\n")
	f.Fuzz(func(t *testing.T, template, value string) {
		if got, err := Render(Variables(template), func(string) string { return "v" }); err != nil {
			t.Error(err)
		} else if want := peer(template, "v"); got != want && !strings.Contains(template, "WARNING") {
			t.Errorf("%q gives %q, in the peer %q", template, got, want)
		}
		for name, parts := range map[string][]Part{"Parse": Parse(template), "Variables": Variables(template)} {
			var sources, want strings.Builder
			code := false
			for _, p := range parts {
				if p.Line != 1+strings.Count(sources.String(), "\n") {
					t.Errorf("%s(%q): part %q on line %d", name, template, p.Source, p.Line)
				}
				sources.WriteString(p.Source)
				code = code || p.Kind == Code
				switch p.Kind {
				case Key:
					want.WriteString(value)
				case Warning:
					want.WriteString(p.Notice(nil))
				default:
					want.WriteString(p.Source)
				}
			}
			if sources.String() != template {
				t.Errorf("%s(%q) is made of %q", name, template, sources.String())
			}
			got, err := Render(parts, func(string) string { return value })
			if code != (err != nil) || !code && got != want.String() {
				t.Errorf("%s(%q) with %q gives %q, %v", name, template, value, got, err)
			}
		}
	})
}
