package connect_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve plays a script to every client of a port of its own and returns the port's URL.
func serve(t *testing.T, script func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed by the clean-up
			}
			script(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return "ldap://" + listener.Addr().String()
}

// answer answers each request in turn with an operation and its code, and then waits for the client to go.
func answer(conn net.Conn, answers ...[]byte) {
	in := wire.NewReader(conn, 0)
	for i := 0; ; i++ {
		body, err := in.Next()
		if err != nil {
			return
		}
		if m, err := wire.ParseMessage(body); err == nil && i < len(answers) {
			_, _ = conn.Write(wire.Request(int(m.ID), answers[i]))
		}
	}
}

func result(operation byte, code int) []byte {
	return wire.Element(operation, wire.Integer(wire.TagEnumerated, code),
		wire.Octets(wire.TagOctets, ""), wire.Octets(wire.TagOctets, "because"))
}

func listener(urls ...string) connect.Server {
	return connect.Server{
		URLs: urls, BindDN: "cn=listener", Password: func() (string, error) { return "geheim", nil },
	}
}

func open(t *testing.T, s connect.Server) error {
	t.Helper()
	conn, err := connect.Open(t.Context(), s)
	if err == nil {
		_ = conn.Close()
	}
	return err
}

func TestBind(t *testing.T) {
	url := serve(t, func(c net.Conn) { answer(c, result(wire.BindResponse, 0)) })
	if err := open(t, listener(url)); err != nil {
		t.Error(err)
	}
	url = serve(t, func(c net.Conn) { answer(c, result(wire.BindResponse, 49)) })
	err := open(t, listener(url))
	var refused *wire.Result
	if !errors.As(err, &refused) || refused.Code != 49 || !strings.Contains(err.Error(), "binding as cn=listener") {
		t.Errorf("error %v", err)
	}
	if strings.Contains(err.Error(), "geheim") {
		t.Errorf("the error %v tells the password", err)
	}
}

func TestStartTLSRefused(t *testing.T) {
	url := serve(t, func(c net.Conn) {
		answer(c, result(wire.ExtendedResponse, 2), result(wire.BindResponse, 0))
	})
	s := listener(url)
	s.StartTLS = connect.Try
	if err := open(t, s); err != nil {
		t.Errorf("tried: %v", err)
	}
	s.StartTLS = connect.Require
	if err := open(t, s); err == nil || !strings.Contains(err.Error(), "asking for TLS: result 2") {
		t.Errorf("required: %v", err)
	}
}

func TestNothingInTheClearPassesForTLS(t *testing.T) {
	// The bind's answer is sent in the clear, right behind the answer to StartTLS: who listens to it is deceived.
	https := httptest.NewTLSServer(nil)
	config := https.TLS.Clone()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: https.Certificate().Raw})
	https.Close()
	config.NextProtos = nil
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, injected := range map[string][]byte{"honest": nil, "injected": wire.Request(2, result(wire.BindResponse, 0))} {
		t.Run(name, func(t *testing.T) {
			url := serve(t, func(c net.Conn) {
				if _, err := wire.NewReader(c, 0).Next(); err != nil {
					return
				}
				_, _ = c.Write(append(wire.Request(1, result(wire.ExtendedResponse, 0)), injected...))
				secured := tls.Server(c, config)
				in := wire.NewReader(secured, 0)
				if _, err := in.Next(); err == nil {
					_, _ = secured.Write(wire.Request(2, result(wire.BindResponse, 49)))
				}
			})
			s := listener(url)
			s.StartTLS, s.CAFile = connect.Require, ca
			err := open(t, s)
			if refused := (*wire.Result)(nil); name == "honest" && (!errors.As(err, &refused) || refused.Code != 49) || err == nil {
				t.Errorf("error %v", err)
			}
		})
	}
}

// disconnection is a Notice of Disconnection with code 52.
var disconnection = wire.Element(wire.ExtendedResponse, wire.Integer(wire.TagEnumerated, 52), wire.Octets(wire.TagOctets, ""),
	wire.Octets(wire.TagOctets, ""), wire.Octets(0x8a, wire.NoticeOfDisconnection))

func TestUnknownNoticesArePassedOver(t *testing.T) {
	url := serve(t, func(c net.Conn) {
		if _, err := wire.NewReader(c, 0).Next(); err == nil {
			_, _ = c.Write(append(wire.Request(0, result(wire.ExtendedResponse, 0)), wire.Request(1, result(wire.BindResponse, 0))...))
		}
	})
	if err := open(t, listener(url)); err != nil {
		t.Error(err)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for name, tt := range map[string]struct {
		send []byte
		want string
	}{
		"notice":            {wire.Request(0, disconnection), "the server disconnects: result 52"},
		"another operation": {wire.Request(1, result(wire.SearchDone, 0)), "malformed"},
		"another request":   {wire.Request(7, result(wire.BindResponse, 0)), "malformed"},
		"no LDAP":           {[]byte("220 mail.example.test ESMTP\r\n"), "malformed"},
		"cut":               {[]byte("\x30\x0c\x02\x01\x01"), "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			url := serve(t, func(c net.Conn) {
				// Read first: closing with unread input would reset the connection.
				if _, err := wire.NewReader(c, 0).Next(); err == nil {
					_, _ = c.Write(tt.send)
				}
			})
			if err := open(t, listener(url)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v does not speak of %q", err, tt.want)
			}
		})
	}
}

func TestSilentServer(t *testing.T) {
	url := serve(t, func(c net.Conn) { answer(c) })
	s := listener(url)
	s.Timeout = 50 * time.Millisecond
	if err := open(t, s); err == nil || !strings.Contains(err.Error(), "not done within 50ms") {
		t.Errorf("timeout: %v", err)
	}
	s.Timeout = 0
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("shutting down"))
	defer cancel()
	if _, err := connect.Open(ctx, s); err == nil || !strings.Contains(err.Error(), "shutting down") {
		t.Errorf("cancelled: %v", err)
	}
}

func TestTheNextAddressIsTaken(t *testing.T) {
	silent := serve(t, func(c net.Conn) { answer(c) })
	good := serve(t, func(c net.Conn) { answer(c, result(wire.BindResponse, 0)) })
	s := listener("ldap://127.0.0.1:1", "nonsense", silent, good)
	s.Timeout = 50 * time.Millisecond
	conn, err := connect.Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if conn.URL != good {
		t.Errorf("connected to %s", conn.URL)
	}
	if err := open(t, connect.Server{}); err == nil {
		t.Error("no address is no error")
	}
}
