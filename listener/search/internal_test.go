package search

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/wire"
	"github.com/mailreg/mailreg/schema"
)

func TestNamesAreSharedAndBounded(t *testing.T) {
	d := NewDecoder(&schema.Vocabulary{Ask: []string{"cn"}})
	if d.name("CN") != "cn" || d.name("sn") != "" || d.name("Cn;x-1") != "cn;x-1" {
		t.Errorf("names %v", d.names)
	}
	for i := range 3 * maxNames {
		d.name(string(wire.Integer(wire.TagInteger, i)))
	}
	if len(d.names) > maxNames {
		t.Errorf("%d names are kept", len(d.names))
	}
	all := NewDecoder(&schema.Vocabulary{Ask: []string{"*"}})
	if all.name("jpegPhoto") != "jpegphoto" {
		t.Error("with * not every attribute is kept")
	}
}

// TestAttributesWithoutValuesAreLeftOut: readers take the first value of what they are given.
func TestAttributesWithoutValuesAreLeftOut(t *testing.T) {
	attr := func(name string, values ...[]byte) []byte {
		return wire.Element(wire.TagSequence, wire.Octets(wire.TagOctets, name), wire.Element(wire.TagSet, values...))
	}
	entry := string(wire.Octets(wire.TagOctets, "cn=x")) +
		string(wire.Element(wire.TagSequence, attr("vendorName"), attr("cn", wire.Octets(wire.TagOctets, "x"))))
	_, attrs, err := NewDecoder(&schema.Vocabulary{Ask: []string{"cn", "vendorName"}}).Attributes(entry)
	if err != nil || len(attrs) != 1 || attrs[0].Name != "cn" {
		t.Errorf("%v, %v", attrs, err)
	}
}

func TestReadDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		defer server.Close()
		go func() { _, _ = io.Copy(io.Discard, server) }() // it answers nothing
		conn := &connect.Conn{Conn: client, URL: "ldap://mute", Reader: wire.NewReader(client, 0)}
		if _, err := Read(t.Context(), conn, "", "supportedControl"); err == nil || !strings.Contains(err.Error(), "no answer within 30s") {
			t.Error(err)
		}
	})
}
