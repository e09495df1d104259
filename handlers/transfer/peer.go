package transfer

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// order is what the source asks of the target.
type order struct {
	UUID schema.UUID `json:"uuid"`
	// ID is that of the move.
	ID      string   `json:"id"`
	Address string   `json:"address"`
	Names   []string `json:"names,omitempty"`
	// From is the source, in full.
	From string `json:"from"`
	// Ahead says that the directory has not named the target yet.
	Ahead bool `json:"ahead,omitempty"`
	// Attempt grows when the copy that is there is to be thrown away.
	Attempt int `json:"attempt,omitempty"`
	// Server is the source's mail server, Dovecot when empty.
	Server string `json:"server,omitempty"`
}

// answer is what the target says.
type answer struct {
	// State is that of the user's move there, "" when there is none.
	State State `json:"state,omitempty"`
	// Here says that the target's replica has the user at home there, under the address.
	Here bool `json:"here,omitempty"`
	// Boxes are the mailboxes of the copy, where they were asked for.
	Boxes map[string]backend.Box `json:"boxes,omitempty"`
	// Error is why it cannot be done, "" when it has been; Later says that it can be when the target's replica has heard of
	// what the source's has.
	Error string `json:"error,omitempty"`
	Later bool   `json:"later,omitempty"`
}

// refusal is an answer that says no: the host is there.
type refusal struct {
	peer, text string
	later      bool
}

// Error tells who refused.
func (r *refusal) Error() string { return r.peer + ": " + r.text }

// unreachable says that there is no connection to the other host: no other move to it would get one.
type unreachable struct{ error }

// Unwrap returns the cause.
func (u *unreachable) Unwrap() error { return u.error }

// The limits of a call: to connect, and for the answer. A target waits for a second of Dovecot's, and may merge mail.
const (
	dialLimit = 10 * time.Second
	callLimit = 2 * time.Minute
)

// peer is the other host of a move.
type peer struct {
	name, address string
	config        *tls.Config
	// reached hears of each connection, unless it is nil.
	reached func()
}

func (s *Service) peer(set settings, name string) (*peer, error) {
	address, err := set.address(name)
	if err != nil {
		return nil, err
	}
	config, err := s.keys.tls(set.secret)
	if err != nil {
		return nil, err
	}
	return &peer{name: name, address: address, config: config, reached: func() { s.reached(name) }}, nil
}

func withPort(address string, port int) string {
	if _, _, err := net.SplitHostPort(address); err == nil {
		return address
	}
	return net.JoinHostPort(address, strconv.Itoa(port))
}

// dial connects. The handshake is over, so that a wrong secret is told as such.
func (p *peer) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	dialer := tls.Dialer{NetDialer: &net.Dialer{KeepAlive: heartbeat, Control: watched}, Config: p.config}
	conn, err := dialer.DialContext(ctx, "tcp", p.address)
	if err != nil {
		return nil, &unreachable{fmt.Errorf("reaching %s: %w", p.name, err)}
	}
	if p.reached != nil {
		p.reached()
	}
	return conn, nil
}

// call asks the other host. An error that is no refusal says nothing about what was done there.
func (p *peer) call(ctx context.Context, what string, o order) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	body, err := json.Marshal(o)
	if err != nil {
		return answer{}, err
	}
	conn, err := p.dial(ctx)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	head := fmt.Sprintf("POST /v1/%s HTTP/1.1\r\nHost: mailreg\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", what, len(body))
	if _, err := conn.Write(append([]byte(head), body...)); err != nil {
		return answer{}, fmt.Errorf("asking %s: %w", p.name, err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return answer{}, fmt.Errorf("asking %s: %w", p.name, err)
	}
	defer response.Body.Close()
	return p.read(response)
}

func (p *peer) read(response *http.Response) (answer, error) {
	var a answer
	if err := json.NewDecoder(io.LimitReader(response.Body, maxFile)).Decode(&a); err != nil {
		return answer{}, fmt.Errorf("asking %s: status %d: %w", p.name, response.StatusCode, err)
	}
	if a.Error != "" {
		return a, &refusal{p.name, a.Error, a.Later}
	}
	return a, nil
}

// tunnel opens a way to the other host's mail server for one copy.
func (p *peer) tunnel(ctx context.Context, m Move, add bool) (net.Conn, error) {
	conn, err := p.dial(ctx)
	if err != nil {
		return nil, err
	}
	kind := "backup"
	if add {
		kind = "sync"
	}
	_ = conn.SetDeadline(time.Now().Add(dialLimit)) // fails only for a connection that has gone
	_, err = fmt.Fprintf(conn, "POST /v1/copy/%s/%s/%s HTTP/1.1\r\nHost: mailreg\r\nContent-Length: 0\r\n\r\n", kind, m.UUID, url.PathEscape(m.ID))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("asking %s: %w", p.name, err), conn.Close())
	}
	head, err := readHead(conn)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("asking %s: %w", p.name, err), conn.Close())
	}
	if !strings.HasPrefix(head, "HTTP/1.1 200") {
		response, err := http.ReadResponse(bufio.NewReader(io.MultiReader(strings.NewReader(head), conn)), nil)
		if err == nil {
			_, err = p.read(response)
		}
		return nil, errors.Join(err, conn.Close())
	}
	return conn, conn.SetDeadline(time.Time{})
}

// readHead reads the head of an answer and not a byte more: what follows is the copy's.
func readHead(conn net.Conn) (string, error) {
	var head bytes.Buffer
	one := make([]byte, 1)
	for head.Len() < 4096 {
		if _, err := io.ReadFull(conn, one); err != nil {
			return "", err
		}
		head.Write(one)
		if bytes.HasSuffix(head.Bytes(), []byte("\r\n\r\n")) {
			return head.String(), nil
		}
	}
	return "", errors.New("no answer of ours")
}
