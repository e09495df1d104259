// Package page shows a person how the daemon does: one page without scripts, which changes nothing. Whatever comes from the
// directory is escaped, and nothing is loaded from elsewhere.
package page

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/mailreg/mailreg/listener/control"
)

// API is what the page asks; the listener answers.
type API interface {
	Status(ctx context.Context) (control.Status, error)
	Parked(ctx context.Context) ([]control.Parked, error)
	Held(ctx context.Context) ([]control.Held, error)
}

// Config says what is shown.
type Config struct {
	API    API
	Recent *Recent
	// Host is the host's name, Version the program's.
	Host, Version string
	// Generation returns the number and time of the registry's last transaction, 0 before the first. Nil: never one.
	Generation func() (int64, time.Time)
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
	// Logger is told what goes wrong. Nil: nobody is.
	Logger *slog.Logger
}

// Page is the page as an HTTP handler.
type Page struct{ cfg Config }

// New returns the page.
func New(cfg Config) *Page {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Generation == nil {
		cfg.Generation = func() (int64, time.Time) { return 0, time.Time{} }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Page{cfg: cfg}
}

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
)

// layout is the page with its style, and the policy that allows just that style (CSP 3, hash sources).
var layout = sync.OnceValue(func() (l struct {
	html   *template.Template
	policy string
},
) {
	l.html = template.Must(template.New("page").Parse(pageHTML))
	sum := sha256.Sum256([]byte(pageCSS))
	l.policy = fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		base64.StdEncoding.EncodeToString(sum[:]))
	return l
})

// ServeHTTP implements http.Handler.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v, err := p.gather(r.Context())
	if err != nil {
		p.cfg.Logger.Warn("cannot show the page", "op", "page", "err", err)
		http.Error(w, "The state cannot be read: "+cut(err.Error()), http.StatusInternalServerError)
		return
	}
	var body bytes.Buffer // so that an error does not come in the middle
	if err := layout().html.Execute(&body, v); err != nil {
		p.cfg.Logger.Error("cannot make the page", "op", "page", "err", err)
		http.Error(w, "The page cannot be made.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", layout().policy)
	_, _ = body.WriteTo(w) // whoever asked may have gone
}
