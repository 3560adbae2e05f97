package kanuusql_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite"

	kanuusql "github.com/kanuu-io/kanuu-go/adapters/sql"
)

func TestMain(m *testing.M) {
	if os.Getenv(childDSN) != "" {
		serveChild()
		return
	}
	ignored := goleak.IgnoreCurrent()
	status := m.Run()
	for _, e := range engines {
		e.stop()
	}
	if err := goleak.Find(ignored); err != nil && status == 0 {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// engine is a database server of the tests, started by the first test that needs it.
type engine struct {
	dialect    kanuusql.Dialect
	driver     string
	program    string // is looked for in PATH and in these folders
	folders    string
	install    string // the Debian package
	start      func(tb testing.TB, e *engine)
	once       sync.Once
	folder     string
	process    *exec.Cmd
	stopSignal os.Signal
	databases  atomic.Int64
}

var engines = []*engine{
	{dialect: kanuusql.SQLite, driver: "sqlite"},
	{
		dialect: kanuusql.Postgres, driver: "pgx", program: "postgres", folders: "/usr/lib/postgresql/*/bin",
		install: "postgresql", start: startPostgres, stopSignal: os.Interrupt,
	},
	{
		dialect: kanuusql.MySQL, driver: "mysql", program: "mariadbd", folders: "/usr/sbin", install: "mariadb-server-core",
		start: startMariaDB, stopSignal: os.Kill,
	},
}

// onEachEngine runs a test on SQLite, PostgreSQL and MariaDB. A machine without the
// servers skips them, except in CI.
func onEachEngine(t *testing.T, test func(t *testing.T, db *database)) {
	t.Helper()
	for _, e := range engines {
		t.Run(string(e.dialect), func(t *testing.T) {
			t.Parallel()
			test(t, e.newDatabase(t))
		})
	}
}

// database is an empty database of an engine.
type database struct {
	*engine
	dsn string
}

func (e *engine) newDatabase(tb testing.TB) *database {
	tb.Helper()
	if e.program == "" {
		dsn := "file:" + filepath.Join(tb.TempDir(), "app.db") + "?_pragma=busy_timeout(3000)&_pragma=journal_mode(wal)"
		return &database{e, dsn}
	}
	if e.find(e.program) == "" {
		missing := e.program + " is missing: apt-get install " + e.install
		if os.Getenv("CI") == "true" {
			tb.Fatal(missing)
		}
		tb.Skip(missing)
	}
	e.once.Do(func() { e.start(tb, e) })
	require.NotNil(tb, e.process, "the server did not start")
	name := fmt.Sprintf("app%d", e.databases.Add(1))
	admin, err := sql.Open(e.driver, e.dsn("postgres"))
	require.NoError(tb, err)
	defer func() { _ = admin.Close() }()
	_, err = admin.ExecContext(tb.Context(), "CREATE DATABASE "+name)
	require.NoError(tb, err)
	return &database{e, e.dsn(name)}
}

func (e *engine) dsn(name string) string {
	if e.dialect == kanuusql.Postgres {
		return fmt.Sprintf("host=%s user=kanuu dbname=%s", e.folder, name)
	}
	if name == "postgres" {
		name = ""
	}
	return fmt.Sprintf("root@unix(%s/socket)/%s", e.folder, name)
}

// open makes a pool of connections, as an instance of the application has one.
func (d *database) open(tb testing.TB) *sql.DB {
	tb.Helper()
	db, err := sql.Open(d.driver, d.dsn)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

// store makes the store of an instance, with its tables.
func (d *database) store(tb testing.TB, db *sql.DB) *kanuusql.Store {
	tb.Helper()
	store, err := kanuusql.New(db, d.dialect, nil)
	require.NoError(tb, err)
	require.NoError(tb, store.Migrate(tb.Context()))
	return store
}

// find is the path of a program of the engine; empty without one.
func (e *engine) find(program string) string {
	if path, err := exec.LookPath(program); err == nil {
		if target, err := filepath.EvalSymlinks(path); err == nil { // a server looks for its files beside it
			return target
		}
	}
	found, err := filepath.Glob(filepath.Join(e.folders, program))
	if err != nil || len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// command runs a program of the engine as an unprivileged user, because servers refuse
// to run as root. It ends with the tests, however these end.
func (e *engine) command(program string, args ...string) *exec.Cmd {
	args = append([]string{e.find(program)}, args...)
	if _, err := exec.LookPath("setpriv"); err == nil { // on Linux
		prefix := []string{"setpriv", "--pdeathsig", "QUIT"}
		if os.Geteuid() == 0 {
			prefix = append(prefix, "--reuid", "nobody", "--regid", "nogroup", "--clear-groups")
		}
		args = append(prefix, args...)
	}
	cmd := exec.Command(args[0], args[1:]...) //nolint:gosec // the arguments are the test's own
	cmd.Dir, cmd.Env = e.folder, append(os.Environ(), "HOME="+e.folder)
	return cmd
}

// run starts the server, and waits until it answers.
func (e *engine) run(tb testing.TB, prepare *exec.Cmd, server *exec.Cmd) {
	tb.Helper()
	output, err := prepare.CombinedOutput()
	require.NoError(tb, err, string(output))
	log, err := os.Create(filepath.Join(e.folder, "log"))
	require.NoError(tb, err)
	defer func() { _ = log.Close() }()
	server.Stdout, server.Stderr = log, log
	require.NoError(tb, server.Start())
	e.process = server
	db, err := sql.Open(e.driver, e.dsn("postgres"))
	require.NoError(tb, err)
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	for err = db.PingContext(ctx); err != nil && ctx.Err() == nil; err = db.PingContext(ctx) {
		time.Sleep(10 * time.Millisecond)
	}
	require.NoError(tb, err)
}

func (e *engine) newFolder(tb testing.TB) {
	tb.Helper()
	var err error
	e.folder, err = os.MkdirTemp("", "kanuusql") //nolint:usetesting // outlives the test, and is short because sockets are in it
	require.NoError(tb, err)
	if os.Geteuid() == 0 {
		nobody, err := user.Lookup("nobody")
		require.NoError(tb, err)
		uid, err := strconv.Atoi(nobody.Uid)
		require.NoError(tb, err)
		require.NoError(tb, os.Chown(e.folder, uid, -1))
	}
}

func startPostgres(tb testing.TB, e *engine) {
	tb.Helper()
	e.newFolder(tb)
	data := filepath.Join(e.folder, "data")
	e.run(tb, e.command("initdb", "-D", data, "-U", "kanuu", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"),
		e.command("postgres", "-D", data, "-k", e.folder, "-c", "listen_addresses=", "-c", "fsync=off",
			"-c", "max_connections=200"))
}

func startMariaDB(tb testing.TB, e *engine) {
	tb.Helper()
	e.newFolder(tb)
	e.run(tb, e.command("sh", "-c", "mkdir data"), // without grants, nothing has to be in it
		e.command("mariadbd", "--no-defaults", "--datadir="+filepath.Join(e.folder, "data"), "--skip-grant-tables",
			"--skip-networking", "--socket="+filepath.Join(e.folder, "socket"), "--innodb-stats-persistent=0",
			"--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M", "--max-connections=200"))
}

func (e *engine) stop() {
	if e.process == nil {
		return
	}
	_ = e.process.Process.Signal(e.stopSignal)
	_ = e.process.Wait()
	_ = os.RemoveAll(e.folder)
}
