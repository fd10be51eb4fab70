package edge

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"odoo-tenants/connector/internal/proxy"
	"odoo-tenants/connector/internal/token"
)

// Counters are told of the connections.
type Counters interface {
	Connected(index int, location string)
	Disconnected(index int)
	Refused()
}

// Supervisor keeps a number of connections up until it is told to stop.
type Supervisor struct {
	// Addresses of the edge, host:port, taken in turn.
	Addresses     []string
	Token         token.Token
	ClientID      string
	ClientVersion string
	// Connections to keep. The first must be registered before the others are tried.
	Connections int
	// Retries bounds the delay between attempts: at most 2^Retries seconds.
	Retries       int
	Proxy         http.Handler
	Configuration *proxy.Configuration
	Counters      Counters
	Log           *slog.Logger
}

// Run returns when all connections have ended: after stopping is closed and the edge has let go, or at once when the
// context is cancelled. ready is called after the first registration.
func (s *Supervisor) Run(ctx context.Context, stopping <-chan struct{}, ready func()) {
	var all sync.WaitGroup
	first := make(chan struct{})
	firstRegistered := sync.OnceFunc(func() {
		ready()
		close(first)
	})
	all.Go(func() { s.keep(ctx, stopping, 0, firstRegistered) })
	select {
	case <-first:
		for index := 1; index < s.Connections; index++ {
			all.Go(func() { s.keep(ctx, stopping, index, func() {}) })
		}
	case <-stopping:
	case <-ctx.Done():
	}
	all.Wait()
}

// keep holds one connection up; whatever ends it is logged and tried again, a refusal too, for a new tunnel or secret
// may not be known everywhere yet.
func (s *Supervisor) keep(ctx context.Context, stopping <-chan struct{}, index int, registered func()) {
	log := s.Log.With("connIndex", index)
	delays := backoff{most: s.Retries}
	for attempt := 0; ; attempt++ {
		err := s.once(ctx, stopping, index, attempt, log, func() {
			delays.reset()
			registered()
		})
		select {
		case <-stopping:
			return
		case <-ctx.Done():
			return
		default:
		}
		var refused RefusedError
		switch {
		case errors.As(err, &refused):
			s.Counters.Refused()
			log.Error("Register tunnel error from server side", "error", err)
		case errors.Is(err, errLost):
			log.Info("Lost connection with the edge")
		default:
			log.Error("Unable to establish connection with Cloudflare edge", "error", err)
		}
		delay, bound := delays.next()
		log.Info("Retrying connection in up to " + bound.String())
		select {
		case <-stopping:
			return
		case <-ctx.Done():
			return
		case <-time.After(delay):
		}
	}
}

// once lives as long as one connection.
func (s *Supervisor) once(ctx context.Context, stopping <-chan struct{}, index int, attempt int, log *slog.Logger, registered func()) error {
	address := s.Addresses[(index+attempt)%len(s.Addresses)]
	dialing, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // a stop does not wait for an edge that does not answer
		select {
		case <-stopping:
			cancel()
		case <-dialing.Done():
		}
	}()
	log.Debug("Registering tunnel connection", "event", 0, "ip", address, "protocol", "http2")
	conn, reply, err := register(dialing, address, preface{
		Version: protocolVersion, AccountTag: s.Token.AccountTag, TunnelID: s.Token.TunnelID, TunnelSecret: s.Token.Secret,
		ClientID: s.ClientID, ClientVersion: s.ClientVersion, Arch: runtime.GOOS + "_" + runtime.GOARCH, ConnIndex: index,
	})
	if err != nil {
		return err
	}
	ip, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
	var isRegistered atomic.Bool
	session := session{
		proxy: s.Proxy, configuration: s.Configuration, log: log, stopping: stopping,
		registered: sync.OnceFunc(func() {
			isRegistered.Store(true)
			s.Counters.Connected(index, reply.Location)
			log.Info("Registered tunnel connection", "connection", reply.ConnectionID, "event", 0, "ip", ip,
				"location", reply.Location, "protocol", "http2")
			registered()
		}),
	}
	go func() { // before the control stream is open, nobody would hear of the stop
		select {
		case <-stopping:
			if !isRegistered.Load() {
				_ = conn.Close()
			}
		case <-conn.closed:
		}
	}()
	err = session.serve(ctx, conn)
	if isRegistered.Load() {
		s.Counters.Disconnected(index)
		if err == nil {
			log.Info("Unregistered tunnel connection", "event", 0, "ip", ip)
		}
	}
	return err
}
