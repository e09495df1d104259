package quota

import (
	"context"
	"strconv"
	"strings"

	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// Beside says that quotas are a part of what people know as mailboxes.
func (h *Handler) Beside() string { return "mailbox" }

// Inspect compares the megabytes that a user is to have with the limit of the store on Cyrus, or with those that Dovecot would
// give at a login: by the list that it was told, by its cache, and by the directory that it asks. One who is at home elsewhere
// has none here, and one whom Dovecot does not know is the matter of others.
func (h *Handler) Inspect(ctx context.Context, e *schema.Entry) ([]schema.Difference, error) {
	if !schema.IsMailbox(e) {
		return nil, nil
	}
	m, err := schema.ParseMailbox(e)
	if err != nil {
		return nil, err
	}
	view, homes, err := h.home()
	if err != nil || !homes.Here(&m) {
		return nil, err
	}
	if homes.Named && h.cfg.Cyrus != nil {
		return h.compare(ctx, view, e)
	}
	h.mu.Lock()
	h.recollect(homes.Host)
	policy, found := h.told[m.Primary.String()]
	h.mu.Unlock()
	fields, err := h.cfg.Server.Fields(ctx, m.Primary.String())
	if err != nil || fields == nil {
		return nil, err
	}
	want := strconv.FormatInt(view.Int("mail/dovecot/quota/default"), 10)
	if own := e.First(schema.AttrUserQuota); own != "" {
		want = Megabytes(own)
	} else if found {
		want = strconv.FormatInt(policy, 10)
	}
	if have := given(fields, view); have != want {
		return []schema.Difference{{What: "quota in MB", Want: want, Have: have}}, nil
	}
	return nil, nil
}

// Megabytes returns a quota as Dovecot's configuration takes it: up to nine digits. 0 is no limit, and so is all else.
func Megabytes(text string) string {
	if text == "" || len(text) > 9 || strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
		return "0"
	}
	if text = strings.TrimLeft(text, "0"); text == "" {
		return "0"
	}
	return text
}

// given returns the megabytes in the fields of a user: Dovecot 2.4 has worked them out, 2.3 does so from what the directory
// or the list says, else from what is for all.
func given(fields map[string]string, view *registry.View) string {
	if size, ok := fields["quota_storage_size"]; ok {
		return Megabytes(strings.TrimSuffix(size, "M"))
	}
	if own, ok := fields["mailreg_quota"]; ok {
		return Megabytes(own)
	}
	return strconv.FormatInt(view.Int("mail/dovecot/quota/default"), 10)
}
