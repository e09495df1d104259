package search

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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

// TestScanWaitsForItsReaderOnly lets the reader of a scan take its time, and then the server say nothing more.
func TestScanWaitsForItsReaderOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		defer server.Close()
		in := wire.NewReader(server, 0)
		go func() {
			_, _ = in.Next()
			_, _ = server.Write(wire.Request(1, wire.Element(wire.SearchEntry)))
		}()
		conn := &connect.Conn{Conn: client, URL: "ldap://mute", Reader: wire.NewReader(client, 0)}
		begun, entries := time.Now(), 0
		for _, err := range Scan(t.Context(), conn, Query{}) {
			if err == nil {
				time.Sleep(2 * silence)
				entries++
				continue
			}
			if took := time.Since(begun); entries != 1 || took != 3*silence || !strings.Contains(err.Error(), "nothing came for 10m0s") {
				t.Errorf("%d entries in %s, %v", entries, took, err)
			}
		}
	})
}
