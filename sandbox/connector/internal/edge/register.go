// Package edge keeps the connections to the tunnel edge: dial, register, then serve HTTP/2 to it.
package edge

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// protocolVersion of the preface; ours, not Cloudflare's (sandbox/cloudflare/README.md).
const protocolVersion = 1

// dialTimeout covers the TCP connection and the edge's answer; cloudflared's default.
const dialTimeout = 15 * time.Second

// maxAnswer bounds the edge's answer to the preface, in bytes.
const maxAnswer = 4096

// preface is the first line on a connection, from the connector.
type preface struct {
	Version       int    `json:"version"`
	AccountTag    string `json:"accountTag"`
	TunnelID      string `json:"tunnelId"`
	TunnelSecret  string `json:"tunnelSecret"`
	ClientID      string `json:"clientId"`
	ClientVersion string `json:"clientVersion"`
	Arch          string `json:"arch"`
	ConnIndex     int    `json:"connIndex"`
}

// answer is the second line, from the edge.
type answer struct {
	OK           bool   `json:"ok"`
	Error        string `json:"error"`
	ConnectionID string `json:"connectionId"`
	Location     string `json:"location"`
}

// RefusedError is the edge's no: "Unauthorized: ..." for a wrong secret or a tunnel that is not there (any more).
type RefusedError struct{ Reason string }

func (e RefusedError) Error() string { return e.Reason }

// register dials the edge and introduces the connector. The returned connection is ready for HTTP/2.
func register(ctx context.Context, address string, hello preface) (*connection, answer, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, answer{}, fmt.Errorf("DialContext error: %w", err)
	}
	conn := &connection{Conn: raw, reader: bufio.NewReaderSize(raw, 32<<10), closed: make(chan struct{})}
	reply, err := conn.introduce(hello)
	if err != nil {
		_ = conn.Close()
		return nil, reply, err
	}
	return conn, reply, nil
}

func (c *connection) introduce(hello preface) (answer, error) {
	line, err := json.Marshal(hello)
	if err != nil {
		return answer{}, err
	}
	if err := c.SetDeadline(time.Now().Add(dialTimeout)); err != nil {
		return answer{}, err
	}
	if _, err := c.Write(append(line, '\n')); err != nil {
		return answer{}, err
	}
	text, err := c.reader.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) || len(text) > maxAnswer {
		return answer{}, errors.New("the edge's answer is too long: is something else listening there?")
	}
	if err != nil {
		return answer{}, fmt.Errorf("the edge closed the connection: %w", err)
	}
	var reply answer
	if err := json.Unmarshal(text, &reply); err != nil {
		return answer{}, errors.New("the edge's answer is no JSON: is something else listening there?")
	}
	if !reply.OK {
		return reply, RefusedError{Reason: reply.Error}
	}
	return reply, c.SetDeadline(time.Time{})
}

// connection is the socket together with what has been read from it ahead. Its end is to be waited for.
type connection struct {
	net.Conn
	reader *bufio.Reader
	once   sync.Once
	closed chan struct{}
}

func (c *connection) Read(into []byte) (int, error) { return c.reader.Read(into) }

func (c *connection) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { close(c.closed) })
	return err
}

// listener gives out one connection, then blocks until that is closed: http.Server wants a listener.
type listener struct {
	conn    *connection
	pending chan net.Conn
}

func listenOn(conn *connection) *listener {
	l := &listener{conn: conn, pending: make(chan net.Conn, 1)}
	l.pending <- conn
	return l
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.pending:
		return conn, nil
	case <-l.conn.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error   { return nil }
func (l *listener) Addr() net.Addr { return l.conn.LocalAddr() }
