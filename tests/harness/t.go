package harness

import "context"

// T is what the harness needs of a test. *testing.T has it, and so has the demo.
type T interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	// Fatalf reports a failure and does not return.
	Fatalf(format string, args ...any)
	Failed() bool
	// Cleanup registers a function that runs when the test is over, the last one first.
	Cleanup(func())
	// Context is cancelled just before the clean-up functions run.
	Context() context.Context
}
