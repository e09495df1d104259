package model_test

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestProxy proves that the proxy breaks a connection exactly where it was told to, and otherwise forwards what comes.
func TestProxy(t *testing.T) {
	t.Parallel()
	slapd := harness.NewSlapd(t)
	proxy := harness.NewProxy(t, slapd.Port)
	search := func() (int, error) {
		conn, err := ldap.DialURL(proxy.URL())
		if err != nil {
			return 0, err
		}
		defer conn.Close()
		if err := conn.Bind(harness.ListenerDN, harness.ListenerPassword); err != nil {
			return 0, err
		}
		count := 0
		response := conn.SearchAsync(t.Context(), ldap.NewSearchRequest(harness.BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases,
			0, 0, false, "(objectClass=*)", nil, nil), 0)
		for response.Next() {
			count++
		}
		return count, response.Err()
	}
	all, err := search()
	if err != nil || all != 5 {
		t.Fatalf("through the proxy: %d entries, %v", all, err)
	}
	for after := range all {
		// The first message from the server answers the bind.
		proxy.Set(harness.Cut{Way: harness.ToClient, Messages: after + 1})
		if n, _ := search(); n != after { // go-ldap does not always take the end of a connection for an error
			t.Errorf("cut after %d entries: got %d", after, n)
		}
	}
	proxy.Set(harness.Cut{Way: harness.ToClient, Bytes: 3})
	if _, err := search(); err == nil {
		t.Error("cut after 3 bytes: the bind has succeeded")
	}
	proxy.Set(harness.Cut{Way: harness.ToServer, Messages: 1, Sync: true})
	if n, err := search(); n != all || err != nil {
		t.Errorf("a cut for other connections: %d, %v", n, err)
	}
	proxy.Unset()
	if got, want := proxy.Cuts(), all+1; got != want {
		t.Errorf("%d cuts have happened, want %d", got, want)
	}
	proxy.Refuse(true)
	if _, err := search(); err == nil {
		t.Error("a refused connection works")
	}
	proxy.Refuse(false)
	proxy.Stall(harness.ToClient)
	done := make(chan int)
	go func() { n, _ := search(); done <- n }() // how many is the whole answer
	harness.Await(t, "the stalled search", func() bool { return proxy.Open() == 1 })
	select {
	case <-done:
		t.Error("a stalled connection went on")
	default:
	}
	proxy.Flow()
	if n := <-done; n != all {
		t.Errorf("after the stall %d entries", n)
	}
	harness.Await(t, "the end of all connections", func() bool { return proxy.Open() == 0 })
}

// TestProxyForwards proves that bytes which are no LDAP messages pass unchanged, both ways, up to the end of each stream.
func TestProxyForwards(t *testing.T) {
	t.Parallel()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() {
		conn, err := server.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.Copy(conn, conn) // the client sees what is missing
	}()
	proxy := harness.NewProxy(t, server.Addr().(*net.TCPAddr).Port)
	conn, err := net.Dial("tcp", proxy.URL()[len("ldap://"):])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// TLS records, a message of a length in two bytes, and one that is cut off by the end.
	sent := append([]byte{0x16, 3, 1, 0, 2, 1, 1}, append([]byte{0x30, 0x82, 1, 0}, bytes.Repeat([]byte{7}, 256)...)...)
	sent = append(sent, 0x30, 0x84, 0, 0)
	if _, err := conn.Write(sent); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d of %d bytes came back (%v)", len(got), len(sent), err)
	}
}
