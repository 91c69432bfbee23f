package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"sallyport/ui/gallery"
)

// uiGalleryCmd shows every page with made-up data. Nothing of a site is read.
type uiGalleryCmd struct {
	Addr string `help:"Address and port to serve on." default:"127.0.0.1:8480" placeholder:"ADDR"`
}

// Run serves until it is interrupted.
func (c *uiGalleryCmd) Run(ctx context.Context, s *streams) error {
	g, err := gallery.New(time.Local)
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("gallery: %w", err)
	}
	fmt.Fprintf(s.out, "http://%s/gallery/\n", l.Addr())
	srv := &http.Server{Handler: g, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx }}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		stopped <- srv.Shutdown(ending)
	})
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("gallery: %w", err)
	}
	return <-stopped
}
