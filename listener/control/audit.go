package control

import (
	"context"

	"github.com/mailreg/mailreg/schema"
)

// AuditRequest asks for an audit.
type AuditRequest struct {
	// DryRun only tells what differs.
	DryRun bool `json:"dry_run"`
	// Cause says why, for the log and the report.
	Cause string `json:"cause,omitempty"`
}

// AuditReport is the outcome of a comparison of the replica with the whole directory.
type AuditReport struct {
	Cause   string  `json:"cause"`
	DryRun  bool    `json:"dry_run,omitempty"`
	Began   Moment  `json:"began"`
	Seconds float64 `json:"seconds"`
	// Entries is how many the directory has shown, Drift how many of all differed, Repaired how many of them were set right.
	Entries  int `json:"entries"`
	Drift    int `json:"drift"`
	Repaired int `json:"repaired"`
	// Counts are the differences by kind: missing, extra, older, newer, name, content. Examples are the first of them.
	Counts   map[string]int `json:"counts"`
	Examples []Drift        `json:"examples"`
	// Reload is set when there were so many that everything is loaded anew.
	Reload bool `json:"reload,omitempty"`
	// Suspicion says what is strange about the provider.
	Suspicion string `json:"suspicion,omitempty"`
	// Error is why the audit was not carried through.
	Error string `json:"error,omitempty"`
}

// Drift is one entry in which replica and directory differed.
type Drift struct {
	UUID schema.UUID `json:"uuid"`
	DN   string      `json:"dn"`
	Kind string      `json:"kind"`
}

// Audit calls the operation of API.
func (c *Client) Audit(ctx context.Context, r AuditRequest) (AuditReport, error) {
	return ask[AuditReport](ctx, c, "audit", r)
}
