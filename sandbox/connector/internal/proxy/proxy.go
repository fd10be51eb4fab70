package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

const (
	// UpgradeHeader marks what is no plain request of a visitor: "websocket", "control-stream", "update-configuration".
	// The answer to a WebSocket that the origin has accepted carries it too, for HTTP/2 knows no status 101.
	UpgradeHeader = "Cf-Cloudflared-Proxy-Connection-Upgrade"
	// MetaHeader tells the edge who answered: {"src":"origin"} or {"src":"cloudflared"}.
	MetaHeader = "Cf-Cloudflared-Response-Meta"
)

// Counters are told what is going on.
type Counters interface {
	RequestStarted()
	RequestEnded()
	RequestFailed()
	Response(status int)
}

// Proxy serves visitors' requests.
type Proxy struct {
	configuration *Configuration
	counters      Counters
	log           *slog.Logger
}

// New returns a proxy that follows the configuration.
func New(configuration *Configuration, counters Counters, log *slog.Logger) *Proxy {
	return &Proxy{configuration: configuration, counters: counters, log: log}
}

var buffers = sync.Pool{New: func() any {
	buffer := make([]byte, 32<<10)
	return &buffer
}}

// These belong to one hop (RFC 9110, section 7.6.1); HTTP/2 has its own means.
var hopByHop = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// ServeHTTP passes one request on. An answer that breaks off in the middle breaks off for the visitor too.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.counters.RequestStarted()
	defer p.counters.RequestEnded()
	rule, index := p.configuration.current.Load().rules.Find(r.Host, r.URL.Path)
	webSocket := r.Header.Get(UpgradeHeader) == "websocket"

	response, err := rule.Service.RoundTrip(toOrigin(r, webSocket))
	if err != nil {
		if r.Context().Err() == nil {
			p.failed(index, rule.Service.String(), fmt.Errorf(
				"Unable to reach the origin service. The service may be down or it may not be responding to traffic from cloudflared: %w", err))
		}
		w.Header().Set(MetaHeader, `{"src":"cloudflared"}`)
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer func() { _ = response.Body.Close() }()
	p.counters.Response(response.StatusCode)
	copyHeaders(w.Header(), response.Header)
	w.Header().Set(MetaHeader, `{"src":"origin"}`)

	if response.StatusCode == http.StatusSwitchingProtocols {
		w.Header().Set(UpgradeHeader, "websocket")
		w.WriteHeader(http.StatusOK)
		err = tunnelWebSocket(w, r.Body, response.Body)
	} else {
		w.WriteHeader(response.StatusCode)
		err = stream(w, response.Body, flushes(response))
	}
	if err != nil && r.Context().Err() == nil && !errors.Is(err, context.Canceled) {
		p.failed(index, rule.Service.String(), err)
		panic(http.ErrAbortHandler)
	}
}

func (p *Proxy) failed(rule int, service string, err error) {
	p.counters.RequestFailed()
	p.log.Error("failed to serve incoming request", "error", err, "ingressRule", rule, "originService", service)
}

// toOrigin makes an outgoing request of an incoming one. Without a body there must be none at all, or the transport
// would announce a chunked one.
func toOrigin(r *http.Request, webSocket bool) *http.Request {
	target := url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery, ForceQuery: r.URL.ForceQuery}
	out := &http.Request{
		Method: r.Method, URL: &target, Host: r.Host, Header: r.Header, ContentLength: r.ContentLength, Body: r.Body,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if webSocket || r.ContentLength == 0 {
		out.Body, out.ContentLength = nil, 0
	}
	out.Header.Del(UpgradeHeader)
	if webSocket {
		out.Header.Set("Connection", "Upgrade")
		out.Header.Set("Upgrade", "websocket")
		out.Header.Set("Sec-Websocket-Version", "13")
	}
	if out.Header.Get("User-Agent") == "" {
		out.Header.Set("User-Agent", "") // or Go would invent one
	}
	return out.WithContext(r.Context())
}

func copyHeaders(to http.Header, from http.Header) {
	named := map[string]bool{}
	for _, line := range from["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			named[http.CanonicalHeaderKey(strings.TrimSpace(name))] = true
		}
	}
	for _, name := range hopByHop {
		named[name] = true
	}
	for name, values := range from {
		if !named[name] {
			to[name] = values
		}
	}
}

// flushes tells whether each piece must go out at once: when the length is unknown, the next piece may be long in coming.
func flushes(response *http.Response) bool {
	return response.ContentLength < 0 || strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream")
}

// stream copies until the end. A slow visitor slows the origin down: a write waits for room in the stream's window.
func stream(w http.ResponseWriter, body io.Reader, flush bool) error {
	buffer, ok := buffers.Get().(*[]byte)
	if !ok {
		return errors.New("no buffer")
	}
	defer buffers.Put(buffer)
	control := http.NewResponseController(w)
	for {
		n, err := body.Read(*buffer)
		if n > 0 {
			if _, failed := w.Write((*buffer)[:n]); failed != nil {
				return failed
			}
			if flush {
				if failed := control.Flush(); failed != nil {
					return failed
				}
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// tunnelWebSocket copies both ways until either side ends.
func tunnelWebSocket(w http.ResponseWriter, visitor io.Reader, origin io.ReadCloser) error {
	connection, ok := origin.(io.ReadWriteCloser)
	if !ok {
		return errors.New("the origin's connection cannot be written to")
	}
	if err := http.NewResponseController(w).Flush(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(connection, visitor)
		_ = connection.Close()
	}()
	err := stream(w, connection, true)
	select {
	case <-ended: // the visitor has left: the read error is the closed connection's
		return nil
	default:
		return err
	}
}
