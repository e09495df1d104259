package transfer

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// routes is what the source may ask.
func (s *Service) routes() http.Handler {
	mux := http.NewServeMux()
	for what, do := range map[string]func(context.Context, order, schema.Address) (answer, error){
		"prepare": s.prepare, "boxes": s.boxes, "open": s.open, "abort": s.abort, "done": s.done,
	} {
		mux.HandleFunc("POST /v1/"+what, func(w http.ResponseWriter, r *http.Request) {
			var o order
			err := json.NewDecoder(io.LimitReader(r.Body, maxOrder)).Decode(&o)
			var a answer
			if err == nil {
				a, err = s.obey(r.Context(), o, do)
			}
			if err != nil {
				a.Error, a.Later = err.Error(), errors.As(err, new(*notYet))
				s.refused(what, o, err)
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(a) // the caller may have gone
		})
	}
	mux.HandleFunc("POST /v1/copy/{kind}/{uuid}/{id}", func(w http.ResponseWriter, r *http.Request) {
		if err := s.pass(w, r); err != nil {
			_ = json.NewEncoder(w).Encode(answer{Error: err.Error()})
		}
	})
	return mux
}

// obey checks what another host says before it becomes a name in a table or a path.
func (s *Service) obey(ctx context.Context, o order, do func(context.Context, order, schema.Address) (answer, error)) (answer, error) {
	address, err := schema.ParseAddress(o.Address)
	if err != nil {
		return answer{}, err
	}
	if err := schema.CheckDomain(o.From); err != nil {
		return answer{}, err
	}
	if o.UUID.IsZero() || o.ID == "" {
		return answer{}, errors.New("no uuid, or no move")
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	return do(ctx, o, address)
}

// refused tells a person why another host did not get what it asked for: once, and not more often than each second whatever
// it asks.
func (s *Service) refused(what string, o order, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	level, now := slog.LevelWarn, time.Now()
	if text := what + " " + err.Error(); text == s.vain.text || now.Sub(s.vain.at) < time.Second {
		level = slog.LevelDebug
	} else {
		s.vain.text, s.vain.at = text, now
	}
	s.cfg.Logger.Log(context.Background(), level, "another host asked in vain", "handler", Name, "op", what, "uuid", o.UUID, "peer", o.From, "err", err)
}

// pass leads a copy to the mail server of this host. One that makes equal is let in only as long as nothing but copies has reached its
// target, and one that adds only after that.
func (s *Service) pass(w http.ResponseWriter, r *http.Request) error {
	uuid, err := schema.ParseUUID(r.PathValue("uuid"))
	if err != nil {
		return err
	}
	m, found := s.get(In, uuid)
	add := r.PathValue("kind") == "sync"
	switch {
	case !found, m.ID != r.PathValue("id"): // only the host that has begun the move knows its ID
		w.WriteHeader(http.StatusConflict)
		return errors.New("nobody comes by this move")
	case add && m.State != Opened, !add && m.State != Receiving:
		w.WriteHeader(http.StatusConflict)
		return fmt.Errorf("the mail is %s here", m.State)
	}
	near, err := s.mover.Near(r.Context(), s.called(r.Context(), m).String(), add)
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return fmt.Errorf("reaching the mail server: %w", err)
	}
	taken, ok := w.(http.Hijacker)
	if !ok {
		return errors.Join(errors.New("not to be taken over"), near.Close())
	}
	conn, buffered, err := taken.Hijack()
	if err != nil {
		return errors.Join(err, near.Close())
	}
	s.tunnels.take(uuid, conn)
	defer s.tunnels.leave(uuid, conn)
	// A move that has gone on in this very moment has closed the tunnels before.
	if now, _ := s.get(In, uuid); now.State != m.State {
		_, _ = conn.Close(), near.Close()
		return nil
	}
	defer context.AfterFunc(r.Context(), func() { _ = conn.Close() })()
	lead(conn, buffered.Reader, near)
	return nil
}

// called returns the address that a copy is for. Who has been let in may have another one by now.
func (s *Service) called(ctx context.Context, m Move) schema.Address {
	if m.State == Opened {
		if user, err := s.cfg.Lookup(ctx, m.UUID); err == nil && user != nil && !user.Primary.IsZero() {
			return user.Primary
		}
	}
	return m.Address
}

// longestCopy ends a copy that would go on for ever; the next one goes on where it was.
const longestCopy = 24 * time.Hour

// lead joins a copy with the mail server.
func lead(conn net.Conn, from *bufio.Reader, near Near) {
	_ = conn.SetDeadline(time.Now().Add(longestCopy)) // fails only for a connection that has gone
	if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
		_, _ = conn.Close(), near.Close()
		return
	}
	near.Join(conn, from)
}
