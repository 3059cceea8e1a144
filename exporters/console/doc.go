// Package console prints metrics as JSON, to see what a service measures without
// anything to receive it. It is for development: the form is that of
// OpenTelemetry's stdoutmetric, which is not stable.
package console
