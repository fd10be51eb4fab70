package edge

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"odoo-tenants/connector/internal/proxy"
)

// errLost ends a session that the edge, the network or a freeze has broken.
var errLost = errors.New("connection with edge closed")

// session serves one registered connection. The edge is the client: it sends the configuration, opens the control
// stream once it routes visitors here, and then sends their requests.
type session struct {
	proxy         http.Handler
	configuration *proxy.Configuration
	log           *slog.Logger
	// stopping is closed when the connector is to stop gracefully.
	stopping <-chan struct{}
	// registered is called when the edge routes to this connection.
	registered func()
}

// serve returns nil when the edge has closed the connection after a graceful stop. Cancelling the context cuts it off.
func (s *session) serve(ctx context.Context, conn *connection) error {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Handler: s, Protocols: protocols,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 1 << 20,
			// One stalled upload must not hold up the others of its connection, so the connection's window is many streams wide.
			MaxReceiveBufferPerStream:     1 << 20,
			MaxReceiveBufferPerConnection: 64 << 20,
			// A frozen edge or a cut line is noticed within ten seconds.
			SendPingTimeout: 5 * time.Second,
			PingTimeout:     5 * time.Second,
		},
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	err := server.Serve(listenOn(conn))
	_ = conn.Close()
	select {
	case <-s.stopping:
		return nil
	default:
	}
	if errors.Is(err, net.ErrClosed) || err == nil {
		return errLost
	}
	return err
}

func (s *session) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Header.Get(proxy.UpgradeHeader) {
	case "control-stream":
		s.control(w, r)
	case "update-configuration":
		s.configure(w, r)
	default:
		s.proxy.ServeHTTP(w, r)
	}
}

// control lives as long as the connection. Its one message asks the edge to send no more visitors; the edge closes
// the connection when those on their way have been served.
func (s *session) control(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusOK)
	if err := http.NewResponseController(w).Flush(); err != nil {
		return
	}
	s.registered()
	select {
	case <-s.stopping:
		_, _ = io.WriteString(w, `{"event":"unregister"}`+"\n")
	case <-r.Context().Done():
	}
}

func (s *session) configure(w http.ResponseWriter, r *http.Request) {
	var update proxy.Update
	if err := json.NewDecoder(r.Body).Decode(&update); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	text, err := json.Marshal(s.configuration.Apply(update))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(text)
}
