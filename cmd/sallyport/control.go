package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"sallyport/gate/sqlite"
)

// controlFile is the socket in the data directory by which commands reach a
// running site, which alone may write to its database. Whoever can open it
// could open the database too: mode 0600, in a directory of mode 0700.
const controlFile = "control.sock"

// maxControl bounds one request on the socket: the largest photographs of one
// inspection, in base64.
const maxControl = 80 << 20

// operation answers one request of a command.
type operation func(ctx context.Context, in json.RawMessage) (any, error)

// op makes an operation of a typed function.
func op[In, Out any](f func(context.Context, In) (Out, error)) operation {
	return func(ctx context.Context, raw json.RawMessage) (any, error) {
		var in In
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&in); err != nil {
			return nil, fmt.Errorf("request: %w", err)
		}
		return f(ctx, in)
	}
}

// controlAnswer is what the socket sends back.
type controlAnswer struct {
	Error  string          `json:"error,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
}

// listenControl opens the socket. The caller holds the site's lock, so that a
// socket left by a process that died is nobody's.
func listenControl(ctx context.Context, dir string) (net.Listener, error) {
	path := filepath.Join(dir, controlFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("control socket: %w", err), ln.Close())
	}
	return ln, nil
}

// control serves operations on the socket until ctx ends.
func control(ctx context.Context, ln net.Listener, ops map[string]operation) error {
	srv := &http.Server{
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: jobTimeout + 30*time.Second, // a backup takes its time
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var answer controlAnswer
			result, err := func() (any, error) {
				do, known := ops[r.URL.Path]
				if !known || r.Method != http.MethodPost {
					return nil, fmt.Errorf("no operation %s %s", r.Method, r.URL.Path)
				}
				body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControl))
				if err != nil {
					return nil, err
				}
				return do(r.Context(), body)
			}()
			if result != nil {
				var bad error
				if answer.Result, bad = json.Marshal(result); bad != nil {
					err = errors.Join(err, bad)
				}
			}
			if err != nil {
				answer.Error = err.Error()
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(answer) // the command has gone
		}),
	}
	done := make(chan error, 1)
	go func() {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		done <- srv.Shutdown(stop)
	}()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("control socket: %w", err)
	}
	return <-done
}

// reach hands operations to the site in dir: through its socket when it runs,
// else on its own store, which open wires and which is closed with the returned
// function.
func reach(ctx context.Context, dir string, open func(*sqlite.Store) (map[string]operation, error)) (call func(path string, in, out any) error, end func() error, err error) {
	store, err := sqlite.Open(ctx, dir)
	switch {
	case err == nil:
		ops, err := open(store)
		if err != nil {
			return nil, nil, errors.Join(err, store.Close())
		}
		return func(path string, in, out any) error {
			raw, err := json.Marshal(in)
			if err != nil {
				return err
			}
			result, err := ops[path](ctx, raw)
			return errors.Join(err, through(result, out))
		}, store.Close, nil
	case !errors.Is(err, sqlite.ErrInUse):
		return nil, nil, err
	}
	client := &http.Client{Timeout: jobTimeout + 30*time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, controlFile))
		},
	}}
	return func(path string, in, out any) error { return post(ctx, client, path, in, out) },
		func() error { client.CloseIdleConnections(); return nil }, nil
}

// through hands a result on in the form that the socket would.
func through(result, out any) error {
	raw, err := json.Marshal(result)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, out)
}

func post(ctx context.Context, client *http.Client, path string, in, out any) (err error) {
	raw, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://site"+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("the site is in use by another process and does not answer on its control socket: %w", err)
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	var answer controlAnswer
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("the site's answer: %w", err)
	}
	if len(answer.Result) > 0 {
		err = json.Unmarshal(answer.Result, out)
	}
	if answer.Error != "" {
		err = errors.Join(errors.New(answer.Error), err)
	}
	return err
}
