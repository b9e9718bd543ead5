package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/uplink"
)

func loginCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "login",
		Short: "give this gateway its token or login for the server",
		Long: `Does what the configuration asks for: with grant = "device-code" it shows an address
and a code for a phone and waits until somebody has confirmed them there; with a token,
secret or password in a file it asks for that and writes it where the daemon reads it;
with token_source = "jwt" it shows the key that the server has to know.
The running gateway is told and connects at once.

Exit codes: 0 done, 1 not done, 6 there is no configuration, 130 interrupted.`,
		Example: `  sudo portti login
  sudo portti login --token-file - < token.txt`,
		Args: cobra.NoArgs,
		RunE: runLogin,
	}
	cmd.Flags().String("token-file", "", "take the token or secret from `FILE` instead of asking; - reads standard input")
	return cmd
}

func runLogin(cmd *cobra.Command, _ []string) error {
	cfg, _, err := load(cmd, nil)
	switch {
	case errors.Is(err, config.ErrNotConfigured):
		return exit(exitNotConfigured, err)
	case err != nil:
		return exit(exitFailed, err)
	}
	u := cfg.Uplink
	if u.Auth == "none" || u.Auth == "hash" {
		return fmt.Errorf("auth = %q in [uplink] needs no login: no token is kept on this gateway", u.Auth)
	}
	if err := ownState(cfg.Paths.State); err != nil {
		return err
	}
	switch {
	case u.TokenSource == config.TokenFromJWT:
		return showKey(cmd, cfg)
	case u.TokenSource == config.TokenFromOAuth && u.OAuth.Grant == uplink.GrantDevice:
		err = deviceLogin(cmd, cfg)
	default:
		err = pasteLogin(cmd, cfg)
	}
	if err != nil {
		return err
	}
	return tellDaemon(cmd, cfg)
}

// deviceLogin lets somebody confirm this gateway with a phone.
func deviceLogin(cmd *cobra.Command, cfg *config.Config) error {
	client, err := gateway.OAuthClient(cfg)
	if err != nil {
		return fmt.Errorf("%w. The login needs the client secret too: run it with CREDENTIALS_DIRECTORY set, or use client_secret_file", err)
	}
	out := cmd.OutOrStdout()
	fmt.Fprintln(out, "Asking for a code …")
	err = uplink.DeviceLogin(cmd.Context(), client, gateway.Trust(cfg), func(p uplink.DevicePrompt) {
		fmt.Fprintf(out, "\nOpen this address on any phone or computer:\n\n    %s\n\nand type this code there:\n\n    %s\n\n", p.URL, p.Code)
		if p.Complete != "" && p.Complete != p.URL {
			fmt.Fprintf(out, "Or open this address, which has the code in it:\n\n    %s\n\n", p.Complete)
		}
		fmt.Fprintf(out, "The code is good for %s. Waiting; Ctrl-C gives up.\n", inMinutes(p.Lasts))
	})
	if err == nil {
		_, err = fmt.Fprintln(out, "\nConfirmed. This gateway is logged in.")
		return err
	}
	return withNextStep(cmd.Context(), err)
}

func inMinutes(d time.Duration) string {
	if d < 2*time.Minute {
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	}
	return fmt.Sprintf("%d minutes", int(d.Minutes()))
}

// withNextStep says what to do about a login that came to nothing.
func withNextStep(ctx context.Context, err error) error {
	var told *uplink.TokenError
	switch {
	case ctx.Err() != nil:
		return exit(exitInterrupted, errors.New("cancelled; nothing was changed"))
	case errors.Is(err, uplink.ErrLoginDenied):
		return errors.New("the login was refused on the other device.\nIf that was a mistake, run it again: sudo portti login")
	case errors.Is(err, uplink.ErrLoginExpired):
		return errors.New("nobody confirmed the code in time, and it has expired.\nGet a new one: sudo portti login")
	case !errors.As(err, &told):
		return err
	}
	step := "Try again in a minute: sudo portti login"
	switch told.Problem {
	case uplink.ProblemTokenRefused:
		step = "Check client_id, client secret and scopes in [uplink.oauth] with the token server's operator."
	case uplink.ProblemTokenNotSaved:
		step = "Run it with sudo, and see whether the disk is full or read-only: df -h"
	case uplink.ProblemClockUnset:
		step = "Set the clock, or wait until it is set: timedatectl"
	case uplink.ProblemPortal:
		step = "Open any page in a browser on this network, pass its login page, then run it again."
	case uplink.ProblemTokenFile:
		step = "Check client_secret_file in [uplink.oauth], and that you may read it (sudo)."
	default:
		if told.Person {
			step = "Check the addresses in [uplink.oauth]: portti config show --origin"
		}
	}
	return fmt.Errorf("%w.\n%s", err, step)
}

// pasteLogin takes a token, secret or password and writes it to its file.
func pasteLogin(cmd *cobra.Command, cfg *config.Config) error {
	what, path, key := pasted(cfg)
	if path == "" {
		return fmt.Errorf("the %s comes from a systemd credential, which only the service can read.\n"+
			"Write the new one where LoadCredential= in the unit points to, then: sudo portti service restart", what)
	}
	source, _ := cmd.Flags().GetString("token-file")
	text, err := readSecret(cmd, source, what)
	if err != nil {
		return err
	}
	switch key {
	case "token_file":
		err = uplink.CheckAccessToken(text, cfg.Uplink.Auth)
	case "password_file":
	default:
		err = uplink.CheckToken(text)
	}
	if err != nil {
		return fmt.Errorf("the %s cannot be used: %w.\nCopy it again, without quotes and without \"Bearer\" in front", what, err)
	}
	if err := uplink.WriteSecret(path, cfg.Paths.State, []byte(text+"\n")); err != nil {
		return fmt.Errorf("%w.\nRun it with sudo, or see whether the disk is full or read-only: df -h", err)
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "The %s was written to %s.\n", what, path)
	if key == "token_file" {
		sayExpiry(out, text, time.Now())
	}
	return nil
}

// pasted says what the configuration wants from a person, and where it goes.
func pasted(cfg *config.Config) (what, path, key string) {
	u := cfg.Uplink
	switch {
	case u.TokenSource == config.TokenFromLogin:
		return "password of " + u.Login.Email, u.Login.PasswordFile, "password_file"
	case u.TokenSource == config.TokenFromOAuth && u.OAuth.Grant == uplink.GrantRefresh:
		return "refresh token", u.OAuth.RefreshFile, "refresh_token_file"
	case u.TokenSource == config.TokenFromOAuth:
		return "client secret", u.OAuth.SecretFile, "client_secret_file"
	}
	return "access token", u.TokenFile, "token_file"
}

// sayExpiry tells what a token says of itself. The clock here may be wrong, so
// it says and does not judge, unless the end is past beyond doubt.
func sayExpiry(out io.Writer, token string, now time.Time) {
	ends := uplink.TokenEnds(token)
	switch {
	case ends.IsZero():
		return
	case ends.Before(now):
		fmt.Fprintf(out, "It says that it expired on %s: get a newer one, unless the clock here is wrong.\n", ends.Local().Format("2 January 2006, 15:04"))
	default:
		fmt.Fprintf(out, "It says that it expires on %s.\n", ends.Local().Format("2 January 2006, 15:04"))
	}
}

// showKey prints what the server has to know of the key that signs tokens.
func showKey(cmd *cobra.Command, cfg *config.Config) error {
	key, err := uplink.LoadDeviceKey(cfg.Paths.KeyFile(), cfg.Paths.State, cfg.Uplink.JWT.Alg)
	if err != nil {
		return fmt.Errorf("%w.\nRun it with sudo", err)
	}
	if globalsOf(cmd).json {
		_, err = fmt.Fprintln(cmd.OutOrStdout(), key.JWK)
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "This gateway signs its tokens itself. Send the server's operator this public key:\n\n%s\n"+
		"The same as JWK:\n\n%s\n\nIts kid is %s; iss and sub of each token are the gateway's id (portti status).\n"+
		"Once the operator has entered it, there is nothing more to do here.\n", key.Public, key.JWK, key.ID)
	return err
}

// tellDaemon has the running gateway look at its credentials now.
func tellDaemon(cmd *cobra.Command, cfg *config.Config) error {
	g, out := globalsOf(cmd), cmd.OutOrStdout()
	socket := g.socket
	if socket == "" {
		socket = cfg.Paths.Socket()
	}
	_, err := askReload(cmd.Context(), g, socket, "?told=true")
	var code *exitError
	switch {
	case err == nil:
		_, err = fmt.Fprintln(out, "The running gateway was told and connects now. See how it goes: portti status")
		return err
	case errors.As(err, &code) && code.code == exitNotRunning:
		_, err = fmt.Fprintln(out, "The gateway is not running. Start it: sudo portti service start")
		return err
	}
	_, err = fmt.Fprintln(out, "The running gateway could not be told; it notices by itself within 10 seconds. See how it goes: portti status")
	return err
}

// maxSecret bounds what is read as a token: a wrong file is noticed.
const maxSecret = 64 << 10

// readSecret takes it from a file, from a pipe or from the terminal.
func readSecret(cmd *cobra.Command, source, what string) (string, error) {
	in := cmd.InOrStdin()
	switch terminal, isFile := in.(*os.File); {
	case source != "" && source != "-":
		f, err := os.Open(source)
		if err != nil {
			return "", fmt.Errorf("cannot read the %s: %w", what, err)
		}
		defer f.Close()
		in = f
	case source == "" && isFile && isTerminal(terminal):
		text, err := readHidden(cmd.Context(), terminal, cmd.OutOrStdout(), "Paste the "+what+" and press Enter (it is not shown): ")
		if err != nil {
			return "", err
		}
		return oneSecret(text, what)
	}
	text, err := io.ReadAll(io.LimitReader(in, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("cannot read the %s: %w", what, err)
	}
	return oneSecret(string(text), what)
}
