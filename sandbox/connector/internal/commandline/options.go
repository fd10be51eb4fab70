// Package commandline reads cloudflared's command line and environment, as far as `tunnel run` with a token needs them.
package commandline

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// DefaultMetrics stands for: the first free of localhost:20241 to 20245, else any free port.
const DefaultMetrics = "localhost:0"

// Options of one run. Defaults are cloudflared's.
type Options struct {
	// Command is "run", "version" or "help".
	Command string
	// ShortVersion prints the number alone.
	ShortVersion bool
	// Token beats TokenFile. Secret.
	Token     string
	TokenFile string
	// TunnelRef is the argument after `run`; a token makes it unnecessary.
	TunnelRef string
	// Metrics is the listen address. Default DefaultMetrics.
	Metrics string
	// Edge holds host:port of the tunnel edge; more than one are taken in turn.
	Edge []string
	// Protocol is auto, http2 or quic; the sandbox's edge speaks HTTP/2 only.
	Protocol string
	// GracePeriod bounds a graceful stop. Default 30 s.
	GracePeriod time.Duration
	// PidFile is written after the first connection.
	PidFile string
	// HAConnections to the edge at once. Default 4.
	HAConnections int
	// Retries bounds the delay between attempts: at most 2^Retries seconds. Default 5.
	Retries  int
	LogLevel string
	// Output is "default" or "json".
	Output string
}

// UsageError is answered by a message and exit status 255.
type UsageError struct{ message string }

func (e UsageError) Error() string { return e.message }

func usagef(format string, args ...any) error { return UsageError{fmt.Sprintf(format, args...)} }

// fromEnvironment fills what has a variable; the command line overrides it.
func fromEnvironment(lookup func(string) string) (Options, error) {
	options := Options{
		Token:         lookup("TUNNEL_TOKEN"),
		TokenFile:     lookup("TUNNEL_TOKEN_FILE"),
		Metrics:       first(lookup("TUNNEL_METRICS"), DefaultMetrics),
		Protocol:      first(lookup("TUNNEL_TRANSPORT_PROTOCOL"), "auto"),
		PidFile:       lookup("TUNNEL_PIDFILE"),
		LogLevel:      first(lookup("TUNNEL_LOGLEVEL"), "info"),
		Output:        first(lookup("TUNNEL_MANAGEMENT_OUTPUT"), lookup("TUNNEL_LOG_OUTPUT"), "default"),
		HAConnections: 4,
		GracePeriod:   30 * time.Second,
		Retries:       5,
	}
	if edge := lookup("TUNNEL_EDGE"); edge != "" {
		options.Edge = splitList(edge)
	}
	if text := lookup("TUNNEL_GRACE_PERIOD"); text != "" {
		period, err := time.ParseDuration(text)
		if err != nil {
			return options, usagef("could not parse %q as duration value from environment variable TUNNEL_GRACE_PERIOD", text)
		}
		options.GracePeriod = period
	}
	if text := lookup("TUNNEL_RETRIES"); text != "" {
		retries, err := strconv.Atoi(text)
		if err != nil {
			return options, usagef("could not parse %q as int value from environment variable TUNNEL_RETRIES", text)
		}
		options.Retries = retries
	}
	return options, nil
}

func first(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}

func splitList(text string) []string {
	var items []string
	for _, item := range strings.Split(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// ReadToken returns the token's text: the flag or variable, else the trimmed content of the file.
func (o Options) ReadToken() (string, error) {
	if o.Token != "" {
		return o.Token, nil
	}
	if o.TokenFile == "" {
		return "", usagef(`"cloudflared tunnel run" requires the ID or name of the tunnel to run as the last command line argument or in the configuration file.`)
	}
	content, err := os.ReadFile(o.TokenFile)
	if err != nil {
		return "", usagef("Failed to read token file: %s", err)
	}
	return strings.TrimSpace(string(content)), nil
}

// NewUsageError turns an error into one that ends with status 255.
func NewUsageError(err error) error { return UsageError{err.Error()} }
