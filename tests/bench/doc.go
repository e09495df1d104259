// Package bench measures the registry's commands side by side with what is always there to be compared with.
package bench
