// Command cloudflared is the sandbox's connector. It obeys the command line of Cloudflare's own, as far as
// `cloudflared tunnel run` with a token goes, but connects only to the sandbox's edge: see README.md.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"odoo-tenants/connector/internal/commandline"
)

// version is that of the cloudflared whose behaviour is modelled; the suffix tells them apart.
const version = "2026.8.2+sandbox"

const help = `cloudflared (sandbox connector): passes visitors of the sandbox's edge on to local web servers

   cloudflared [tunnel options] tunnel [tunnel options] run [run options]
   cloudflared version [--short]

Tunnel options (also after "tunnel"):
   --edge host:port         tunnel edge of the sandbox; required             $TUNNEL_EDGE
   --metrics address        /ready, /metrics, /healthcheck, /config          $TUNNEL_METRICS
                            default: first free of localhost:20241 to 20245
   --grace-period duration  for requests on their way at a stop, default 30s $TUNNEL_GRACE_PERIOD
   --pidfile path           written after the first connection               $TUNNEL_PIDFILE
   --loglevel level         debug, info, warn, error                         $TUNNEL_LOGLEVEL
   --output format          default or json                                  $TUNNEL_LOG_OUTPUT
   --retries number         attempts are at most 2^number s apart, default 5 $TUNNEL_RETRIES
   --ha-connections number  default 4
   --no-autoupdate          accepted; there are no updates
Run options:
   --token text             the tunnel's token                               $TUNNEL_TOKEN
   --token-file path        file that holds the token                        $TUNNEL_TOKEN_FILE
   --protocol name          auto, http2 or quic; HTTP/2 is what is spoken    $TUNNEL_TRANSPORT_PROTOCOL
`

func main() {
	os.Exit(start(os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// start returns the exit status: 0, 1 for failures, 255 for a wrong command line or token.
func start(args []string, lookup func(string) string, stdout io.Writer, stderr io.Writer) int {
	options, err := commandline.Parse(args, lookup)
	if err == nil {
		switch options.Command {
		case "version":
			if options.ShortVersion {
				_, _ = fmt.Fprintln(stdout, version)
			} else {
				_, _ = fmt.Fprintf(stdout, "cloudflared version %s (built from source)\n", version)
			}
		case "help":
			_, _ = io.WriteString(stdout, help)
		default:
			err = run(options, stderr)
		}
	}
	var usage commandline.UsageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		_, _ = fmt.Fprintf(stderr, "%s\nSee 'cloudflared tunnel run --help'.\n", err)
		return 255
	default:
		_, _ = fmt.Fprintln(stderr, err)
		return 1
	}
}
