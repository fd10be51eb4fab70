package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"odoo-tenants/connector/internal/commandline"
	"odoo-tenants/connector/internal/edge"
	"odoo-tenants/connector/internal/logging"
	"odoo-tenants/connector/internal/metrics"
	"odoo-tenants/connector/internal/proxy"
	"odoo-tenants/connector/internal/systemd"
	"odoo-tenants/connector/internal/token"
)

// Dozens of connectors share one host, so memory is worth more than a little time of the collector.
const (
	collectAtPercent = 50
	softMemoryLimit  = 96 << 20 // bytes
)

// run is `tunnel run`: it returns after a graceful stop (nil), or when it cannot begin.
func run(options commandline.Options, stderr io.Writer) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAtPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softMemoryLimit)
	}
	text, err := options.ReadToken()
	if err != nil {
		return err
	}
	credentials, err := token.Parse(text)
	if err != nil {
		return commandline.NewUsageError(err)
	}
	if len(options.Edge) == 0 {
		return errors.New("no tunnel edge: this is the sandbox's connector, it cannot reach Cloudflare; set TUNNEL_EDGE=host:port")
	}
	level, known := logging.ParseLevel(options.LogLevel)
	log := slog.New(logging.NewHandler(stderr, level, options.Output == "json"))
	if !known {
		log.Error(fmt.Sprintf("Failed to parse log level %q, using %q instead", options.LogLevel, "info"))
	}
	return serve(options, credentials, log)
}

func serve(options commandline.Options, credentials token.Token, log *slog.Logger) error {
	connectorID := newUUID()
	log.Info("Starting tunnel", "tunnelID", credentials.TunnelID)
	log.Info("Version " + version)
	log.Info(fmt.Sprintf("GOOS: %s, GOVersion: %s, GoArch: %s", runtime.GOOS, runtime.Version(), runtime.GOARCH))
	log.Info("Generated Connector ID: " + connectorID)
	log.Info("Initial protocol http2")

	counters := metrics.New(version)
	configuration := proxy.NewConfiguration(log)
	listener, err := metrics.Listen(options.Metrics)
	if err != nil {
		return fmt.Errorf("error opening metrics server listener: %w", err)
	}
	server := metrics.Server(metrics.Source{
		Metrics: counters, ConnectorID: connectorID, TunnelID: credentials.TunnelID, Config: configuration,
	})
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("Metrics server failed", "error", err)
		}
	}()
	defer func() { _ = server.Close() }()
	log.Info(fmt.Sprintf("Starting metrics server on %s/metrics", listener.Addr()))

	supervisor := edge.Supervisor{
		Addresses: options.Edge, Token: credentials, ClientID: connectorID, ClientVersion: version,
		Connections: options.HAConnections, Retries: options.Retries,
		Proxy: proxy.New(configuration, counters, log), Configuration: configuration, Counters: counters, Log: log,
	}
	ctx, cut := context.WithCancel(context.Background())
	defer cut()
	supervisor.Run(ctx, stopOnSignal(options.GracePeriod, cut, log), func() {
		systemd.Notify("READY=1")
		writePidFile(options.PidFile, log)
	})
	log.Info("Tunnel server stopped")
	return nil
}

// stopOnSignal returns a channel that the first SIGTERM or SIGINT closes. Requests on their way have the grace period,
// then they are cut off; a second signal ends the process at once.
func stopOnSignal(gracePeriod time.Duration, cut func(), log *slog.Logger) <-chan struct{} {
	signals := make(chan os.Signal, 1)
	stopping := make(chan struct{})
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		received := <-signals
		signal.Stop(signals)
		log.Info(fmt.Sprintf("Initiating graceful shutdown due to signal %s ...", received))
		systemd.Notify("STOPPING=1")
		close(stopping)
		time.AfterFunc(gracePeriod, cut)
	}()
	return stopping
}

func writePidFile(path string, log *slog.Logger) {
	if path == "" {
		return
	}
	// #nosec G306 -- a process id is no secret
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
		log.Error("Unable to write pid", "error", err)
	}
}

// newUUID is a random one (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
