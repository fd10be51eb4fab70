package commandline

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// Parse reads `[flags] tunnel [flags] run [flags] [TUNNEL]`. A flag counts where cloudflared takes it: the tunnel's
// (--metrics, --edge, --loglevel, ...) before `run`, the run's (--token, --token-file) after it, --protocol in both
// places. What would be refused in production is refused here too.
func Parse(args []string, lookup func(string) string) (Options, error) {
	options, err := parse(args, lookup)
	if errors.Is(err, flag.ErrHelp) {
		return Options{Command: "help"}, nil
	}
	return options, err
}

func parse(args []string, lookup func(string) string) (Options, error) {
	options, err := fromEnvironment(lookup)
	if err != nil {
		return options, err
	}
	version := false
	rest, err := parseLevel("cloudflared", args, func(flags *flag.FlagSet) {
		options.tunnelFlags(flags)
		for _, name := range []string{"version", "v", "V"} {
			flags.BoolVar(&version, name, false, "")
		}
	})
	switch {
	case err != nil:
		return options, err
	case version:
		options.Command = "version"
		return options, nil
	case len(rest) == 0 || rest[0] == "help":
		options.Command = "help"
		return options, nil
	case rest[0] == "version":
		options.Command = "version"
		_, err = parseLevel("cloudflared version", rest[1:], func(flags *flag.FlagSet) {
			flags.BoolVar(&options.ShortVersion, "short", false, "")
			flags.BoolVar(&options.ShortVersion, "s", false, "")
		})
		return options, err
	case rest[0] != "tunnel":
		return options, usagef("No such command: %s (this connector knows `tunnel run` and `version`)", rest[0])
	}

	rest, err = parseLevel("cloudflared tunnel", rest[1:], options.tunnelFlags)
	if err != nil {
		return options, err
	}
	if len(rest) == 0 || rest[0] != "run" {
		return options, usagef("You did not specify any valid additional argument to the cloudflared tunnel command (this connector knows `tunnel run`)")
	}
	rest, err = parseLevel("cloudflared tunnel run", rest[1:], options.runFlags)
	if err != nil {
		return options, err
	}
	if len(rest) > 1 {
		return options, usagef(`"cloudflared tunnel run" accepts only one argument, the ID or name of the tunnel to run.`)
	}
	if len(rest) == 1 {
		options.TunnelRef = rest[0]
	}
	options.Command = "run"
	return options, options.check()
}

func (o *Options) check() error {
	switch o.Protocol {
	case "auto", "http2", "quic":
	default:
		return usagef("Unknown protocol %s, Available protocols: auto, http2, quic", o.Protocol)
	}
	if o.HAConnections < 1 {
		return usagef("ha-connections must be at least 1, not %d", o.HAConnections)
	}
	if o.GracePeriod < 0 || o.Retries < 0 || o.Retries > 20 {
		return usagef("grace-period must not be negative and retries must be from 0 to 20")
	}
	return nil
}

// tunnelFlags are taken before and after `tunnel`, not after `run`.
func (o *Options) tunnelFlags(flags *flag.FlagSet) {
	flags.StringVar(&o.Metrics, "metrics", o.Metrics, "")
	flags.Func("edge", "", func(text string) error {
		o.Edge = splitList(text)
		return nil
	})
	flags.DurationVar(&o.GracePeriod, "grace-period", o.GracePeriod, "")
	flags.StringVar(&o.PidFile, "pidfile", o.PidFile, "")
	flags.IntVar(&o.HAConnections, "ha-connections", o.HAConnections, "")
	flags.IntVar(&o.Retries, "retries", o.Retries, "")
	flags.StringVar(&o.LogLevel, "loglevel", o.LogLevel, "")
	flags.StringVar(&o.Output, "output", o.Output, "")
	o.protocolFlags(flags)
	ignore(flags, []string{"no-autoupdate", "no-prechecks", "post-quantum", "pq"},
		[]string{"autoupdate-freq", "region", "edge-ip-version", "edge-bind-address", "label", "tag", "transport-loglevel",
			"proto-loglevel", "metrics-update-freq", "max-edge-addr-retries", "config", "origincert"})
}

// runFlags are taken after `run`.
func (o *Options) runFlags(flags *flag.FlagSet) {
	flags.StringVar(&o.Token, "token", o.Token, "")
	flags.StringVar(&o.TokenFile, "token-file", o.TokenFile, "")
	o.protocolFlags(flags)
	ignore(flags, []string{"post-quantum", "pq"}, []string{"features", "F", "icmpv4-src", "icmpv6-src", "max-active-flows"})
}

func (o *Options) protocolFlags(flags *flag.FlagSet) {
	flags.StringVar(&o.Protocol, "protocol", o.Protocol, "")
	flags.StringVar(&o.Protocol, "p", o.Protocol, "")
}

// ignore accepts flags that mean nothing in the sandbox.
func ignore(flags *flag.FlagSet, switches []string, values []string) {
	for _, name := range switches {
		flags.Bool(name, false, "")
	}
	for _, name := range values {
		flags.String(name, "", "")
	}
}

// parseLevel returns what follows the flags. The flag package puts a refused value into its message, so the value of
// a secret flag never comes from here: they are plain strings, which it cannot refuse.
func parseLevel(name string, args []string, define func(*flag.FlagSet)) ([]string, error) {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	define(flags)
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil, err
	}
	if err != nil {
		text := strings.TrimPrefix(err.Error(), "flag: ")
		return nil, usagef("Incorrect Usage: %s%s", text, placeOf(name, text))
	}
	return flags.Args(), nil
}

// placeOf tells where a flag belongs when it is only misplaced.
func placeOf(level string, text string) string {
	undefined, found := strings.CutPrefix(text, "flag provided but not defined: -")
	if !found {
		return ""
	}
	known := func(define func(*flag.FlagSet)) bool {
		flags := flag.NewFlagSet("", flag.ContinueOnError)
		define(flags)
		return flags.Lookup(undefined) != nil
	}
	var scratch Options
	switch {
	case level == "cloudflared tunnel run" && known(scratch.tunnelFlags):
		return fmt.Sprintf(" (cloudflared takes --%s before `run`)", undefined)
	case known(scratch.runFlags):
		return fmt.Sprintf(" (cloudflared takes --%s after `tunnel run`)", undefined)
	}
	return ""
}
