package layerfile

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestLayerFile(t *testing.T) {
	values := map[string]string{
		"a": "plain", "b": "", "c": " padded ", "d": "two\nlines\r\n", "e": `back\slash \n`, "f": "tab\tand\x00nul\x7f",
		"g": "$x %y \"q\" 'p' `z`", "h:": "colon", "i j": "blank in the key", "k": "# no comment", "ü": "Größe", "l": "a: b: c", "m": "\u00a0nbsp\u0085",
	}
	data := Encode("base.conf", values)
	got, err := Decode("base.conf", data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(values, got); diff != "" {
		t.Error(diff)
	}
	for key, value := range values {
		if found, ok, err := Find("base.conf", data, key); found != value || !ok || err != nil {
			t.Errorf("%s is %q, %v, %v", key, found, ok, err)
		}
	}
	if _, ok, err := Find("base.conf", data, "unset"); ok || err != nil {
		t.Errorf("an unset key is found: %v", err)
	}
	if again := Encode("base.conf", got); string(again) != string(data) {
		t.Errorf("written again:\n%s", cmp.Diff(string(data), string(again)))
	}
}

func TestLayerFileByHand(t *testing.T) {
	const head, tail = "# mailreg layer file 1: base.conf\n", "# end of base.conf\n"
	good := head + "\n# a remark\nz:   v  \na:\nb: \n" + tail + "\n"
	got, err := Decode("base.conf", []byte(good))
	if diff := cmp.Diff(map[string]string{"z": "v", "a": "", "b": ""}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	bad := map[string]string{
		"empty":           "",
		"no header":       "a: b\n" + tail,
		"truncated":       head + "a: b\n",
		"cut in trailer":  head + "a: b\n# end",
		"only the header": head,
		"no colon":        head + "a\n" + tail,
		"no blank":        head + "a:b\n" + tail,
		"twice":           head + "a: 1\na: 2\n" + tail,
		"bad key":         head + "a=b: 1\n" + tail,
		"bad escape":      head + `a: \q` + "\n" + tail,
		"lone backslash":  head + `a: x\` + "\n" + tail,
		"bad hex":         head + `a: \xff` + "\n" + tail,
		"short hex":       head + `a: \x1` + "\n" + tail,
		"not UTF-8":       head + "a: \xff\n" + tail,
	}
	for name, text := range bad {
		if _, err := Decode("base.conf", []byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if value, found, err := Find("base.conf", []byte(text), "a"); err == nil || found {
			t.Errorf("%s: found %q", name, value)
		}
	}
}

func TestCheckKey(t *testing.T) {
	for _, key := range []string{"a", "mail/alias/x@y", "a b", "1/2.3-_:*^|~", "a:b", "Größe"} {
		if err := CheckKey(key); err != nil {
			t.Error(err)
		}
	}
	for _, key := range []string{"", "a: b", " a", "a ", "a\tb", "a\x00", "a\u0085b", "\xff", "a=b", "a?b", "a#b", "a$b", "a§b", "a\\b", "a{b"} {
		if err := CheckKey(key); err == nil {
			t.Errorf("%q is accepted", key)
		}
	}
}

func FuzzLayerFile(f *testing.F) {
	f.Add("key", "value")
	f.Add("mail/x", " \\ \n\r\t\x00\x7f ")
	f.Add("k:", "# end of base.conf")
	f.Fuzz(func(t *testing.T, key, value string) {
		if CheckKey(key) != nil || !utf8.ValidString(value) {
			return // no layer holds such a key or value
		}
		data := Encode("base.conf", map[string]string{key: value, "other": value})
		if n := strings.Count(string(data), "\n"); n > 4 {
			t.Fatalf("%d lines for two keys", n)
		}
		got, err := Decode("base.conf", data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{key: value, "other": value}, got); key != "other" && diff != "" {
			t.Fatal(diff)
		}
	})
}
