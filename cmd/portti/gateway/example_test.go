package gateway_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
)

func ExampleRun() {
	cfg, err := config.Load(config.DefaultPath, config.LoadOptions{Environ: os.Environ()})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := gateway.Run(ctx, cfg, gateway.Options{Version: "1.2.0", Log: slog.Default()}); err != nil {
		fmt.Println(err)
	}
}
