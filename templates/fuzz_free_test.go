package templates

import (
	"slices"
	"strings"
	"testing"
)

func FuzzShell(f *testing.F) {
	const text = "# @\nfirst=@\nquoted=\"a @\"\nsingle='a @'\nlast=end\n"
	fuzz(f, "shell", text, func(t *testing.T, value, rendered string) {
		want := []setting{{"first", value}, {"quoted", "a " + value}, {"single", "a " + value}, {"last", "end"}}
		got, err := readShell(rendered)
		same(t, got, err, want...)
		same(t, readEnvironment(rendered), nil, want...)
	})
}

func FuzzShellWord(f *testing.F) {
	fuzz(f, "shell", "@=a@b\nlast=end\n", func(t *testing.T, value, rendered string) {
		got, err := readShell(rendered)
		same(t, got, err, setting{value, "a" + value + "b"}, setting{"last", "end"})
		same(t, readEnvironment(rendered), nil, setting{value, "a" + value + "b"}, setting{"last", "end"})
	})
}

// FuzzShellLost puts values where quotes mean something else than they seem to: nothing but harmless words may pass.
func FuzzShellLost(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, text := range []string{"a=\"$(echo @)\"\n", "a=`echo @`\n", "cat <<END\n@\nEND\n", "a=\"${b:-@}\"\n", "echo @\n"} {
			rendered, ok := encodeValue(t, "shell", text, &Value{key: "k", text: value})
			if err := (&Value{text: value}).checkSafe(":@,"); ok && err != nil {
				t.Errorf("%q became part of %q", value, rendered)
			}
		}
	})
}

// sameTokens fails unless a reader found exactly the wanted tokens.
func sameTokens(t *testing.T, got []token, err error, want ...token) {
	t.Helper()
	if !slices.Equal(got, want) || err != nil {
		t.Errorf("read back %q, %v; want %q", got, err, want)
	}
}

func FuzzSieve(f *testing.F) {
	fuzz(f, "sieve", "# @\n/* x */ reject @;\nreject \"a @\";\n[@, @]\n", func(t *testing.T, value, rendered string) {
		v := token(`"` + value)
		got, err := readSieve(rendered)
		sameTokens(t, got, err, "reject", v, ";", "reject", token(`"a `+value), ";", "[", v, ",", v, "]")
	})
}

func FuzzSieveText(f *testing.F) {
	fuzz(f, "sieve", "reject text:\n@\n..a @|\n..@@ x\n.\n;\n", func(t *testing.T, value, rendered string) {
		got, err := readSieve(rendered)
		want := token(`"` + value + "\n.a " + value + "|\n." + value + value + " x")
		sameTokens(t, got, err, "reject", want, ";")
	})
}

// FuzzSeams puts values beside each other and behind the signs that begin expansions.
func FuzzSeams(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed, seed)
	}
	f.Add("$", "{a}")
	f.Add("%", "(a)s")
	f.Fuzz(func(t *testing.T, one, two string) {
		for format, text := range map[string]string{
			"ini": "k = a@b@", "ini-percent": "k = a@b@", "sieve": "reject \"@b@\";", "postfix-main": "k = $@b@", "nginx": "a $@b@;", "shell": "k=\"$@b@\"",
		} {
			text = strings.NewReplacer("@b@", "\x000\x00\x001\x00", "@", "\x002\x00").Replace(text)
			items := []any{
				item{values: []*Value{{key: "k", text: one}}}, item{values: []*Value{{key: "k", text: two}}}, item{values: []*Value{{key: "k"}}},
			}
			got, err := formats[format].encode(text+"\n", "", items)
			if err != nil {
				continue
			}
			if got = strings.NewReplacer("$$", "", "%%", "", `\$`, "").Replace(got); strings.Contains(got, "${") ||
				format == "ini" && strings.Contains(got, "%(") || format == "ini-percent" && strings.Contains(got, "%") {
				t.Errorf("%s: %q and %q become %q", format, one, two, got)
			}
		}
	})
}

func FuzzSieveComment(f *testing.F) {
	fuzz(f, "sieve", "/* @@ */ stop;\n", func(t *testing.T, _, rendered string) {
		got, err := readSieve(rendered)
		sameTokens(t, got, err, "stop", ";")
	})
}

func FuzzRspamd(f *testing.F) {
	fuzz(f, "rspamd", "/* x */ a = @; \"b @\" = @;\nl = [@, \"c @\"]\n@ {}\n", func(t *testing.T, value, rendered string) {
		v := token(`"` + value)
		got, err := readUCL(rendered)
		sameTokens(t, got, err, "a", "=", v, ";", token(`"b `+value), "=", v, ";",
			"l", "=", "[", v, ",", token(`"c `+value), "]", v, "{", "}")
	})
}

func FuzzNginx(f *testing.F) {
	fuzz(f, "nginx", "a @; b \"x @\" 'y @' @ {\n}\nc pre /* @;\n", func(t *testing.T, value, rendered string) {
		v := token(value)
		got, err := readNginx(rendered)
		sameTokens(t, got, err, "a", v, ";", "b", "x "+v, "y "+v, v, "{", "}", "c", "pre", "/*", v, ";")
	})
}

func FuzzNginxWord(f *testing.F) {
	fuzz(f, "nginx", "a pre@post; @ b;\n", func(t *testing.T, value, rendered string) {
		v := token(value)
		got, err := readNginx(rendered)
		sameTokens(t, got, err, "a", "pre"+v+"post", ";", v, "b", ";")
	})
}

func FuzzCyrus(f *testing.F) {
	fuzz(f, "cyrus", "# @\nfirst: @\nsecond: a @\nlast: end\n", func(t *testing.T, value, rendered string) {
		second := "a " + value
		if value == "" {
			second = "a"
		}
		got, err := readCyrus(rendered)
		same(t, got, err, setting{"first", value}, setting{"second", second}, setting{"last", "end"})
	})
}

func FuzzCyrusName(f *testing.F) {
	fuzz(f, "cyrus", "a-@: b\n", func(t *testing.T, value, rendered string) {
		got, err := readCyrus(rendered)
		same(t, got, err, setting{"a-" + value, "b"})
	})
}

func FuzzCyrusServices(f *testing.F) {
	fuzz(f, "cyrus-services", "x first=@ second=\"@\" third=end\n", func(t *testing.T, value, rendered string) {
		got, err := readCyrusServices(rendered)
		same(t, got, err, setting{"x", ""}, setting{"first", value}, setting{"second", value}, setting{"third", "end"})
	})
}
