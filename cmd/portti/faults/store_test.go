//go:build faults

package faults

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// landing is what docs/brokers.md describes: a broker, a database, and a program that
// carries readings from one to the other, each as the page has it.
type landing struct {
	t     *testing.T
	dir   string // with the files of the page, and what Node needs
	env   []string
	nodes []*program
	store *program

	clients string   // addresses of the nodes inside
	urls    []string // and for gateways
	uplink  string   // what a gateway needs besides
	saves   string   // file in which the broker keeps what it has
}

// program is one that is killed and started again.
type program struct {
	t    *testing.T
	dir  string
	argv []string
	env  []string
	log  string

	mu  sync.Mutex
	cmd *exec.Cmd
}

func (p *program) command() *exec.Cmd {
	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Dir, cmd.Env = p.dir, p.env
	return cmd
}

func (p *program) start() {
	p.t.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd = p.command()
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		p.t.Error(err)
	}
}

// kill is kill -9.
func (p *program) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.cmd.Process.Kill()
	_, _ = p.cmd.Process.Wait()
}

// keep starts it and does so again whenever it ends, as a service.
func (p *program) keep() {
	ended, over := make(chan struct{}), make(chan struct{})
	p.start()
	go func() {
		defer close(ended)
		for {
			p.mu.Lock()
			cmd := p.cmd
			p.mu.Unlock()
			_ = cmd.Wait()
			select {
			case <-over:
				return
			case <-time.After(100 * time.Millisecond):
				p.start()
			}
		}
	}()
	p.t.Cleanup(func() { close(over); p.crash(); <-ended })
}

// crash is kill -9 of one that is kept.
func (p *program) crash() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.cmd.Process.Kill()
}

// newLanding has the database and the files of the page, and no broker yet.
func newLanding(t *testing.T) *landing {
	t.Helper()
	needRoot(t)
	l := &landing{t: t, dir: rig.Folder(t)}
	text, err := os.ReadFile("../../../docs/brokers.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)<!-- file: (\\S+) -->\n```\\w+\n(.*?)\n```\n").FindAllSubmatch(text, -1) {
		l.write(string(m[1]), m[2])
	}
	table := regexp.MustCompile("(?s)```sql\n(.*?)\n```\n").FindSubmatch(text)
	for _, name := range []string{"package.json", "package-lock.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		l.write(name, data)
	}
	_, err = exec.LookPath("npm")
	testkit.Need(t, "npm", err)
	install := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = l.dir
	if out, err := install.CombinedOutput(); err != nil {
		testkit.Need(t, "the packages of Node", fmt.Errorf("npm ci: %w\n%s", err, out))
	}
	l.database()
	l.query(string(table[1]))
	return l
}

func (l *landing) write(name string, text []byte) {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.dir, name), append(text, '\n'), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// database starts PostgreSQL, which refuses to be root.
func (l *landing) database() {
	l.t.Helper()
	const bin = "/usr/lib/postgresql/15/bin/"
	_, err := os.Stat(bin + "postgres")
	testkit.Need(l.t, "PostgreSQL 15", err)
	dir := rig.Folder(l.t)
	command(l.t, "chown", "postgres", dir)
	command(l.t, "runuser", "-u", "postgres", "--", bin+"initdb", "-D", dir+"/data", "-A", "trust", "-N")
	server := exec.Command("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", bin+"postgres", "-D", dir+"/data", "-k", dir, "-c", "listen_addresses=")
	if err := server.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = server.Process.Signal(syscall.SIGQUIT); _ = server.Wait() })
	l.env = append(rig.PlainEnv(), "PGHOST="+dir, "PGUSER=postgres", "STORE_PASSWORD=st0re", "GATEWAY_PASSWORD=gatew4y")
	testkit.Eventually(l.t, "the database answers", func() bool {
		ready := exec.Command(bin+"pg_isready", "-q")
		ready.Env = l.env
		return ready.Run() == nil
	})
}

func (l *landing) query(sql string) string {
	l.t.Helper()
	cmd := exec.Command("psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", sql)
	cmd.Env = l.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		l.t.Fatalf("%s: %v\n%s", sql, err, out)
	}
	return strings.TrimSpace(string(out))
}

// node runs a program of the page.
func (l *landing) node(name string, args ...string) *program {
	return &program{t: l.t, dir: l.dir, argv: append([]string{"node", name}, args...), env: l.env, log: filepath.Join(l.dir, name+".log")}
}

// certificate makes one for this machine, and has the gateways trust it.
func (l *landing) certificate() (file, key string) {
	l.t.Helper()
	file, key = filepath.Join(l.dir, "cert.pem"), filepath.Join(l.dir, "key.pem")
	command(l.t, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
		"-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", file)
	l.login("nats", file)
	return file, key
}

// login has the gateways come with the password of the page's user.
func (l *landing) login(engine, ca string) {
	password := filepath.Join(l.dir, "password")
	l.write("password", []byte("gatew4y"))
	l.uplink = fmt.Sprintf("engine = %[1]q\nca_file = %[2]q\nauth = \"first-message\"\ntoken_file = %[3]q\n[uplink.%[1]s]\nusername = \"gateway\"\n", engine, ca, password)
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// free gives an address of this machine that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// cluster starts three nodes of NATS with a stream, and what empties it.
func (l *landing) cluster() {
	l.t.Helper()
	certificate, key := l.certificate()
	server, err := exec.LookPath("nats-server")
	testkit.Need(l.t, "nats-server", err)
	var clients, routes []string
	for range 3 {
		clients, routes = append(clients, free(l.t)), append(routes, free(l.t))
	}
	for i := range clients {
		socket, name := free(l.t), "n"+strconv.Itoa(i+1)
		n := &program{t: l.t, dir: l.dir, argv: []string{server, "-c", "nats.conf"}, log: filepath.Join(l.dir, name+".log")}
		n.env = append(l.env[:len(l.env):len(l.env)], "NODE="+name, "CLIENTS="+clients[i], "WEBSOCKET="+socket, "CLUSTER="+routes[i],
			"STORE="+filepath.Join(l.dir, name), "CERT="+certificate, "KEY="+key)
		for k, r := range routes {
			n.env = append(n.env, fmt.Sprintf("ROUTE%d=nats://%s", k+1, r))
		}
		n.start()
		l.t.Cleanup(n.kill)
		l.nodes, l.urls = append(l.nodes, n), append(l.urls, "wss://"+socket)
	}
	l.clients = strings.Join(clients, ",")
	testkit.Eventually(l.t, "the cluster takes the stream", func() bool {
		return l.node("stream.js", l.clients, "3").command().Run() == nil
	})
	l.store = l.node("store-nats.js", l.clients)
	l.store.keep()
}

// rows takes what the table holds for the oracle of each site, and says how many there are.
func (l *landing) rows(sites ...*site) (n int) {
	l.t.Helper()
	for _, row := range strings.Split(l.query("SELECT message FROM reading ORDER BY gw, epoch, n"), "\n") {
		var m struct{ TsmTuid string }
		if err := json.Unmarshal([]byte(row), &m); err != nil {
			l.t.Fatalf("a row is %q: %v", row, err)
		}
		for _, s := range sites {
			if s.Line().Tuid == m.TsmTuid {
				s.Oracle.Take([]byte(row), false)
				n++
			}
		}
	}
	return n
}

// mosquitto starts that broker, and what empties it.
func (l *landing) mosquitto() {
	l.t.Helper()
	server, err := exec.LookPath("mosquitto")
	if err != nil {
		server, err = exec.LookPath("/usr/sbin/mosquitto")
	}
	testkit.Need(l.t, "mosquitto", err)
	text, err := os.ReadFile(filepath.Join(l.dir, "mosquitto.conf"))
	if err != nil {
		l.t.Fatal(err)
	}
	inside, socket := free(l.t), free(l.t)
	data := rig.Folder(l.t)
	conf := strings.NewReplacer("/etc/mosquitto/", l.dir+"/", "/var/lib/mosquitto/", data+"/",
		"1883 127.0.0.1", port(inside)+" 127.0.0.1", "8083 127.0.0.1", port(socket)+" 127.0.0.1").Replace(string(text))
	l.write("mosquitto.conf", []byte("user root\n"+conf))
	for i, user := range []string{"gateway gatew4y", "store st0re"} {
		name, password, _ := strings.Cut(user, " ")
		command(l.t, append([]string{"mosquitto_passwd"}, append([]string{"-c", "-b"}[min(i, 1):], filepath.Join(l.dir, "passwords"), name, password)...)...)
	}
	n := &program{t: l.t, dir: l.dir, argv: []string{server, "-c", "mosquitto.conf"}, env: l.env, log: filepath.Join(l.dir, "mosquitto.log")}
	n.start()
	l.t.Cleanup(n.kill)
	l.nodes, l.urls, l.saves = append(l.nodes, n), []string{"ws://" + socket + "/mqtt"}, filepath.Join(data, "mosquitto.db")
	l.login("mqtt", "")
	testkit.Eventually(l.t, "the broker listens", func() bool {
		c, err := net.Dial("tcp", socket)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	l.store = l.node("store-mqtt.js", "mqtt://"+inside)
	l.store.keep()
}

// saved waits until the broker has written down what it had a moment ago, its sessions included.
func (l *landing) saved() {
	l.t.Helper()
	from := time.Now()
	testkit.Eventually(l.t, "the broker has saved what it has", func() bool {
		info, err := os.Stat(l.saves)
		return err == nil && info.ModTime().After(from)
	})
}

// drained waits until the consumer has taken everything that the stream holds.
func (l *landing) drained() {
	l.t.Helper()
	testkit.Eventually(l.t, "the consumer has taken everything", func() bool {
		out, err := l.node("backlog.js", l.clients).command().Output()
		return err == nil && strings.TrimSpace(string(out)) == "0"
	}, func() string {
		text, _ := os.ReadFile(l.store.log)
		return "the consumer said: " + string(text)
	})
}

// site is a gateway that sends to the broker.
func (l *landing) site(line string) *site {
	l.t.Helper()
	s := newSite(l.t, testbed.Options{}, line)
	s.URL, s.Uplink = "", l.reach(l.urls...)
	return s
}

// reach is the settings of a gateway for these addresses of the broker.
func (l *landing) reach(urls ...string) string {
	return "urls = [\"" + strings.Join(urls, "\", \"") + "\"]\n" + l.uplink
}

// Gateway, a node of the broker and the consumer are killed in turn and together while
// readings flow. In the end the table holds every reading that the gateway had accepted,
// and each that it holds once.
func TestStoredExactlyOnce(t *testing.T) {
	t.Parallel()
	l := newLanding(t)
	l.cluster()
	seed := uint64(number("PORTTI_SEED", int(time.Now().UnixNano()&0xffffff)))
	t.Logf("PORTTI_SEED=%d", seed)
	k := killer{site: l.site("panel"), rand: rand.New(rand.NewPCG(seed, 1))}
	k.Buffer = "commit_every = \"200ms\""
	for round := range number("PORTTI_KILLS", 9) {
		k.among(l, round)
	}
	g := k.Start()
	st := g.Until("everything is delivered", rig.Drained)
	l.drained()
	rows := l.rows(k.site)
	k.judge(st)
	g.Stop()
	if n := k.Oracle.Count(k.Line().Tuid); rows != n || k.Oracle.Repeats() != 0 {
		t.Errorf("%d rows of %d readings", rows, n)
	}
	t.Logf("%d fed, %d accepted at the time of a kill, %d rows, %d missing (never accepted)", k.Line().Count(), k.accepted, rows, k.lost)
}

// among is one life of the gateway, in which what is behind it dies too.
func (k *killer) among(l *landing, round int) {
	k.Helper()
	moment := func() { time.Sleep(time.Duration(k.rand.IntN(1000)) * time.Millisecond) }
	g := k.Start()
	before := g.Status()
	life := life{first: k.Line().Count() + 1}
	stop := k.Line().Flow(2 * time.Millisecond)
	node := l.nodes[k.rand.IntN(len(l.nodes))]
	moment()
	if round%3 != 1 {
		node.kill()
		moment()
	}
	if round%3 != 2 {
		l.store.crash()
	}
	moment()
	now := g.Status()
	g.Kill()
	life.killed = time.Now()
	stop()
	k.Line().Clear()
	if round%3 != 1 {
		node.start()
	}
	life.last = k.Line().Count()
	life.accepted = life.first - 1 + int(now.Totals.Accepted-before.Totals.Accepted)
	k.lives = append(k.lives, life)
}

// A card is copied while readings wait on it, and both gateways go on: what both took over
// is stored once, and what each has read since is stored too.
func TestClonesAreStoredExactlyOnce(t *testing.T) {
	t.Parallel()
	l := newLanding(t)
	l.cluster()
	one, two := l.site("panel"), l.site("clone")
	one.Uplink = l.reach("wss://" + free(t))
	g := one.Start()
	one.Line().Feed(300)
	g.Until("they are on disk", func(st *status.Document) bool { return st.Buffer.WaitingDisk == 300 })
	g.Stop()
	command(t, "cp", "-a", one.State, two.State)
	one.Uplink = l.reach(l.urls...)
	sites := []*site{one, two}
	for _, s := range sites {
		g := s.Start()
		s.Line().Feed(200)
		g.Until("everything is delivered", func(st *status.Document) bool { return rig.Drained(st) && st.Totals.Read >= 500 })
		defer g.Stop()
	}
	l.drained()
	rows := l.rows(sites...)
	for _, s := range sites {
		s.Whole(nil)
	}
	if rows != 700 {
		t.Errorf("%d rows, not 300 that both had and 200 of each", rows)
	}
}

// The same with Mosquitto, which acknowledges what is in its memory: what it had not
// written down when it was killed the gateway sends again.
func TestStoredExactlyOnceByMosquitto(t *testing.T) {
	t.Parallel()
	l := newLanding(t)
	l.mosquitto()
	seed := uint64(number("PORTTI_SEED", int(time.Now().UnixNano()&0xffffff)))
	t.Logf("PORTTI_SEED=%d", seed)
	k := killer{site: l.site("panel"), rand: rand.New(rand.NewPCG(seed, 1))}
	k.Buffer = "commit_every = \"200ms\""
	for range number("PORTTI_KILLS", 9) / 3 {
		l.saved() // the last crash is behind it: one is covered, two at once are not
		k.broker(l)
		l.saved()
		k.among(l, 1)
	}
	g := k.Start()
	st := g.Until("everything is delivered", rig.Drained)
	testkit.Eventually(t, "every accepted reading is stored", func() bool {
		l.rows(k.site)
		for _, life := range k.lives {
			if len(k.Oracle.Missing(k.Line().Tuid, life.first, life.accepted)) > 0 {
				return false
			}
		}
		return true
	}, g.Picture)
	k.Oracle = rig.NewOracle()
	rows := l.rows(k.site)
	k.judge(st)
	g.Stop()
	if n := k.Oracle.Count(k.Line().Tuid); rows != n || k.Oracle.Repeats() != 0 {
		t.Errorf("%d rows of %d readings", rows, n)
	}
	t.Logf("%d fed, %d accepted at the time of a kill, %d rows, %d missing (never accepted)", k.Line().Count(), k.accepted, rows, k.lost)
}

// broker is one life of the gateway in which the broker is killed and comes back, and
// which ends in order.
func (k *killer) broker(l *landing) {
	k.Helper()
	g := k.Start()
	life := life{first: k.Line().Count() + 1}
	stop := k.Line().Flow(2 * time.Millisecond)
	for range 2 {
		time.Sleep(time.Duration(k.rand.IntN(1500)) * time.Millisecond)
		if life.last == 0 {
			l.nodes[0].kill()
			life.last = 1
		}
	}
	l.nodes[0].start()
	time.Sleep(time.Duration(k.rand.IntN(1500)) * time.Millisecond)
	stop()
	g.Until("everything is delivered", rig.Drained)
	life.last, life.accepted, life.killed = k.Line().Count(), k.Line().Count(), time.Now()
	k.lives = append(k.lives, life)
	g.Stop()
}
