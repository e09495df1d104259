package probe

import (
	"cmp"
	"context"
	"iter"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/audit"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/search"
	"github.com/mailreg/mailreg/schema"
)

var _ listener.Scanner = (*Probe)(nil)

// Scan lists what the source's filter selects, page by page and with no more than identity, name and time of change. It has
// a connection of its own: others must not wait for it.
func (p *Probe) Scan(ctx context.Context) iter.Seq2[audit.Row, error] {
	return func(yield func(audit.Row, error) bool) {
		conn, err := connect.Open(ctx, p.server())
		if err != nil {
			yield(audit.Row{}, err)
			return
		}
		defer conn.Close()
		words := p.words(schema.AttrEntryCSN)
		decoder := search.NewDecoder(words)
		var strangers search.Strangers
		for message, err := range search.Scan(ctx, conn, search.Query{
			Base: p.config.Base, Scope: search.Subtree, Filter: p.filter(), Attributes: words.Ask,
		}) {
			var entry *schema.Entry
			if err == nil {
				entry, err = strangers.Entry(decoder, message)
			}
			if err != nil {
				yield(audit.Row{}, err)
				return
			}
			if entry != nil && !yield(audit.RowOf(entry), nil) {
				return
			}
		}
		if err := strangers.Only(); err != nil {
			yield(audit.Row{}, err)
		}
	}
}

func (p *Probe) filter() string {
	return p.config.Profile.Filter(cmp.Or(p.config.Filter, schema.Scope{Base: p.config.Base}.Filter()))
}

func (p *Probe) words(attributes ...string) *schema.Vocabulary {
	return p.config.Profile.Vocabulary(attributes, p.identity())
}
