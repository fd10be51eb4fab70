package commandline

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func environment(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

func mustParse(t *testing.T, line string, pairs map[string]string) Options {
	t.Helper()
	options, err := Parse(strings.Fields(line), environment(pairs))
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return options
}

func TestReadsTheUnitsCommandLine(t *testing.T) {
	options := mustParse(t, "--no-autoupdate tunnel run --token-file /etc/cloudflared/acme-tunnel.token",
		map[string]string{"TUNNEL_METRICS": "127.0.0.1:20300", "TUNNEL_EDGE": "10.214.1.1:7844"})
	if options.Command != "run" || options.TokenFile != "/etc/cloudflared/acme-tunnel.token" || options.Metrics != "127.0.0.1:20300" ||
		!slices.Equal(options.Edge, []string{"10.214.1.1:7844"}) || options.HAConnections != 4 || options.GracePeriod != 30*time.Second {
		t.Fatalf("read %+v", options)
	}
}

func TestTunnelFlagsStandBeforeAndAfterTunnel(t *testing.T) {
	for _, line := range []string{
		"--metrics 127.0.0.1:1 --loglevel debug tunnel run", "tunnel --metrics=127.0.0.1:1 --loglevel=debug run",
		"--metrics 127.0.0.1:1 tunnel --loglevel debug run", "--metrics 127.0.0.1:9 tunnel --loglevel debug --metrics 127.0.0.1:1 run",
	} {
		options := mustParse(t, line, nil)
		if options.Metrics != "127.0.0.1:1" || options.LogLevel != "debug" {
			t.Errorf("%s: read %+v", line, options)
		}
	}
}

func TestTheCommandLineBeatsTheEnvironment(t *testing.T) {
	pairs := map[string]string{
		"TUNNEL_METRICS": "127.0.0.1:9", "TUNNEL_GRACE_PERIOD": "9s", "TUNNEL_TRANSPORT_PROTOCOL": "quic",
		"TUNNEL_LOG_OUTPUT": "json", "TUNNEL_TOKEN": "from-environment", "TUNNEL_RETRIES": "1",
	}
	options := mustParse(t, "tunnel --metrics 127.0.0.1:1 --grace-period 2s --output default run --protocol http2 --token given", pairs)
	if options.Metrics != "127.0.0.1:1" || options.GracePeriod != 2*time.Second || options.Protocol != "http2" ||
		options.Output != "default" || options.Token != "given" || options.Retries != 1 {
		t.Fatalf("read %+v", options)
	}
}

func TestRefusesWhatCloudflaredRefuses(t *testing.T) {
	for line, part := range map[string]string{
		"tunnel run --metrics 127.0.0.1:1":  "before `run`",
		"tunnel --token secret run":         "after `tunnel run`",
		"tunnel run --nonsense":             "not defined: -nonsense",
		"tunnel run one two":                "accepts only one argument",
		"tunnel":                            "valid additional argument",
		"access":                            "No such command",
		"tunnel --grace-period soon run":    "grace-period",
		"tunnel run --protocol carrier":     "Unknown protocol carrier",
		"tunnel --ha-connections 0 run":     "ha-connections",
		"tunnel --ha-connections three run": "ha-connections",
	} {
		_, err := Parse(strings.Fields(line), environment(nil))
		var usage UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v", line, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error repeats the token: %v", line, err)
		}
	}
}

func TestVersionAndHelp(t *testing.T) {
	for line, command := range map[string]string{"--version": "version", "-v": "version", "version": "version", "": "help", "--help": "help", "tunnel run --help": "help", "tunnel -h": "help"} {
		if options := mustParse(t, line, nil); options.Command != command {
			t.Errorf("%q: read %+v", line, options)
		}
	}
	if !mustParse(t, "version --short", nil).ShortVersion {
		t.Error("--short is not seen")
	}
}

func TestTheTokenBeatsTheFileAndTheFileIsTrimmed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("  from-file\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"tunnel run --token-file " + path:                "from-file",
		"tunnel run --token-file " + path + " --token x": "x",
	} {
		if got, err := mustParse(t, line, nil).ReadToken(); err != nil || got != want {
			t.Errorf("%s: %q, %v", line, got, err)
		}
	}
	for _, line := range []string{"tunnel run", "tunnel run --token-file " + path + ".missing"} {
		var usage UsageError
		if _, err := mustParse(t, line, nil).ReadToken(); !errors.As(err, &usage) {
			t.Errorf("%s: %v", line, err)
		}
	}
}
