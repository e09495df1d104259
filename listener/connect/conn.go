package connect

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/listener/refusal"
	"github.com/mailreg/mailreg/listener/wire"
)

// Conn is a connection that is bound and idle. It is a net.Conn for whoever speaks LDAP over it; Reader and Send are for
// who uses the wire layer. Only one of both may be used.
type Conn struct {
	net.Conn
	// URL is the address that was reached, as in Server.URLs.
	URL string
	// Reader reads messages.
	Reader *wire.Reader
	// Cancel is set by who has read in the server's root DSE that it knows Cancel (RFC 3909).
	Cancel bool

	lastID int
}

// Read reads what the server sends.
func (c *Conn) Read(p []byte) (int, error) { return c.Reader.Read(p) }

// Send sends a request with the next free id and returns that id.
func (c *Conn) Send(operation []byte, controls ...[]byte) (int, error) {
	c.lastID++
	if _, err := c.Write(wire.Request(c.lastID, operation, controls...)); err != nil {
		return 0, fmt.Errorf("writing to %s: %w", c.URL, err)
	}
	return c.lastID, nil
}

// Open connects to the first usable address and binds. When none is usable, the error holds that of each; a
// *refusal.Error among them says what a server has refused. The context bounds Open only.
func Open(ctx context.Context, s Server) (*Conn, error) {
	if len(s.URLs) == 0 {
		return nil, errors.New("no address of the directory is set")
	}
	var errs []error
	for _, text := range s.Memory.order(s.URLs) {
		conn, err := open(ctx, s, text)
		if ctx.Err() == nil {
			s.Memory.tried(text, err)
		}
		if err == nil {
			return conn, nil
		}
		errs = append(errs, fmt.Errorf("connecting to %s: %w", text, err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

func open(ctx context.Context, s Server, text string) (conn *Conn, err error) {
	at, err := parseURL(text)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout(), fmt.Errorf("not done within %s", s.timeout()))
	defer cancel()
	dialer := net.Dialer{
		// A peer that is gone without a word is noticed after 20 s, not after the system's two minutes.
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
	raw, err := dialer.DialContext(ctx, at.network, at.dial)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = raw.Close() // the error that counts is the first
		}
	}()
	// The wire layer knows no context; a deadline in the past wakes it.
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	conn = &Conn{Conn: raw, URL: text, Reader: wire.NewReader(raw, s.MaxMessage)}
	err = conn.establish(ctx, s, at)
	if !stop() {
		err = context.Cause(ctx) // the error that came of it would speak of a deadline
	}
	return conn, err
}

// establish brings up TLS and binds.
func (c *Conn) establish(ctx context.Context, s Server, at address) error {
	encrypt := at.scheme == "ldaps"
	if at.scheme == "ldap" && s.startTLS(at) != No {
		var err error
		if encrypt, err = c.askTLS(s); err != nil {
			return fmt.Errorf("asking for TLS: %w", err)
		}
	}
	if encrypt {
		config, err := s.tlsConfig(at.host)
		if err != nil {
			return err
		}
		secured := tls.Client(c.Conn, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			return fmt.Errorf("TLS handshake: %w", err)
		}
		// A new reader: what came in the clear behind the answer must not pass for what came through TLS.
		c.Conn, c.Reader = secured, wire.NewReader(secured, s.MaxMessage)
	}
	return c.bind(s, at)
}

const (
	nameStartTLS = "1.3.6.1.4.1.1466.20037"

	tagSimple      = 0x80
	tagSASL        = 0xa3
	tagRequestName = 0x80
)

// askTLS sends the StartTLS request and reports whether a handshake is to follow.
func (c *Conn) askTLS(s Server) (bool, error) {
	request := wire.Element(wire.ExtendedRequest, wire.Octets(tagRequestName, nameStartTLS))
	err := c.call(wire.ExtendedResponse, request)
	if _, refused := errors.AsType[*wire.Result](err); refused && s.StartTLS == Try {
		s.logger().Warn("the directory refuses TLS; going on in the clear", "url", c.URL, "err", err)
		return false, nil
	}
	return err == nil, err
}

// bind binds as the configured identity (RFC 4511 §4.2).
func (c *Conn) bind(s Server, at address) error {
	_, encrypted := c.Conn.(*tls.Conn)
	switch {
	case s.BindDN != "":
		password, err := s.password()
		if err != nil {
			return err
		}
		if err := s.Memory.mayLogIn(c.URL, password); err != nil {
			return err
		}
		err = c.bindWith(s, wire.Octets(tagSimple, password))
		if refused, ok := errors.AsType[*refusal.Error](err); ok && refused.Result.Code == ldap.LDAPResultInvalidCredentials || err == nil {
			s.Memory.loggedIn(c.URL, password, err)
		}
		return err
	case at.scheme == "ldapi", encrypted && s.CertFile != "":
		return c.bindWith(s, wire.Element(tagSASL, wire.Octets(wire.TagOctets, "EXTERNAL"), wire.Octets(wire.TagOctets, "")))
	default:
		return nil
	}
}

// bindWith sends the bind request with its authentication choice.
func (c *Conn) bindWith(s Server, choice []byte) error {
	request := wire.Element(wire.BindRequest,
		wire.Integer(wire.TagInteger, 3), wire.Octets(wire.TagOctets, s.BindDN), choice)
	err := c.call(wire.BindResponse, request)
	if result, refused := errors.AsType[*wire.Result](err); refused {
		err = refusal.Of(result, refusal.Asked{Who: s.Identity()})
	}
	if err != nil {
		return fmt.Errorf("binding as %s: %w", s.Identity(), err)
	}
	return nil
}

// call sends a request and reads its only answer, whose operation must be the one given.
func (c *Conn) call(answer byte, request []byte) error {
	id, err := c.Send(request)
	if err != nil {
		return err
	}
	for {
		body, err := c.Reader.Next()
		if err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		m, err := wire.ParseMessage(body)
		if err != nil {
			return err
		}
		if m.ID == 0 {
			// An unsolicited notice says why the server will not go on; whatever its result, it is no answer.
			switch gone, _, err := m.Notice(); {
			case err != nil:
				return err
			case gone != nil:
				return gone
			}
			continue // RFC 4511 §4.4: what is not known is passed over
		}
		if m.ID != int64(id) || m.Operation != answer {
			return fmt.Errorf("%w: operation %#x with id %d as answer to %d", wire.ErrFormat, m.Operation, m.ID, id)
		}
		result, err := m.Result()
		if err != nil {
			return err
		}
		return result.Err()
	}
}
