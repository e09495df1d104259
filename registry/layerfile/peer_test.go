package layerfile_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/registry/layerfile"
)

func TestDecodePeer(t *testing.T) {
	got := layerfile.DecodePeer([]byte("# univention_ base.conf\n\n" +
		"a/b: one\n" +
		"k: #v\n" +
		"k2: a: b # c\n" +
		"empty: \n" +
		"blanks:   x y \t\r\n" +
		"a:b\n" +
		"colon/at/end:\n" +
		"x#y: 1\n" +
		"junk\n" +
		"bytes: \xff\n" +
		" key with blanks: 1\n" +
		"a/b: two\n" +
		"umlaut: Grüße"))
	want := []layerfile.PeerLine{
		{3, "a/b", "one", "a/b is set again in line 14"},
		{4, "k", "#v", ""},
		{5, "k2", "a: b # c", ""},
		{6, "empty", "", ""},
		{7, "blanks", "x y", ""},
		{8, "", "", "not of the form KEY: VALUE"},
		{9, "", "", "not of the form KEY: VALUE"},
		{10, "", "", "a # before the colon makes it a comment"},
		{11, "", "", "not of the form KEY: VALUE"},
		{12, "", "", "not UTF-8 text"},
		{13, " key with blanks", "1", ""},
		{14, "a/b", "two", ""},
		{15, "umlaut", "Grüße", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := layerfile.DecodePeer(nil); len(got) != 0 {
		t.Errorf("an empty file: %v", got)
	}
}
